// SPDX-License-Identifier: GPL-2.0
#include "watch.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "roam_rxe_client.h"

#define CANCEL 'c'
#define RELEASE 'r'

#define FIRST_LOOK_MS 2
#define LAST_LOOK_MS 100

/* /proc/PID/stat, flags: do_exit() has begun. */
#define PF_EXITING 0x4

/* Between taking its SIGKILL and PF_EXITING a task looks as if it ran on. */
#define LOOKS_THAT_AGREE 3

#define BIT_OF(sig) (1ULL << ((sig) - 1))

struct watched {
	pid_t pid;
	int pidfd, control;
	int *uverbs;
	size_t count;
};

/* It is a zombie only when its memory is gone, which may take seconds. */
static bool exiting(pid_t pid)
{
	char path[64], line[512];
	unsigned int flags = 0;
	const char *end;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	stat = fopen(path, "re");
	if (!stat)
		return true;
	/* The name of the program may have anything in it but a NUL. */
	line[fread(line, 1, sizeof(line) - 1, stat)] = '\0';
	fclose(stat);
	end = strrchr(line, ')');
	return !end || sscanf(end, ") %*c %*d %*d %*d %*d %*d %u", &flags) != 1 || flags & PF_EXITING;
}

enum fate { UNDECIDED, DEAD, RUNS_ON };

/*
 * A stopped task does not run on: whoever stopped it has taken something from
 * it that its QPs need, such as its address, and lets it go on with that back.
 * Nor does one that is traced, by whomever: it may be the next dump by then.
 */
static enum fate look(const struct watched *w)
{
	struct pollfd ended = { .fd = w->pidfd, .events = POLLIN };
	bool traced = false, dying = false, stopped = false;
	char path[64], line[256], state;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", w->pid);
	status = fopen(path, "re");
	while (status && fgets(line, sizeof(line), status)) {
		unsigned long long pending;
		int tracer;

		if (sscanf(line, "TracerPid: %d", &tracer) == 1)
			traced = tracer != 0;
		else if (sscanf(line, "SigPnd: %llx", &pending) == 1 ||
			 sscanf(line, "ShdPnd: %llx", &pending) == 1) {
			dying |= pending & BIT_OF(SIGKILL);
			stopped |= pending & BIT_OF(SIGSTOP);
		} else if (sscanf(line, "State: %c", &state) == 1)
			stopped |= state == 'T';
	}
	if (status)
		fclose(status);
	dying |= exiting(w->pid);
	/* Asked last: a pid that was given away meanwhile shows here. */
	if (poll(&ended, 1, 0) == 1)
		return DEAD;
	return traced || dying || stopped || !status ? UNDECIDED : RUNS_ON;
}

static void wait_for_fate(const struct watched *w)
{
	long ms = FIRST_LOOK_MS;
	int agree = 0;
	enum fate fate;
	size_t i;

	while ((fate = look(w)) != DEAD) {
		const struct timespec pause = { .tv_sec = ms / 1000,
						.tv_nsec = ms % 1000 * 1000000L };

		agree = fate == RUNS_ON ? agree + 1 : 0;
		if (agree == LOOKS_THAT_AGREE)
			break;
		nanosleep(&pause, NULL);
		ms = ms * 2 < LAST_LOOK_MS ? ms * 2 : LAST_LOOK_MS;
	}
	if (fate == DEAD)
		return;
	for (i = 0; i < w->count; i++)
		rxe_client_resume(w->uverbs[i], 0, 0);
}

static int compare_ints(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* CRIU's pipes, sockets and images must see their ends closed when CRIU ends. */
static void close_others(const struct watched *w)
{
	int keep[w->count + 2], last = -1;
	size_t i, n = 0;

	for (i = 0; i < w->count; i++)
		keep[n++] = w->uverbs[i];
	keep[n++] = w->pidfd;
	keep[n++] = w->control;
	qsort(keep, n, sizeof(keep[0]), compare_ints);
	for (i = 0; i < n; i++) {
		if (keep[i] > last + 1)
			syscall(SYS_close_range, (unsigned int)(last + 1),
				(unsigned int)(keep[i] - 1), 0);
		last = keep[i];
	}
	syscall(SYS_close_range, (unsigned int)(last + 1), ~0U, 0);
}

static void __attribute__((noreturn)) run(const struct watched *w)
{
	char order = 0;
	ssize_t n;
	int sig;

	setsid();
	for (sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	close_others(w);
	if (chdir("/"))
		_exit(1);
	do {
		n = read(w->control, &order, 1);
	} while (n < 0 && errno == EINTR);
	if (n != 1 || order != CANCEL)
		wait_for_fate(w);
	_exit(0);
}

int watch_start(pid_t pid, const int *uverbs, size_t count)
{
	int control[2], ret, status;
	struct watched w = { .pid = pid, .uverbs = (int *)uverbs, .count = count };
	pid_t child;

	w.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (w.pidfd < 0)
		return -errno;
	/* A socket, for a pipe's SIGPIPE would kill CRIU. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control)) {
		ret = -errno;
		close(w.pidfd);
		return ret;
	}
	w.control = control[0];
	/* Forked twice: CRIU waits for any child of its own and takes one that
	 * it does not know for a bug. */
	child = fork();
	if (!child) {
		child = fork();
		if (!child)
			run(&w);
		_exit(child < 0);
	}
	ret = child < 0 ? -errno : 0;
	close(w.pidfd);
	close(control[0]);
	if (!ret) {
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			ret = -EAGAIN;
	}
	if (ret) {
		close(control[1]);
		return ret;
	}
	return control[1];
}

static void tell(int watcher, char order)
{
	if (send(watcher, &order, 1, MSG_NOSIGNAL) != 1)
		pr_warn("a watcher is gone before its time: %s", strerror(errno));
	close(watcher);
}

void watch_cancel(int watcher)
{
	tell(watcher, CANCEL);
}

void watch_release(int watcher)
{
	tell(watcher, RELEASE);
}
