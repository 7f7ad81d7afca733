// SPDX-License-Identifier: MIT
/*
 * Windows of both types, bound and free, over an MR that the client writes to
 * through them.
 */
#include "objects.h"

#include <string.h>
#include <unistd.h>

#define ONE	40	/* slots that the windows are over */
#define TWO	41
#define THREE	42

struct windows {
	uint64_t addr[3];
	uint32_t rkey[3], pad;
};

static struct ibv_mw *alloc(struct objects *b, enum ibv_mw_type type)
{
	struct ibv_mw *mw = ibv_alloc_mw(b->pd, type);

	if (!mw)
		die("ibv_alloc_mw: %m");
	return mw;
}

static struct ibv_mw_bind_info over(struct objects *b, unsigned int slot)
{
	return (struct ibv_mw_bind_info){
		.mr = b->mr, .addr = (uintptr_t)b->buf + slot * SLOT, .length = SLOT,
		.mw_access_flags = IBV_ACCESS_REMOTE_WRITE,
	};
}

static void bind_two(struct objects *b, struct side *s, struct ibv_mw *mw, unsigned int slot)
{
	struct ibv_send_wr wr = { .opcode = IBV_WR_BIND_MW,
				  .bind_mw = { mw, ibv_inc_rkey(mw->rkey), over(b, slot) } }, *bad;

	good(b, ibv_post_send(s->qp, &wr, &bad), "a bind of type 2");
	expect_sent(b, 1);
	mw->rkey = wr.bind_mw.rkey;
}

static void bind_one(struct objects *b, struct side *s, struct ibv_mw *mw, unsigned int slot)
{
	struct ibv_mw_bind bind = { .send_flags = IBV_SEND_SIGNALED, .bind_info = over(b, slot) };

	good(b, ibv_bind_mw(s->qp, mw, &bind), "ibv_bind_mw");
	expect_sent(b, 1);
}

static void expect_written(struct objects *b, unsigned int slot)
{
	if (pattern_check(b->buf + slot * SLOT, SLOT, pattern_key(3, slot, false, 0)) >= 0)
		result_error(&b->r, "the window over slot %u was not written through", slot);
}

void mw_server(struct objects *b)
{
	struct ibv_mw *two = alloc(b, IBV_MW_TYPE_2), *free_two = alloc(b, IBV_MW_TYPE_2);
	struct ibv_mw *one = alloc(b, IBV_MW_TYPE_1), *free_one = alloc(b, IBV_MW_TYPE_1);
	struct ibv_send_wr invalidate = { .opcode = IBV_WR_LOCAL_INV }, *bad;
	struct windows w = { 0 }, theirs;
	struct side s;

	side_create(b, &s, 0, IBV_QPT_RC, NULL);
	for (unsigned int id = 0; id < 4; id++)
		post_recv(b, s.qp, NULL, id);
	side_connect(b, &s);
	bind_two(b, &s, two, ONE);
	bind_one(b, &s, one, TWO);
	w.addr[0] = (uintptr_t)b->buf + ONE * SLOT;
	w.rkey[0] = two->rkey;
	w.addr[1] = (uintptr_t)b->buf + TWO * SLOT;
	w.rkey[1] = one->rkey;
	/* as the bind after the move will make it */
	w.addr[2] = (uintptr_t)b->buf + THREE * SLOT;
	w.rkey[2] = ibv_inc_rkey(free_two->rkey);
	exchange_swap(b->fd, &w, &theirs, sizeof(w));
	ready(b);

	if (!ibv_dereg_mr(b->mr))
		die("an MR with bound windows could be deregistered");
	checked();
	expect_received(b, &s, 1, 0);
	expect_written(b, ONE);
	expect_written(b, TWO);
	invalidate.invalidate_rkey = two->rkey;
	good(b, ibv_post_send(s.qp, &invalidate, &bad), "LOCAL_INV");
	expect_sent(b, 1);
	bind_two(b, &s, free_two, THREE);
	bind_one(b, &s, free_one, THREE + 1);
	post_send(b, &s);
	expect_sent(b, 1);
	expect_received(b, &s, 1, 1);
	expect_written(b, THREE);
	sleep(2);	/* until the client's last write was refused */
	good(b, ibv_dealloc_mw(one), "ibv_dealloc_mw");
	good(b, ibv_dealloc_mw(free_one), "ibv_dealloc_mw");
	good(b, ibv_dealloc_mw(two), "ibv_dealloc_mw");
	good(b, ibv_dealloc_mw(free_two), "ibv_dealloc_mw");
	good(b, ibv_destroy_qp(s.qp), "ibv_destroy_qp");
}

static void write_slot(struct objects *b, struct side *s, uint64_t addr, uint32_t rkey,
		       unsigned int slot)
{
	struct ibv_sge sge;
	struct ibv_send_wr wr = { .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_RDMA_WRITE,
				  .wr.rdma = { addr, rkey } }, *bad;

	slot_sge(b, slot, &sge);
	pattern_fill((void *)sge.addr, SLOT, pattern_key(3, slot, false, 0));
	good(b, ibv_post_send(s->qp, &wr, &bad), "a write");
}

void mw_client(struct objects *b)
{
	struct windows w = { 0 }, theirs;
	struct ibv_wc wc;
	struct side s;

	side_create(b, &s, 0, IBV_QPT_RC, NULL);
	post_recv(b, s.qp, NULL, 0);
	side_connect(b, &s);
	exchange_swap(b->fd, &w, &theirs, sizeof(w));
	ready(b);
	write_slot(b, &s, theirs.addr[0], theirs.rkey[0], ONE);
	write_slot(b, &s, theirs.addr[1], theirs.rkey[1], TWO);
	post_send(b, &s);
	expect_sent(b, 3);
	expect_received(b, &s, 1, 0);
	write_slot(b, &s, theirs.addr[2], theirs.rkey[2], THREE);
	post_send(b, &s);
	expect_sent(b, 2);
	/* one byte beyond the window */
	write_slot(b, &s, theirs.addr[1] + 1, theirs.rkey[1], TWO);
	if (next_wc(b, b->scq, &wc) && wc.status != IBV_WC_REM_ACCESS_ERR)
		result_error(&b->r, "a write beyond the window: %s", ibv_wc_status_str(wc.status));
	good(b, ibv_destroy_qp(s.qp), "ibv_destroy_qp");
}
