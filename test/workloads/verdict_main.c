// SPDX-License-Identifier: MIT
/*
 * verdict: an RC workload that checks every byte and every sequence number in
 * both directions, and prints what it found as one line of JSON.
 */
#include "verdict.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage[] =
	"Usage: verdict --server [options] | verdict --client HOST [options]\n"
	"Exchanges SENDs, RDMA WRITEs, READs and atomics in both directions and checks all of them.\n"
	"Runs until SIGUSR1 at either end (or --count), then both ends finish, print their verdict as\n"
	"one line of JSON and exit with 0 if everything was right.  SIGUSR2 prints the state to stderr,\n"
	"SIGTERM ends at once.\n\n"
	"  -d, --dev NAME          RDMA device (default: the first)\n"
	"  -x, --gid-index N       GID index (default: the first of an IPv4 address)\n"
	"  -a, --gid-addr ADDR     the GID of this IPv4 address\n"
	"  -p, --port N            TCP port of the first exchange, which is then closed (18600)\n"
	"  -q, --qps N             connections per process (1)\n"
	"  -e, --events            wait for completion events instead of polling\n"
	"  -s, --size BYTES        largest message (8192)\n"
	"  -n, --count N           operations per connection and direction (until SIGUSR1)\n"
	"  -r, --rate N            operations per second and connection (no limit)\n"
	"  -o, --ops LIST          of send,write,read,faa,cas (all)\n"
	"      --idle              no traffic before SIGUSR1, or before the peer's; needs --count\n"
	"      --multi-context N   device contexts per process (1)\n"
	"      --threads N         threads per process (1)\n"
	"      --fork N            processes, on the ports from --port on (1)\n"
	"      --timeout N         local ACK timeout exponent (17)\n"
	"      --retry N           retry count (7)\n"
	"      --mtu N             path MTU (1024)\n"
	"      --linger SECONDS    how long the peer may need to get the last acknowledgement (1)\n"
	"      --no-fence          no fenced SENDs\n"
	"      --no-empty          no WRITEs of no bytes\n"
	"      --fault KIND@N      do something wrong at the N-th: corrupt, corrupt-write, corrupt-read,\n"
	"                          drop, repeat, drop-write, repeat-add, repeat-write\n\n"
	"Example: verdict --client 10.77.0.1 -q 4 -e -s 65536 -n 10000\n";

static unsigned int parse_ops(char *list)
{
	static const char *const names[] = { "send", "write", "read", "faa", "cas" };
	unsigned int ops = 0;

	for (char *s = strtok(list, ","); s; s = strtok(NULL, ",")) {
		size_t i;

		for (i = 0; i < ARRAY_SIZE(names) && strcmp(s, names[i]); i++)
			;
		if (i == ARRAY_SIZE(names))
			die("--ops: %s is none of send, write, read, faa, cas", s);
		ops |= 1u << i;
	}
	return ops;
}

static void parse_fault(struct options *o, char *arg)
{
	static const char *const names[] = {
		"none", "corrupt", "corrupt-write", "corrupt-read", "drop", "repeat", "drop-write",
		"repeat-add", "repeat-write",
	};
	char *at = strchr(arg, '@');

	if (at)
		*at++ = 0;
	o->fault_at = at ? strtoull(at, NULL, 0) : 20;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(arg, names[i])) {
			o->fault = i;
			return;
		}
	die("--fault: unknown kind %s", arg);
}

static int number(const char *s, const char *name, int min, int max)
{
	char *end;
	long v = strtol(s, &end, 0);

	if (*end || end == s || v < min || v > max)
		die("--%s: %s is not a number from %d to %d", name, s, min, max);
	return v;
}

static void parse(struct options *o, int argc, char **argv)
{
	enum { IDLE = 256, CONTEXTS, THREADS, FORK, TIMEOUT, RETRY, MTU, FAULT, SERVER, CLIENT,
	       NO_FENCE, NO_EMPTY, LINGER };
	static const struct option longs[] = {
		{ "server", 0, NULL, SERVER }, { "client", 1, NULL, CLIENT }, { "dev", 1, NULL, 'd' },
		{ "gid-index", 1, NULL, 'x' }, { "gid-addr", 1, NULL, 'a' }, { "port", 1, NULL, 'p' },
		{ "qps", 1, NULL, 'q' }, { "events", 0, NULL, 'e' }, { "size", 1, NULL, 's' },
		{ "count", 1, NULL, 'n' }, { "rate", 1, NULL, 'r' }, { "ops", 1, NULL, 'o' },
		{ "idle", 0, NULL, IDLE }, { "multi-context", 1, NULL, CONTEXTS },
		{ "threads", 1, NULL, THREADS }, { "fork", 1, NULL, FORK }, { "timeout", 1, NULL, TIMEOUT },
		{ "retry", 1, NULL, RETRY }, { "mtu", 1, NULL, MTU }, { "fault", 1, NULL, FAULT },
		{ "no-fence", 0, NULL, NO_FENCE }, { "no-empty", 0, NULL, NO_EMPTY },
		{ "linger", 1, NULL, LINGER },
		{ "help", 0, NULL, 'h' }, { 0 },
	};
	int c, mtu = 1024;

	while ((c = getopt_long(argc, argv, "d:x:a:p:q:es:n:r:o:h", longs, NULL)) != -1) {
		switch (c) {
		case SERVER: o->server = true; break;
		case CLIENT: o->host = optarg; break;
		case 'd': o->dev = optarg; break;
		case 'x': o->gid_index = number(optarg, "gid-index", 0, 1023); break;
		case 'a': o->gid_addr = optarg; break;
		case 'p': o->port = number(optarg, "port", 1, 65000); break;
		case 'q': o->qps = number(optarg, "qps", 1, 64); break;
		case 'e': o->events = true; break;
		case 's': o->size = number(optarg, "size", 256, 16 << 20); break;
		case 'n': o->count = strtoull(optarg, NULL, 0); break;
		case 'r': o->rate = number(optarg, "rate", 1, 1000000); break;
		case 'o': o->ops = parse_ops(optarg); break;
		case IDLE: o->idle = true; break;
		case CONTEXTS: o->contexts = number(optarg, "multi-context", 1, 16); break;
		case THREADS: o->threads = number(optarg, "threads", 1, 16); break;
		case FORK: o->procs = number(optarg, "fork", 1, 16); break;
		case TIMEOUT: o->timeout = number(optarg, "timeout", 0, 31); break;
		case RETRY: o->retry = number(optarg, "retry", 0, 7); break;
		case MTU: mtu = number(optarg, "mtu", 256, 4096); break;
		case FAULT: parse_fault(o, optarg); break;
		case NO_FENCE: o->no_fence = true; break;
		case NO_EMPTY: o->no_empty = true; break;
		case LINGER: o->linger = number(optarg, "linger", 0, 3600); break;
		case 'h': fputs(usage, stdout); exit(0);
		default: fputs("Try verdict --help.\n", stderr); exit(2);
		}
	}
	for (o->mtu = IBV_MTU_256; 128 << o->mtu < mtu; o->mtu++)
		;
	if (o->server == !!o->host || optind != argc)
		die("give either --server or --client HOST; see verdict --help");
	if (o->idle && !o->count)
		die("--idle needs --count");
	if (o->qps < o->threads * o->contexts)
		o->qps = o->threads * o->contexts;
}

static int report(const struct options *o, const struct result *r, bool finished)
{
	bool ok = finished && !r->nerrors && r->sent && r->received;

	result_print(1, o->server ? "server" : "client", r, o->qps * o->procs, ok);
	return ok ? 0 : 1;
}

/* The first process of the tree has no RDMA of its own: it passes signals on and sums up. */
static void supervise(pid_t *pids, int n, const sigset_t *signals)
{
	int left = n, sig, status;

	while (left) {
		pid_t pid;

		if (sigwait(signals, &sig))
			die("sigwait: %m");
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
			left--;
			for (int i = 0; i < n; i++)
				if (pids[i] == pid)
					pids[i] = 0;
		}
		for (int i = 0; i < n && sig != SIGCHLD; i++)
			if (pids[i])
				kill(pids[i], sig);
	}
}

static int run_tree(const struct options *o)
{
	size_t len = o->procs * sizeof(struct result);
	struct result *r = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct result sum = { 0 };
	pid_t pids[16];
	sigset_t signals;
	bool finished = true;

	if (r == MAP_FAILED)
		die("mmap: %m");
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGUSR2);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	for (int i = 0; i < o->procs; i++) {
		pids[i] = fork();
		if (pids[i] < 0)
			die("fork: %m");
		if (!pids[i]) {
			sigprocmask(SIG_UNBLOCK, &signals, NULL);
			run_process(o, &r[i], i);
			_exit(r[i].finished ? 0 : 1);
		}
	}
	supervise(pids, o->procs, &signals);
	for (int i = 0; i < o->procs; i++) {
		result_add(&sum, &r[i]);
		finished &= r[i].finished;
	}
	return report(o, &sum, finished);
}

int main(int argc, char **argv)
{
	struct options o = {
		.port = 18600, .gid_index = -1, .qps = 1, .contexts = 1, .threads = 1, .procs = 1,
		.size = 8192, .ops = OP_ALL, .timeout = 17, .retry = 7, .linger = 1,
	};
	struct result r = { 0 };

	parse(&o, argc, argv);
	install_signals();
	if (o.procs > 1)
		return run_tree(&o);
	run_process(&o, &r, 0);
	return report(&o, &r, r.finished);
}
