// SPDX-License-Identifier: MIT
/*
 * Threads that sleep in system calls, each in another one, until SIGUSR1 wakes
 * them; a call that fails instead is told.
 */
#include "common.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Longer than any test. */
#define TIMEOUT_S 3600

struct sleeper {
	const char *call;
	int (*sleep)(struct sleeper *s);
	int efd;
	int result, error;
	pthread_t thread;
};

static uint32_t futex_word;

static int in_poll(struct sleeper *s)
{
	struct pollfd p = { .fd = s->efd, .events = POLLIN };

	return poll(&p, 1, -1);
}

static int in_poll_timeout(struct sleeper *s)
{
	struct pollfd p = { .fd = s->efd, .events = POLLIN };

	return poll(&p, 1, TIMEOUT_S * 1000);
}

static int in_select(struct sleeper *s)
{
	struct timeval timeout = { .tv_sec = TIMEOUT_S };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(s->efd, &set);
	return select(s->efd + 1, &set, NULL, NULL, &timeout);
}

static int in_epoll(struct sleeper *s)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epfd = epoll_create1(0);

	if (epoll_ctl(epfd, EPOLL_CTL_ADD, s->efd, &event))
		return -1;
	return epoll_wait(epfd, &event, 1, -1);
}

static int in_read(struct sleeper *s)
{
	uint64_t value;

	return read(s->efd, &value, sizeof(value)) == sizeof(value) ? 1 : -1;
}

static int in_futex(struct sleeper *s)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += TIMEOUT_S;
	return syscall(SYS_futex, &futex_word, FUTEX_WAIT_BITSET, 0, &until, NULL,
		       FUTEX_BITSET_MATCH_ANY) ? -1 : 1;
}

static struct sleeper sleepers[] = {
	{ .call = "poll", .sleep = in_poll },
	{ .call = "poll with a timeout", .sleep = in_poll_timeout },
	{ .call = "select", .sleep = in_select },
	{ .call = "epoll_wait", .sleep = in_epoll },
	{ .call = "read", .sleep = in_read },
	{ .call = "futex", .sleep = in_futex },
};

static void *run(void *arg)
{
	struct sleeper *s = arg;

	s->result = s->sleep(s);
	s->error = errno;
	return NULL;
}

int main(void)
{
	sigset_t set;
	int bad = 0, sig;
	size_t i;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (i = 0; i < ARRAY_SIZE(sleepers); i++) {
		sleepers[i].efd = eventfd(0, 0);
		if (sleepers[i].efd < 0 || pthread_create(&sleepers[i].thread, NULL, run, &sleepers[i]))
			die("a thread cannot be made: %m");
	}
	/* Until the last one is asleep. */
	sleep(1);
	puts("asleep");
	fflush(stdout);
	sigwait(&set, &sig);
	for (i = 0; i < ARRAY_SIZE(sleepers); i++)
		eventfd_write(sleepers[i].efd, 1);
	__atomic_store_n(&futex_word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &futex_word, FUTEX_WAKE, 1);
	for (i = 0; i < ARRAY_SIZE(sleepers); i++) {
		pthread_join(sleepers[i].thread, NULL);
		if (sleepers[i].result == 1)
			continue;
		bad = 1;
		errno = sleepers[i].error;
		printf("%s returned %d: %m\n", sleepers[i].call, sleepers[i].result);
	}
	puts(bad ? "bad" : "good");
	return bad;
}
