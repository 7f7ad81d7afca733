// SPDX-License-Identifier: MIT
#include "common.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int listen_once(int port)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int one = 1, zero = 0;
	int ls = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd;

	if (ls < 0)
		die("socket: %m");
	setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(ls, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(ls, (struct sockaddr *)&addr, sizeof(addr)) || listen(ls, 1))
		die("listen on port %d: %m", port);
	fprintf(stderr, "listening on %d\n", port);
	do {
		fd = accept4(ls, NULL, NULL, SOCK_CLOEXEC);
	} while (fd < 0 && errno == EINTR && !quit_requested);
	if (fd < 0)
		die("accept on port %d: %m", port);
	close(ls);
	return fd;
}

static int connect_retry(const char *host, int port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *res;
	char service[16];
	int fd, rc;

	snprintf(service, sizeof(service), "%d", port);
	rc = getaddrinfo(host, service, &hints, &res);
	if (rc)
		die("%s: %s", host, gai_strerror(rc));
	for (int i = 0; i < 300 && !quit_requested; i++) {
		fd = socket(res->ai_family, res->ai_socktype | SOCK_CLOEXEC, 0);
		if (fd < 0)
			die("socket: %m");
		if (!connect(fd, res->ai_addr, res->ai_addrlen)) {
			freeaddrinfo(res);
			return fd;
		}
		close(fd);
		usleep(200000);
	}
	die("connect to %s port %d: %m", host, port);
}

int exchange_open(const struct options *o, int proc)
{
	return o->server ? listen_once(o->port + proc) : connect_retry(o->host, o->port + proc);
}

void exchange_swap(int fd, const void *mine, void *theirs, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = send(fd, (const char *)mine + done, len - done, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			die("exchange, send: %m");
		done += n > 0 ? n : 0;
	}
	for (done = 0; done < len;) {
		n = recv(fd, (char *)theirs + done, len - done, 0);
		if (n == 0 || (n < 0 && errno != EINTR))
			die("exchange, receive: %s", n ? strerror(errno) : "the peer closed");
		done += n > 0 ? n : 0;
	}
}

void exchange_close(int fd)
{
	close(fd);
}
