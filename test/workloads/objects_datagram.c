// SPDX-License-Identifier: MIT
/*
 * UD and UC: receives that are posted, completions that nobody has read, and sends
 * that wait (in a QP in SQD) until the process has moved.
 */
#include "objects.h"

#include <string.h>
#include <unistd.h>

#define POSTED	8
#define EARLY	3	/* received, and not polled, when the process moves */
#define HELD	2	/* sends that wait */
#define LATER	2
#define WRITTEN	(SLOTS - 1)	/* slot */

struct uc_target {
	uint64_t addr;
	uint32_t rkey, pad;
};

static void compare(struct objects *b, const struct side *s, const struct ibv_qp_attr *was)
{
	const int mask = IBV_QP_STATE | IBV_QP_QKEY | IBV_QP_SQ_PSN | IBV_QP_RQ_PSN | IBV_QP_DEST_QPN |
			 IBV_QP_CAP | IBV_QP_PATH_MTU | IBV_QP_ACCESS_FLAGS;
	struct ibv_qp_init_attr init;
	struct ibv_qp_attr is;

	good(b, ibv_query_qp(s->qp, &is, mask, &init), "ibv_query_qp");
	if (is.qp_state != was->qp_state || is.qkey != was->qkey || is.sq_psn != was->sq_psn ||
	    is.rq_psn != was->rq_psn || is.dest_qp_num != was->dest_qp_num ||
	    is.path_mtu != was->path_mtu || is.qp_access_flags != was->qp_access_flags ||
	    is.cap.max_send_wr != was->cap.max_send_wr || is.cap.max_recv_wr != was->cap.max_recv_wr)
		result_error(&b->r, "QP %u is not as it was: state %d (%d), Q_Key %#x (%#x), PSNs %u %u (%u %u)",
			     s->qp->qp_num, is.qp_state, was->qp_state, is.qkey, was->qkey, is.sq_psn,
			     is.rq_psn, was->sq_psn, was->rq_psn);
}

static void query(struct objects *b, const struct side *s, struct ibv_qp_attr *attr)
{
	struct ibv_qp_init_attr init;

	memset(attr, 0, sizeof(*attr));
	good(b, ibv_query_qp(s->qp, attr, IBV_QP_STATE | IBV_QP_CAP, &init), "ibv_query_qp");
}

static void modify(struct objects *b, struct side *s, enum ibv_qp_state state)
{
	struct ibv_qp_attr attr = { .qp_state = state };

	good(b, ibv_modify_qp(s->qp, &attr, IBV_QP_STATE), "ibv_modify_qp");
}

static void destroy(struct objects *b, struct side *sides)
{
	for (int i = 0; i < 2; i++) {
		if (sides[i].ah)
			good(b, ibv_destroy_ah(sides[i].ah), "ibv_destroy_ah");
		good(b, ibv_destroy_qp(sides[i].qp), "ibv_destroy_qp");
	}
}

void datagram_server(struct objects *b, enum ibv_qp_type type)
{
	struct uc_target mine = { (uintptr_t)b->buf + WRITTEN * SLOT, b->mr->rkey, 0 }, theirs;
	struct ibv_qp_attr was[2];
	struct side sides[2];

	for (int i = 0; i < 2; i++) {
		side_create(b, &sides[i], i, type, NULL);
		for (unsigned int id = 0; id < POSTED && i == 0; id++)
			post_recv(b, sides[i].qp, NULL, id);
		side_connect(b, &sides[i]);
	}
	exchange_swap(b->fd, &mine, &theirs, sizeof(mine));
	/* its completion stays where it is */
	post_send(b, &sides[0]);
	modify(b, &sides[1], IBV_QPS_SQD);
	usleep(300000);
	for (int i = 0; i < HELD; i++)
		post_send(b, &sides[1]);
	barrier(b);
	usleep(500000);		/* what the client sent has arrived by then */
	for (int i = 0; i < 2; i++)
		query(b, &sides[i], &was[i]);
	ready(b);

	for (int i = 0; i < 2; i++)
		compare(b, &sides[i], &was[i]);
	expect_sent(b, 1);
	expect_empty(b, b->scq, "sends");
	for (unsigned int id = 0; id < EARLY; id++)
		expect_received(b, sides, 1, id);
	expect_empty(b, b->rcq, "receives");
	expect_event(b, IBV_EVENT_SQ_DRAINED, sides[1].qp);
	expect_no_event(b);
	checked();
	modify(b, &sides[1], IBV_QPS_RTS);
	/* rxe looks at what waits when something is posted */
	post_send(b, &sides[1]);
	expect_sent(b, HELD + 1);
	for (int i = 0; i < LATER; i++)
		post_send(b, &sides[0]);
	expect_sent(b, LATER);
	for (unsigned int id = EARLY; id < POSTED; id++)
		expect_received(b, sides, 1, id);
	if (type == IBV_QPT_UC &&
	    pattern_check(b->buf + WRITTEN * SLOT, SLOT, pattern_key(2, 0, false, 0)) >= 0)
		result_error(&b->r, "what the client wrote is wrong");
	destroy(b, sides);
}

static void write_remote(struct objects *b, struct side *s, const struct uc_target *to)
{
	struct ibv_sge sge;
	struct ibv_send_wr wr = { .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_RDMA_WRITE,
				  .wr.rdma = { to->addr, to->rkey } }, *bad;

	slot_sge(b, WRITTEN, &sge);
	pattern_fill((void *)sge.addr, SLOT, pattern_key(2, 0, false, 0));
	good(b, ibv_post_send(s->qp, &wr, &bad), "a write");
	expect_sent(b, 1);
}

void datagram_client(struct objects *b, enum ibv_qp_type type)
{
	struct uc_target mine = { 0 }, theirs;
	struct side sides[2];
	unsigned int id;

	for (int i = 0; i < 2; i++)
		side_create(b, &sides[i], i, type, NULL);
	post_recv(b, sides[0].qp, NULL, 0);
	for (id = 1; id <= HELD + 1; id++)
		post_recv(b, sides[1].qp, NULL, id);
	for (; id <= HELD + 1 + LATER; id++)
		post_recv(b, sides[0].qp, NULL, id);
	for (int i = 0; i < 2; i++)
		side_connect(b, &sides[i]);
	exchange_swap(b->fd, &mine, &theirs, sizeof(mine));
	for (int i = 0; i < EARLY; i++)
		post_send(b, &sides[0]);
	expect_sent(b, EARLY);
	expect_received(b, sides, 2, 0);
	barrier(b);
	ready(b);
	for (id = 1; id <= HELD + 1 + LATER; id++)
		expect_received(b, sides, 2, id);
	if (type == IBV_QPT_UC)
		write_remote(b, &sides[0], &theirs);
	for (int i = EARLY; i < POSTED; i++)
		post_send(b, &sides[0]);
	expect_sent(b, POSTED - EARLY);
	usleep(500000);		/* the last of them are still on the way */
	destroy(b, sides);
}
