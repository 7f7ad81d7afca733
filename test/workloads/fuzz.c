// SPDX-License-Identifier: MIT
/*
 * fuzz [--seconds N] [--seed S] [--peer IPV4]: processes, every third without
 * privileges, each with traffic and three threads that call, create, destroy
 * and replay, and each killed at some moment. Then a new connection must work,
 * and the counts are printed: ok, if nobody was allowed what he may not do.
 *
 * fuzz --wire SOURCE DESTINATION [--seconds N] [--seed S]: packets instead.
 *
 * fuzz --known: the faults that were found, one after the other.
 *
 * What is to be seen besides is in the kernel's log.
 */
#include "fuzz.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

#define THREADS		3
#define PROCESSES	2
#define NOBODY		65534

/* xorshift64*; 0 is no state */
uint64_t rnd(struct rng *r)
{
	uint64_t x = r->state ? r->state : 0x9e3779b97f4a7c15ull;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	r->state = x;
	return x * 0x2545f4914f6cdd1dull;
}

uint32_t below(struct rng *r, uint32_t n)
{
	return n ? (rnd(r) >> 32) % n : 0;
}

bool one_in(struct rng *r, uint32_t n)
{
	return !below(r, n);
}

uint32_t odd32(struct rng *r)
{
	static const uint32_t odd[] = { 0, 1, 2, 3, 7, 8, 31, 63, 64, 127, 128, 255, 256, 4095, 4096, 65535,
					0xffffff, 0x1000000, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff };

	return one_in(r, 3) ? (uint32_t)rnd(r) : odd[below(r, ARRAY_SIZE(odd))];
}

int fuzz_slot(struct fuzz_thread *t, uint32_t *which)
{
	uint32_t slot = below(&t->rng, FUZZ_SLOTS);

	if (which)
		*which = slot;
	return __atomic_load_n(&t->world->slots[slot], __ATOMIC_SEQ_CST);
}

static void replace(int *fd, int by)
{
	int old = __atomic_exchange_n(fd, by, __ATOMIC_SEQ_CST);

	if (old >= 0)
		close(old);
}

/* ibv_open_device()'s own context is in slot 0, and not to be closed under its feet. */
void fuzz_share(struct fuzz_thread *t, int fd, int channel, int async)
{
	uint32_t slot = 1 + below(&t->rng, FUZZ_SLOTS - 1);

	replace(&t->world->slots[slot], fd);
	replace(&t->world->files[slot][0], channel);
	replace(&t->world->files[slot][1], async);
}

/* A holder that was killed meanwhile leaves the others without a corpus, not without an end. */
static bool corpus_lock(struct fuzz_shared *s)
{
	int pid = getpid(), holder = 0;

	if (__atomic_compare_exchange_n(&s->busy, &holder, pid, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return true;
	if (holder != pid && kill(holder, 0) && errno == ESRCH)
		return __atomic_compare_exchange_n(&s->busy, &holder, pid, false, __ATOMIC_ACQUIRE,
						   __ATOMIC_RELAXED);
	return false;
}

bool fuzz_corpus_get(struct fuzz_shared *s, struct rng *r, struct fuzz_dump *out)
{
	const struct fuzz_dump *in = &s->corpus[below(r, FUZZ_CORPUS)];
	bool got;

	if (!corpus_lock(s))
		return false;
	got = in->len > sizeof(struct roam_rxe_dump_hdr) + sizeof(struct roam_rxe_rec);
	if (got) {
		out->len = in->len;
		memcpy(out->data, in->data, in->len);
	}
	__atomic_store_n(&s->busy, 0, __ATOMIC_RELEASE);
	return got;
}

/* Whole dumps only: whoever takes one goes by its lengths. */
void fuzz_corpus_put(struct fuzz_shared *s, struct rng *r, const void *dump, size_t len)
{
	const struct roam_rxe_dump_hdr *hdr = dump;
	size_t at = sizeof(*hdr);

	if (len < sizeof(*hdr) || len > FUZZ_DUMP_MAX || hdr->magic != ROAM_RXE_DUMP_MAGIC || hdr->len != len)
		return;
	while (at + sizeof(struct roam_rxe_rec) <= len) {
		const struct roam_rxe_rec *rec = (const void *)((const uint8_t *)dump + at);

		if (rec->len < sizeof(*rec) || rec->len > len - at)
			return;
		at += (rec->len + 7) & ~7u;
	}
	if (!corpus_lock(s))
		return;
	struct fuzz_dump *slot = &s->corpus[below(r, FUZZ_CORPUS)];

	slot->len = 0;
	memcpy(slot->data, dump, len);
	slot->len = len;
	__atomic_store_n(&s->busy, 0, __ATOMIC_RELEASE);
}

static void *thread(void *arg)
{
	struct fuzz_thread *t = arg;

	t->scratch = mmap(NULL, FUZZ_SCRATCH + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->scratch == MAP_FAILED || mprotect(t->scratch + FUZZ_SCRATCH, 4096, PROT_NONE))
		return NULL;
	while (!t->world->end) {
		uint32_t what = below(&t->rng, 100);

		if (what < 60)
			fuzz_call(t);
		else if (what < 88)
			fuzz_object(t);
		else if (what < 95 && t->world->root)
			fuzz_replay(t);
		else if (what < 96)
			fuzz_sysctl(t);
	}
	return NULL;
}

/* Slot 0 belongs to the traffic; whoever comes too early finds none. */
static void process(struct fuzz_shared *shared, uint64_t seed, bool root, const char *peer)
{
	struct rng rng = { seed };
	struct fuzz_thread threads[THREADS] = { 0 };
	struct fuzz_world world = { .shared = shared, .peer = peer, .root = root };
	struct options o = { .gid_index = -1 };
	struct in_addr addr;
	pthread_t ids[THREADS + 1];
	struct ibv_context *ctx;
	int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!root && (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
		      setresuid(NOBODY, NOBODY, NOBODY)))
		die("setresuid: %m");
	ctx = device_open(NULL);
	world.gid_index = device_gid(ctx, &o, &world.gid);
	ibv_close_device(ctx);
	world.peer_gid = world.gid;
	if (peer && inet_aton(peer, &addr))
		memcpy(world.peer_gid.raw + 12, &addr, 4);
	memset(world.slots, 0xff, sizeof(world.slots));
	memset(world.files, 0xff, sizeof(world.files));
	pthread_create(&ids[THREADS], NULL, fuzz_traffic, &world);
	for (i = 0; i < THREADS; i++) {
		threads[i] = (struct fuzz_thread){ .world = &world, .rng = { rnd(&rng) } };
		pthread_create(&ids[i], NULL, thread, &threads[i]);
	}
	usleep(100000 + below(&rng, 3000) * 1000);
	/* half of them are killed amid it all, the others leave */
	if (one_in(&rng, 2))
		kill(getpid(), SIGKILL);
	world.end = true;
	for (i = 0; i <= THREADS; i++)
		pthread_join(ids[i], NULL);
	exit(0);
}

static void report(const struct fuzz_shared *s, uint64_t seed, bool sane)
{
	printf("{\"ok\":%s,\"seed\":%lu,\"sane\":%s,\"allowed\":%lu,\"allowedMethod\":\"%s\",\"processes\":%lu,"
	       "\"messages\":%lu,\"replayed\":%lu,\"pinned\":%lu,\"resumed\":%lu,\"calls\":{",
	       sane && !s->allowed ? "true" : "false", seed, sane ? "true" : "false", s->allowed,
	       s->allowed_method, s->killed, s->messages, s->replayed, s->pinned, s->resumed);
	for (unsigned int i = 0; i < fuzz_methods(); i++)
		printf("%s\"%s\":{\"calls\":%lu,\"ok\":%lu}", i ? "," : "", fuzz_method_name(i), s->calls[i],
		       s->ok[i]);
	printf("}}\n");
}

static void usage(void)
{
	die("Usage: fuzz [--known] [--wire SOURCE DESTINATION] [--peer IPV4] [--seconds N] [--seed S]");
}

int main(int argc, char **argv)
{
	const char *peer = NULL, *source = NULL, *destination = NULL;
	struct fuzz_shared *shared;
	unsigned int seconds = 60;
	uint64_t seed = time(NULL), until;
	struct rng rng;
	pid_t pids[PROCESSES] = { 0 };
	bool sane;
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--wire") && i + 2 < argc) {
			source = argv[++i];
			destination = argv[++i];
		} else if (!strcmp(argv[i], "--peer") && i + 1 < argc) {
			peer = argv[++i];
		} else if (!strcmp(argv[i], "--seconds") && i + 1 < argc) {
			seconds = atoi(argv[++i]);
		} else if (!strcmp(argv[i], "--seed") && i + 1 < argc) {
			seed = strtoull(argv[++i], NULL, 0);
		} else if (!strcmp(argv[i], "--known")) {
			return !fuzz_known();
		} else {
			usage();
		}
	}
	fprintf(stderr, "seed %lu, %u s\n", seed, seconds);
	if (source)
		return fuzz_wire(source, destination, seed, seconds);

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap: %m");
	rng.state = seed;
	until = now_ns() + seconds * 1000000000ull;
	while (now_ns() < until) {
		for (i = 0; i < PROCESSES; i++) {
			uint64_t its = rnd(&rng);
			bool root = !one_in(&rng, 3);

			if (pids[i] && waitpid(pids[i], NULL, WNOHANG) != pids[i])
				continue;
			shared->killed += !!pids[i];
			pids[i] = fork();
			if (!pids[i])
				process(shared, its, root, peer);
		}
		usleep(20000);
	}
	for (i = 0; i < PROCESSES; i++)
		if (pids[i] > 0) {
			kill(pids[i], SIGKILL);
			waitpid(pids[i], NULL, 0);
		}
	sane = fuzz_sane();
	report(shared, seed, sane);
	return !sane || shared->allowed;
}
