/* SPDX-License-Identifier: MIT */
/*
 * The lab's agent: process 1 of a node.  It reaps orphans and serves command
 * execution on a TCP port of the control interface: one connection, one
 * command.
 *
 * A connection carries frames in both directions: one type byte, a 32-bit
 * big-endian length, the payload.
 *
 *   to the agent   X  start: NUL-terminated strings: working directory, file
 *                     for detached output (empty: attached), number of
 *                     environment entries, the entries, the arguments
 *                  I  bytes for standard input      C  end of standard input
 *                  K  one byte: signal for the command's process group
 *   to the client  P  process id, decimal
 *                  O  standard output               E  standard error
 *                  R  "exit N" or "signal N": the last frame
 *                  F  "ERRNO text": the command could not be started
 *
 * The command ends when its process ends: what it wrote is delivered, output
 * of background processes that it left behind is not waited for.  A client
 * that goes away takes the command's process group with it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRAME_MAX	(1u << 20)
#define CHUNK		65536

static char *frame;	/* payload of the frame being handled, FRAME_MAX + 1 bytes */

static int write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		p += n;
		len -= n;
	}
	return 0;
}

static int read_all(int fd, void *buf, size_t len)
{
	char *p = buf;

	while (len) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		len -= n;
	}
	return 0;
}

static int send_frame(int sock, char type, const void *payload, uint32_t len)
{
	char head[5] = { type };
	uint32_t be = htonl(len);

	memcpy(head + 1, &be, 4);
	if (send(sock, head, 5, MSG_MORE * !!len | MSG_NOSIGNAL) != 5)
		return -1;
	return write_all(sock, payload, len);
}

/* Returns the type, -1 when the client is gone or breaks the protocol. */
static int recv_frame(int sock, uint32_t *len)
{
	unsigned char head[5];

	if (read_all(sock, head, 5))
		return -1;
	memcpy(len, head + 1, 4);
	*len = ntohl(*len);
	if (*len > FRAME_MAX || read_all(sock, frame, *len))
		return -1;
	frame[*len] = 0;
	return head[0];
}

struct command {
	char *cwd, *log;
	char **env, **argv;
};

static int parse_command(uint32_t len, struct command *c)
{
	static char *words[8192];
	char *p = frame, *end = frame + len;
	unsigned int n = 0, nenv;

	while (p < end && n < 8190) {
		words[n++] = p;
		p += strlen(p) + 1;
	}
	if (p < end || n < 4)
		return -1;
	nenv = atoi(words[2]);
	if (nenv + 4 > n)
		return -1;
	c->cwd = words[0];
	c->log = words[1];
	c->env = malloc((nenv + 1) * sizeof(char *));
	if (!c->env)
		return -1;
	memcpy(c->env, words + 3, nenv * sizeof(char *));
	c->env[nenv] = NULL;
	c->argv = words + 3 + nenv;
	words[n] = NULL;
	return 0;
}

/* In the child.  Does not return; a failure is told through errfd. */
static void run_command(const struct command *c, int in, int out, int err, int errfd)
{
	int failure;

	if (c->log[0]) {
		in = open("/dev/null", O_RDONLY | O_CLOEXEC);
		out = err = open(c->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	}
	if (in >= 0 && out >= 0 && dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(err, 2) == 2 &&
	    chdir(c->cwd) == 0) {
		signal(SIGPIPE, SIG_DFL);
		for (char **e = c->env; *e; e++)
			putenv(*e);
		execvp(c->argv[0], c->argv);
	}
	failure = errno;
	write_all(errfd, &failure, sizeof(failure));
	_exit(127);
}

struct session {
	int sock, in, out, err, sigs;
	pid_t pid;
	char *pending;		/* standard input not yet taken by the command */
	size_t pending_len, pending_off;
};

/* Forwards what is there now.  0: nothing left or closed. */
static int forward(struct session *s, int *fd, char type)
{
	static char buf[CHUNK];
	ssize_t n = read(*fd, buf, sizeof(buf));

	if (n > 0)
		return send_frame(s->sock, type, buf, n) ? -1 : 1;
	if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(*fd);
		*fd = -1;
	}
	return 0;
}

static void close_input(struct session *s)
{
	if (s->in >= 0)
		close(s->in);
	s->in = -1;
	s->pending_len = s->pending_off = 0;
}

static void feed(struct session *s)
{
	ssize_t n;

	if (s->in < 0)
		return;
	n = write(s->in, s->pending + s->pending_off, s->pending_len - s->pending_off);
	if (n > 0)
		s->pending_off += n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		close_input(s);
	if (s->pending_off == s->pending_len)
		s->pending_len = s->pending_off = 0;
}

static int from_client(struct session *s)
{
	uint32_t len;
	int type = recv_frame(s->sock, &len);

	switch (type) {
	case 'I':
		memcpy(s->pending, frame, len);
		s->pending_len = len;
		s->pending_off = 0;
		if (s->in < 0)
			s->pending_len = 0;
		else
			feed(s);
		return 0;
	case 'C':
		close_input(s);
		return 0;
	case 'K':
		if (len == 1)
			kill(-s->pid, frame[0]);
		return 0;
	}
	return -1;
}

/*
 * After the last frame.  Closing a socket with unread frames of the client in it would reset the connection, and
 * the last frame could be lost with it.
 */
static void leave(int sock, int status)
{
	struct timeval patience = { .tv_sec = 10 };

	shutdown(sock, SHUT_WR);
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	while (read(sock, frame, FRAME_MAX) > 0)
		;
	_exit(status);
}

static void hang_up(struct session *s)
{
	kill(-s->pid, SIGTERM);
	for (int i = 0; i < 20; i++) {
		if (waitpid(s->pid, NULL, WNOHANG) == s->pid)
			break;
		usleep(100000);
	}
	kill(-s->pid, SIGKILL);
	_exit(1);
}

static void finish(struct session *s, int status)
{
	char text[32];

	while (s->out >= 0 && forward(s, &s->out, 'O') > 0)
		;
	while (s->err >= 0 && forward(s, &s->err, 'E') > 0)
		;
	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "signal %d", WTERMSIG(status));
	else
		snprintf(text, sizeof(text), "exit %d", WEXITSTATUS(status));
	send_frame(s->sock, 'R', text, strlen(text));
	leave(s->sock, 0);
}

static void relay(struct session *s)
{
	for (;;) {
		struct pollfd p[5] = {
			/* Unread input blocks further frames, never the news that the client left. */
			{ s->sock, POLLRDHUP | (s->pending_len ? 0 : POLLIN), 0 },
			{ s->out, POLLIN, 0 },
			{ s->err, POLLIN, 0 },
			{ s->sigs, POLLIN, 0 },
			{ s->pending_len ? s->in : -1, POLLOUT, 0 },
		};
		int status;

		if (poll(p, 5, -1) < 0)
			continue;
		if ((p[1].revents && forward(s, &s->out, 'O') < 0) ||
		    (p[2].revents && forward(s, &s->err, 'E') < 0))
			hang_up(s);
		if (p[4].revents)
			feed(s);
		if (p[3].revents) {
			struct signalfd_siginfo info;

			if (read(s->sigs, &info, sizeof(info)) > 0 &&
			    waitpid(s->pid, &status, WNOHANG) == s->pid)
				finish(s, status);
		}
		if (p[0].revents & POLLIN) {
			if (from_client(s))
				hang_up(s);
		} else if (p[0].revents) {
			hang_up(s);
		}
	}
}

static void start(int sock, const struct command *c, sigset_t *chld)
{
	struct session s = { .sock = sock };
	int in[2], out[2], err[2], fail[2], failure;
	char text[128];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) ||
	    pipe2(fail, O_CLOEXEC))
		_exit(1);
	s.sigs = signalfd(-1, chld, SFD_CLOEXEC);
	s.pid = fork();
	if (s.pid == 0) {
		sigprocmask(SIG_UNBLOCK, chld, NULL);
		setsid();
		run_command(c, in[0], out[1], err[1], fail[1]);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	close(fail[1]);
	if (s.pid < 0 || read_all(fail[0], &failure, sizeof(failure)) == 0) {
		if (s.pid < 0)
			failure = errno;
		snprintf(text, sizeof(text), "%d %s", failure, strerror(failure));
		send_frame(sock, 'F', text, strlen(text));
		leave(sock, 1);
	}
	snprintf(text, sizeof(text), "%d", s.pid);
	send_frame(sock, 'P', text, strlen(text));
	if (c->log[0])
		leave(sock, 0);

	s.in = in[1];
	s.out = out[0];
	s.err = err[0];
	fcntl(s.in, F_SETFL, O_NONBLOCK);
	fcntl(s.out, F_SETFL, O_NONBLOCK);
	fcntl(s.err, F_SETFL, O_NONBLOCK);
	s.pending = malloc(FRAME_MAX);
	if (!s.pending)
		_exit(1);
	relay(&s);
}

static void serve(int sock, sigset_t *chld)
{
	struct command c;
	uint32_t len;
	char *copy;
	int on = 1;

	signal(SIGPIPE, SIG_IGN);
	setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	/* A node whose host side vanished must not keep its commands. */
	setsockopt(sock, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	if (recv_frame(sock, &len) != 'X' || parse_command(len, &c))
		_exit(1);
	/* The command's strings live in the frame: later frames need another. */
	copy = malloc(FRAME_MAX + 1);
	if (!copy)
		_exit(1);
	frame = copy;
	start(sock, &c, chld);
}

int main(int argc, char **argv)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	int sock, on = 1, sigs;
	sigset_t chld;

	if (argc != 3) {
		fprintf(stderr, "usage: agent ADDRESS PORT\n");
		return 2;
	}
	frame = malloc(FRAME_MAX + 1);
	inet_pton(AF_INET, argv[1], &addr.sin_addr);
	addr.sin_port = htons(atoi(argv[2]));
	sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!frame || bind(sock, (struct sockaddr *)&addr, sizeof(addr)) || listen(sock, 64)) {
		perror("agent: listen");
		return 1;
	}
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	sigs = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);

	for (;;) {
		struct pollfd p[2] = { { sock, POLLIN, 0 }, { sigs, POLLIN, 0 } };
		struct signalfd_siginfo info;
		int conn;

		poll(p, 2, -1);
		while (read(sigs, &info, sizeof(info)) > 0)
			;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		conn = accept4(sock, NULL, NULL, SOCK_CLOEXEC);
		if (conn < 0)
			continue;
		if (fork() == 0)
			serve(conn, &chld);
		close(conn);
	}
}
