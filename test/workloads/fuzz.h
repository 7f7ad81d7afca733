/* SPDX-License-Identifier: MIT */
/*
 * fuzz: calls every method of roam_rxe.h with arguments of every kind, while
 * objects come and go, traffic runs and processes are killed.
 */
#ifndef ROAM_WORKLOAD_FUZZ_H
#define ROAM_WORKLOAD_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <infiniband/verbs.h>

#include "roam_rxe.h"

/* ---- fuzz.c ---- */

struct rng {
	uint64_t state;
};

uint64_t rnd(struct rng *r);
/* 0 to n - 1 */
uint32_t below(struct rng *r, uint32_t n);
bool one_in(struct rng *r, uint32_t n);
/* Values at which comparisons and arithmetic go wrong. */
uint32_t odd32(struct rng *r);

/* Contexts that the threads of a process share; [0] is that of the traffic. -1: none. */
#define FUZZ_SLOTS	6
/* Numbers of QPs stay among so few that a guess hits one. */
#define FUZZ_QPN	0x1000
#define FUZZ_QPNS	64
#define FUZZ_CORPUS	8
#define FUZZ_DUMP_MAX	(256u << 10)
#define FUZZ_METHODS	25

struct fuzz_dump {
	uint32_t len;
	uint8_t data[FUZZ_DUMP_MAX];
};

/* Shared by all processes of a run. */
struct fuzz_shared {
	uint64_t calls[FUZZ_METHODS], ok[FUZZ_METHODS];
	uint64_t replayed, pinned, resumed, messages, packets, killed;
	uint64_t allowed;	/* successes of what an unprivileged user must not do */
	char allowed_method[32];
	int busy;		/* somebody has the corpus; trylock */
	struct fuzz_dump corpus[FUZZ_CORPUS];
};

struct fuzz_world {
	struct fuzz_shared *shared;
	const char *peer;	/* IPv4 address, or NULL */
	bool root;
	volatile bool end;
	int slots[FUZZ_SLOTS];
	int files[FUZZ_SLOTS][2];	/* completion channel and async event file of each */
	union ibv_gid gid, peer_gid;	/* one's own, IPv4; the peer's, or one's own again */
	int gid_index;
};

/* What a thread writes into and passes on; a page that cannot be touched follows. */
struct fuzz_thread {
	struct fuzz_world *world;
	struct rng rng;
	uint8_t *scratch;
};
#define FUZZ_SCRATCH	(512u << 10)

bool fuzz_corpus_get(struct fuzz_shared *s, struct rng *r, struct fuzz_dump *out);
void fuzz_corpus_put(struct fuzz_shared *s, struct rng *r, const void *dump, size_t len);
/* Of a context; which: its number, if it is asked for. */
int fuzz_slot(struct fuzz_thread *t, uint32_t *which);
/* Gives a context to the others, with its event files (-1: none). */
void fuzz_share(struct fuzz_thread *t, int fd, int channel, int async);

/* ---- fuzz_calls.c ---- */

/* The number of methods is FUZZ_METHODS at most. */
unsigned int fuzz_methods(void);
const char *fuzz_method_name(unsigned int i);
void fuzz_call(struct fuzz_thread *t);
/* Writes a few odd numbers into a record. */
void fuzz_mutate(struct rng *r, uint8_t *record, size_t len);
/* Counts a call that was made with sensible arguments. */
void fuzz_count(struct fuzz_thread *t, uint16_t object, uint16_t method, int ret);

/* ---- fuzz_objects.c ---- */

void fuzz_object(struct fuzz_thread *t);
void fuzz_open(struct fuzz_thread *t);
void fuzz_sysctl(struct fuzz_thread *t);
int fuzz_connect(int fd, struct fuzz_thread *t, uint32_t handle, uint32_t state,
		 const struct roam_rxe_qp *like);

/* ---- fuzz_replay.c ---- */

void fuzz_replay(struct fuzz_thread *t);

/* ---- fuzz_traffic.c ---- */

void *fuzz_traffic(void *world);
/* Whether a pair of new QPs still carries every message as it was sent. */
bool fuzz_sane(void);

/* ---- fuzz_known.c ---- */

/* Faults that were found: each once more. True if none is left. */
bool fuzz_known(void);

/* ---- fuzz_wire.c ---- */

int fuzz_wire(const char *source, const char *destination, uint64_t seed, unsigned int seconds);

#endif
