// SPDX-License-Identifier: MIT
/*
 * An SRQ that two QPs share, half used, armed, and a third QP of it in ERR; with
 * completions, a completion event and an async event that nobody has read.
 */
#include "objects.h"

#include <poll.h>
#include <unistd.h>

#define POSTED	10
#define EARLY	4	/* consumed, and not polled, when the process moves */
#define LIMIT	4
#define MORE	10

/* Message by message, by turns: the order in which the SRQ is consumed is known. */
static void send_by_turns(struct objects *b, struct side *sides, unsigned int count)
{
	static unsigned int turn;

	while (count--) {
		post_send(b, &sides[turn++ % 2]);
		expect_sent(b, 1);
	}
}

static void expect_limit(struct objects *b, struct ibv_srq *srq, const struct ibv_srq_attr *wanted,
			 unsigned int limit)
{
	struct ibv_srq_attr attr = { 0 };

	good(b, ibv_query_srq(srq, &attr), "ibv_query_srq");
	if (attr.srq_limit != limit || attr.max_wr != wanted->max_wr || attr.max_sge != wanted->max_sge)
		result_error(&b->r, "the SRQ has limit %u (expected %u), %u WRs (%u), %u SGEs (%u)",
			     attr.srq_limit, limit, attr.max_wr, wanted->max_wr, attr.max_sge,
			     wanted->max_sge);
}

static void expect_one_cq_event(struct objects *b)
{
	struct pollfd fd = { .fd = b->channel->fd, .events = POLLIN };
	struct ibv_cq *cq = NULL;
	void *context;

	if (poll(&fd, 1, 0) != 1 || ibv_get_cq_event(b->channel, &cq, &context) || cq != b->rcq)
		result_error(&b->r, "the completion event was lost");
	else
		ibv_ack_cq_events(cq, 1);
	if (poll(&fd, 1, 0) != 0)
		result_error(&b->r, "a completion event was invented");
}

void srq_server(struct objects *b)
{
	struct ibv_srq_init_attr init = { .attr = { .max_wr = 24, .max_sge = 2 } };
	struct ibv_qp_attr err = { .qp_state = IBV_QPS_ERR };
	struct ibv_srq_attr attr = { .srq_limit = LIMIT }, whole;
	struct ibv_srq *srq = ibv_create_srq(b->pd, &init);
	struct side sides[2], dead;

	if (!srq)
		die("ibv_create_srq: %m");
	for (unsigned int i = 0; i < POSTED; i++)
		post_recv(b, NULL, srq, i);
	good(b, ibv_modify_srq(srq, &attr, IBV_SRQ_LIMIT), "ibv_modify_srq");
	good(b, ibv_query_srq(srq, &whole), "ibv_query_srq");
	good(b, ibv_req_notify_cq(b->rcq, 0), "ibv_req_notify_cq");
	side_create(b, &dead, 2, IBV_QPT_RC, srq);
	good(b, ibv_modify_qp(dead.qp, &err, IBV_QP_STATE), "to ERR");
	for (int i = 0; i < 2; i++) {
		side_create(b, &sides[i], i, IBV_QPT_RC, srq);
		side_connect(b, &sides[i]);
	}
	barrier(b);
	ready(b);

	expect_limit(b, srq, &whole, LIMIT);
	expect_one_cq_event(b);
	expect_event(b, IBV_EVENT_QP_LAST_WQE_REACHED, dead.qp);
	expect_no_event(b);
	for (unsigned int i = 0; i < EARLY; i++)
		expect_received(b, sides, 2, i);
	expect_empty(b, b->rcq, "SRQ");
	checked();
	for (unsigned int i = EARLY; i <= POSTED - LIMIT; i++)
		expect_received(b, sides, 2, i);
	expect_event(b, IBV_EVENT_SRQ_LIMIT_REACHED, srq);
	expect_limit(b, srq, &whole, 0);
	for (unsigned int i = POSTED; i < POSTED + MORE; i++)
		post_recv(b, NULL, srq, i);
	for (unsigned int i = POSTED - LIMIT + 1; i < POSTED + MORE; i++)
		expect_received(b, sides, 2, i);
	expect_no_event(b);
	sleep(1);	/* for the client's last acknowledgements */
	good(b, ibv_destroy_qp(dead.qp), "ibv_destroy_qp");
	for (int i = 0; i < 2; i++)
		good(b, ibv_destroy_qp(sides[i].qp), "ibv_destroy_qp");
	good(b, ibv_destroy_srq(srq), "ibv_destroy_srq");
}

void srq_client(struct objects *b)
{
	struct side sides[2];

	for (int i = 0; i < 2; i++) {
		side_create(b, &sides[i], i, IBV_QPT_RC, NULL);
		side_connect(b, &sides[i]);
	}
	barrier(b);
	send_by_turns(b, sides, EARLY);
	ready(b);
	send_by_turns(b, sides, POSTED + MORE - EARLY);
	for (int i = 0; i < 2; i++)
		good(b, ibv_destroy_qp(sides[i].qp), "ibv_destroy_qp");
}
