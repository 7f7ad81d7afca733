// SPDX-License-Identifier: MIT
/*
 * MRs over every kind of memory, one of them with an address of its own; a CQ that
 * was made larger, and one channel for two CQs.  The client reads and writes each of
 * the MRs when the server has moved.
 */
#include "objects.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE	(2u << 20)
/* The test takes both directories along.  A file on a disk cannot be shared with a device. */
#define PRIVATE_PATH	"/srv/objects/mapped"
#define SHARED_PATH	"/dev/shm/objects/mapped"
#define ODD	0x123	/* where an MR begins in its first page */
#define EARLY	3	/* received, and not polled, when the process moves */
#define ROOM	1000	/* completions, after ibv_resize_cq */
#define IOVA	0x123450000123ull

enum { PRIVATE_FILE, SHARED_FILE, MEMFD, SHARED, HUGETLB, MOVED_IOVA, THP, OVERLAPPING, NR_REGIONS };

static const char *const names[NR_REGIONS] = {
	[PRIVATE_FILE] = "a private mapping of a file", [SHARED_FILE] = "a shared mapping of a file",
	[SHARED] = "shared anonymous memory", [MEMFD] = "a memfd", [HUGETLB] = "huge pages",
	[MOVED_IOVA] = "another iova", [THP] = "a transparent huge page",
	[OVERLAPPING] = "memory of two MRs",
};

struct region {
	uint8_t *memory;
	size_t size;
	struct ibv_mr *mr;
	uint64_t iova;
};

struct target {
	uint64_t iova[NR_REGIONS];
	uint32_t rkey[NR_REGIONS];
};

static void *map(size_t size, int flags, int fd)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (p == MAP_FAILED)
		die("mmap of %zu bytes, flags %#x: %m", size, flags);
	return p;
}

/* What backs the memory, or -1. */
static int file_of(int kind)
{
	const char *path = kind == PRIVATE_FILE ? PRIVATE_PATH : SHARED_PATH;
	int fd;

	if (kind > MEMFD)
		return -1;
	fd = kind == MEMFD ? memfd_create("objects", 0) : open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, 4 * SLOT))
		die("file for %s: %m", names[kind]);
	return fd;
}

/* The kernel makes it huge when it is touched, if it has one to give. */
static void *transparent(void)
{
	uint8_t *p = map(2 * HUGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	p += -(uintptr_t)p % HUGE;
	if (madvise(p, HUGE, MADV_HUGEPAGE))
		die("MADV_HUGEPAGE: %m");
	return p;
}

static void *memory_of(struct region *all, int kind)
{
	int fd = file_of(kind);
	void *p;

	if (kind == HUGETLB)
		p = map(HUGE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1);
	else if (kind == THP)
		p = transparent();
	else if (kind == OVERLAPPING)
		p = all[MOVED_IOVA].memory;
	else if (kind == SHARED)
		p = map(4 * SLOT, MAP_SHARED | MAP_ANONYMOUS, -1);
	else if (kind == PRIVATE_FILE)
		p = map(4 * SLOT, MAP_PRIVATE, fd);
	else
		p = fd < 0 ? page_alloc(4 * SLOT) : map(4 * SLOT, MAP_SHARED, fd);
	if (fd >= 0)
		close(fd);
	return p;
}

static void register_one(struct objects *b, struct region *all, int kind)
{
	const int access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ;
	struct region *r = &all[kind];
	uint8_t *start;

	r->size = kind == HUGETLB || kind == THP ? HUGE : 4 * SLOT;
	r->memory = memory_of(all, kind);
	/* what the two regions of one piece of memory show lies apart */
	start = r->memory + (kind == OVERLAPPING ? 2 * SLOT : ODD);
	r->iova = (uintptr_t)start;
	if (kind == MOVED_IOVA) {
		r->iova = IOVA;
		r->mr = ibv_reg_mr_iova(b->pd, start, r->size - ODD, IOVA, access);
	} else {
		r->mr = ibv_reg_mr(b->pd, start, r->size == HUGE ? HUGE - ODD : SLOT, access);
	}
	if (!r->mr)
		die("MR over %s: %m", names[kind]);
}

static uint8_t *shown(const struct region *r, int kind)
{
	return r->memory + (kind == OVERLAPPING ? 2 * SLOT : ODD);
}

static void expect_pattern(struct objects *b, const uint8_t *p, int kind, bool from_server,
			   const char *what)
{
	ssize_t at = pattern_check(p, SLOT, pattern_key(4, kind, from_server, 0));

	if (at >= 0)
		result_error(&b->r, "%s: %s, wrong from byte %zd", names[kind], what, at);
}

/* Two events of two CQs wait in the channel. */
static void expect_two_events(struct objects *b, struct ibv_cq *second)
{
	struct pollfd fd = { .fd = b->channel->fd, .events = POLLIN };
	struct ibv_cq *cq[2] = { NULL, NULL };
	void *context;

	for (int i = 0; i < 2; i++) {
		if (poll(&fd, 1, 0) != 1 || ibv_get_cq_event(b->channel, &cq[i], &context)) {
			result_error(&b->r, "%d of 2 completion events are left", i);
			return;
		}
		ibv_ack_cq_events(cq[i], 1);
	}
	if (cq[0] != b->rcq || cq[1] != second)
		result_error(&b->r, "the completion events are not of their CQs");
	if (poll(&fd, 1, 0) != 0)
		result_error(&b->r, "a completion event was invented");
}

static void expect_one_of(struct objects *b, struct ibv_cq *cq, uint32_t qpn)
{
	struct ibv_wc wc;

	if (ibv_poll_cq(cq, 1, &wc) != 1 || wc.status != IBV_WC_SUCCESS || wc.qp_num != qpn)
		result_error(&b->r, "the completion of the second CQ is lost");
	b->r.received++;
}

void mr_server(struct objects *b)
{
	struct region all[NR_REGIONS];
	struct target mine = { 0 }, theirs;
	struct ibv_cq *first = b->rcq;
	struct ibv_cq *second = ibv_create_cq(b->ctx, 16, NULL, b->channel, 0);
	struct side sides[2];

	if (!second)
		die("ibv_create_cq: %m");
	for (int i = 0; i < NR_REGIONS; i++) {
		register_one(b, all, i);
		pattern_fill(shown(&all[i], i), SLOT, pattern_key(4, i, true, 0));
		mine.iova[i] = all[i].iova;
		mine.rkey[i] = all[i].mr->rkey;
	}
	good(b, ibv_req_notify_cq(first, 0), "ibv_req_notify_cq");
	good(b, ibv_req_notify_cq(second, 0), "ibv_req_notify_cq");
	for (int i = 0; i < 2; i++) {
		b->rcq = i ? second : first;
		side_create(b, &sides[i], i, IBV_QPT_RC, NULL);
		for (unsigned int id = 0; id < 8; id++)
			post_recv(b, sides[i].qp, NULL, i * 16 + id);
		side_connect(b, &sides[i]);
	}
	b->rcq = first;
	exchange_swap(b->fd, &mine, &theirs, sizeof(mine));
	barrier(b);
	good(b, ibv_resize_cq(first, ROOM), "ibv_resize_cq");
	ready(b);

	expect_two_events(b, second);
	for (unsigned int id = 0; id < EARLY; id++)
		expect_received(b, sides, 1, id);
	expect_empty(b, first, "the larger CQ");
	expect_one_of(b, second, sides[1].qp->qp_num);
	for (int i = 0; i < NR_REGIONS; i++)
		expect_pattern(b, shown(&all[i], i), i, true, "the memory itself");
	checked();
	expect_received(b, sides, 1, EARLY);
	for (int i = 0; i < NR_REGIONS; i++)
		expect_pattern(b, shown(&all[i], i), i, false, "what the client wrote");
	post_send(b, &sides[0]);
	expect_sent(b, 1);
	sleep(1);	/* for the client's last acknowledgements */
	for (int i = 0; i < 2; i++)
		good(b, ibv_destroy_qp(sides[i].qp), "ibv_destroy_qp");
	good(b, ibv_destroy_cq(second), "ibv_destroy_cq");
	for (int i = 0; i < NR_REGIONS; i++)
		good(b, ibv_dereg_mr(all[i].mr), names[i]);
}

static void one_sided(struct objects *b, struct side *s, const struct target *at, int kind,
		      enum ibv_wr_opcode opcode)
{
	struct ibv_sge sge;
	struct ibv_send_wr wr = { .sg_list = &sge, .num_sge = 1, .opcode = opcode,
				  .wr.rdma = { at->iova[kind], at->rkey[kind] } }, *bad;

	slot_sge(b, OUT + kind, &sge);
	if (opcode == IBV_WR_RDMA_WRITE)
		pattern_fill((void *)sge.addr, SLOT, pattern_key(4, kind, false, 0));
	good(b, ibv_post_send(s->qp, &wr, &bad), names[kind]);
	expect_sent(b, 1);
	if (opcode == IBV_WR_RDMA_READ)
		expect_pattern(b, (void *)sge.addr, kind, true, "what the client read");
}

void mr_client(struct objects *b)
{
	struct target mine = { 0 }, theirs;
	struct side sides[2];

	for (int i = 0; i < 2; i++)
		side_create(b, &sides[i], i, IBV_QPT_RC, NULL), side_connect(b, &sides[i]);
	post_recv(b, sides[0].qp, NULL, 0);
	exchange_swap(b->fd, &mine, &theirs, sizeof(mine));
	for (unsigned int i = 0; i < EARLY; i++)
		post_send(b, &sides[0]);
	post_send(b, &sides[1]);
	expect_sent(b, EARLY + 1);
	barrier(b);
	ready(b);
	for (int i = 0; i < NR_REGIONS; i++) {
		one_sided(b, &sides[0], &theirs, i, IBV_WR_RDMA_READ);
		one_sided(b, &sides[0], &theirs, i, IBV_WR_RDMA_WRITE);
	}
	post_send(b, &sides[0]);
	expect_sent(b, 1);
	expect_received(b, sides, 1, 0);
	for (int i = 0; i < 2; i++)
		good(b, ibv_destroy_qp(sides[i].qp), "ibv_destroy_qp");
}
