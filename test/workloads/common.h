/* SPDX-License-Identifier: MIT */
/* What the workloads share: options, results, the pattern of every byte. */
#ifndef ROAM_WORKLOAD_COMMON_H
#define ROAM_WORKLOAD_COMMON_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <infiniband/verbs.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum op_kind {
	OP_SEND = 1 << 0,
	OP_WRITE = 1 << 1,
	OP_READ = 1 << 2,
	OP_FAA = 1 << 3,
	OP_CAS = 1 << 4,
	OP_ALL = 31,
};

/* Deliberate faults, to show that the verdict sees them. */
enum fault {
	FAULT_NONE,
	FAULT_CORRUPT,		/* one bit of one SEND's payload */
	FAULT_CORRUPT_WRITE,	/* one bit of one RDMA WRITE */
	FAULT_CORRUPT_READ,	/* one bit of the region that the peer READs */
	FAULT_DROP,		/* one SEND is counted and not sent */
	FAULT_REPEAT,		/* one SEND is sent twice */
	FAULT_DROP_WRITE,	/* one RDMA WRITE is marked as done and not done */
	FAULT_REPEAT_ADD,	/* one FETCH_AND_ADD is done twice */
	FAULT_REPEAT_WRITE,	/* one RDMA WRITE is done again after it was verified */
};

struct options {
	bool server;
	const char *host;
	int port;
	const char *dev;
	int gid_index;		/* -1: the first GID of an IPv4 address */
	const char *gid_addr;	/* IPv4 address whose GID is used */
	int qps, contexts, threads, procs;
	bool events;
	bool idle;
	uint32_t size;
	uint64_t count;		/* operations per QP; 0: until SIGUSR1 */
	unsigned int rate;	/* operations per second and QP; 0: as fast as possible */
	unsigned int ops;
	int timeout, retry, mtu;
	int linger;		/* seconds */
	/* What the stock rxe may get wrong when requests are sent again: fences, and WRITEs of no bytes. */
	bool no_fence, no_empty;
	enum fault fault;
	uint64_t fault_at;
};

#define MAX_ERRORS	8
#define ERROR_LEN	200

/* Lives in shared memory, so that the first process of a tree can print all. */
struct result {
	uint64_t sent, received, bytes_sent, bytes_received;
	uint64_t sends, writes, reads, faa, cas, acks;
	uint64_t writes_verified;
	uint32_t nerrors;
	char errors[MAX_ERRORS][ERROR_LEN];
	bool finished;
	int pid;
};

extern volatile sig_atomic_t stop_requested;	/* SIGUSR1 */
extern volatile sig_atomic_t quit_requested;	/* SIGTERM, SIGINT */
extern volatile sig_atomic_t status_requested;	/* SIGUSR2 */

void install_signals(void);
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void result_error(struct result *r, const char *fmt, ...);
void result_add(struct result *sum, const struct result *r);
void result_print(int fd, const char *role, const struct result *r, int lanes, bool ok);
uint64_t now_ns(void);
void *page_alloc(size_t len);

/* pattern.c */
uint64_t mix64(uint64_t x);
uint64_t pattern_key(unsigned int domain, unsigned int lane, bool from_server, uint64_t id);
void pattern_fill(uint8_t *p, size_t len, uint64_t key);
/* Offset of the first byte that differs, or -1. */
ssize_t pattern_check(const uint8_t *p, size_t len, uint64_t key);
#define POISON 0xe5
ssize_t poison_check(const uint8_t *p, size_t len);

/* exchange.c: one TCP connection that is closed before any traffic. */
int exchange_open(const struct options *o, int proc);
void exchange_swap(int fd, const void *mine, void *theirs, size_t len);
void exchange_close(int fd);

/* device.c */
struct ibv_context *device_open(const char *name);
int device_gid(struct ibv_context *ctx, const struct options *o, union ibv_gid *gid);

struct rc_path {
	uint32_t dest_qpn, rq_psn, sq_psn;
	union ibv_gid dgid;
	int sgid_index;
	int mtu, timeout, retry;
};

/* A QP in INIT. */
struct ibv_qp *rc_create(struct ibv_pd *pd, struct ibv_cq *cq);
int rc_to_init(struct ibv_qp *qp);
int rc_to_rtr(struct ibv_qp *qp, const struct rc_path *p);
int rc_to_rts(struct ibv_qp *qp, const struct rc_path *p);

#endif
