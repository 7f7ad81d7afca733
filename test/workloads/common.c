// SPDX-License-Identifier: MIT
#include "common.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

volatile sig_atomic_t stop_requested;
volatile sig_atomic_t quit_requested;
volatile sig_atomic_t status_requested;

static void on_signal(int sig)
{
	if (sig == SIGUSR1)
		stop_requested = 1;
	else if (sig == SIGUSR2)
		status_requested = 1;
	else
		quit_requested = 1;
}

void install_signals(void)
{
	static const int sigs[] = { SIGUSR1, SIGUSR2, SIGTERM, SIGINT };
	struct sigaction sa = { .sa_handler = on_signal };

	for (size_t i = 0; i < ARRAY_SIZE(sigs); i++)
		sigaction(sigs[i], &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

void result_error(struct result *r, const char *fmt, ...)
{
	uint32_t n = __atomic_fetch_add(&r->nerrors, 1, __ATOMIC_RELAXED);
	va_list ap;

	if (n >= MAX_ERRORS)
		return;
	va_start(ap, fmt);
	vsnprintf(r->errors[n], ERROR_LEN, fmt, ap);
	va_end(ap);
}

void result_add(struct result *sum, const struct result *r)
{
	sum->sent += r->sent;
	sum->received += r->received;
	sum->bytes_sent += r->bytes_sent;
	sum->bytes_received += r->bytes_received;
	sum->sends += r->sends;
	sum->writes += r->writes;
	sum->reads += r->reads;
	sum->faa += r->faa;
	sum->cas += r->cas;
	sum->acks += r->acks;
	sum->writes_verified += r->writes_verified;
	for (uint32_t i = 0; i < r->nerrors; i++)
		result_error(sum, "%s", i < MAX_ERRORS ? r->errors[i] : "(not kept)");
}

/* The errors are our own texts: nothing in them needs escaping. */
void result_print(int fd, const char *role, const struct result *r, int lanes, bool ok)
{
	dprintf(fd,
		"{\"ok\":%s,\"role\":\"%s\",\"pid\":%d,\"qps\":%d,\"sent\":%lu,\"received\":%lu,"
		"\"bytesSent\":%lu,\"bytesReceived\":%lu,\"ops\":{\"send\":%lu,\"write\":%lu,\"read\":%lu,"
		"\"fetchAdd\":%lu,\"compareSwap\":%lu},\"writesVerified\":%lu,\"acks\":%lu,\"errorCount\":%u,"
		"\"errors\":[",
		ok ? "true" : "false", role, getpid(), lanes, r->sent, r->received, r->bytes_sent,
		r->bytes_received, r->sends, r->writes, r->reads, r->faa, r->cas, r->writes_verified,
		r->acks, r->nerrors);
	for (uint32_t i = 0; i < r->nerrors && i < MAX_ERRORS; i++)
		dprintf(fd, "%s\"%s\"", i ? "," : "", r->errors[i]);
	dprintf(fd, "]}\n");
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

void *page_alloc(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mmap of %zu bytes: %m", len);
	memset(p, POISON, len);
	return p;
}
