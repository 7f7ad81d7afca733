// SPDX-License-Identifier: MIT
/* Traffic by libibverbs between two QPs of one context, which everybody else meddles with. */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "roam_rxe_client.h"

#define DEPTH	8
#define MESSAGE	4096

struct pair {
	struct ibv_context *ctx;
	struct ibv_pd *pd;
	struct ibv_comp_channel *channel;
	struct ibv_cq *cq;
	struct ibv_srq *srq;
	struct ibv_mr *mr;
	struct ibv_mw *mw;
	struct ibv_ah *ah;
	struct ibv_qp *qp[2], *ud;
	uint8_t *memory;	/* two areas of DEPTH messages, and one more to send from */
	union ibv_gid gid;
	int gid_index;
};

static bool open_pair(struct pair *p)
{
	struct ibv_srq_init_attr srq = { .attr = { .max_wr = 16, .max_sge = 1 } };
	struct ibv_ah_attr ah = { .is_global = 1, .port_num = 1 };
	struct options o = { .gid_index = -1 };

	*p = (struct pair){ .ctx = device_open(NULL) };
	fcntl(p->ctx->async_fd, F_SETFL, O_NONBLOCK);
	p->gid_index = device_gid(p->ctx, &o, &p->gid);
	p->pd = ibv_alloc_pd(p->ctx);
	p->channel = ibv_create_comp_channel(p->ctx);
	p->cq = ibv_create_cq(p->ctx, 64, NULL, p->channel, 0);
	p->srq = p->pd ? ibv_create_srq(p->pd, &srq) : NULL;
	p->memory = page_alloc(3 * DEPTH * MESSAGE);
	p->mr = p->pd ? ibv_reg_mr(p->pd, p->memory, 3 * DEPTH * MESSAGE,
				   IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ |
				   IBV_ACCESS_REMOTE_ATOMIC | IBV_ACCESS_MW_BIND) : NULL;
	p->mw = p->pd ? ibv_alloc_mw(p->pd, IBV_MW_TYPE_2) : NULL;
	ah.grh.dgid = p->gid;
	ah.grh.sgid_index = p->gid_index;
	p->ah = p->pd ? ibv_create_ah(p->pd, &ah) : NULL;
	return p->cq && p->mr;
}

static void close_qps(struct pair *p)
{
	for (int i = 0; i < 2; i++)
		if (p->qp[i])
			ibv_destroy_qp(p->qp[i]);
	if (p->ud)
		ibv_destroy_qp(p->ud);
	p->qp[0] = p->qp[1] = p->ud = NULL;
}

static bool connect_pair(struct pair *p)
{
	struct ibv_qp_init_attr init = {
		.send_cq = p->cq, .recv_cq = p->cq, .qp_type = IBV_QPT_RC,
		.cap = { .max_send_wr = DEPTH, .max_recv_wr = DEPTH, .max_send_sge = 1, .max_recv_sge = 1 },
	};
	struct rc_path path = { .dgid = p->gid, .sgid_index = p->gid_index, .mtu = IBV_MTU_1024,
				.rq_psn = 10, .sq_psn = 10, .timeout = 10, .retry = 7 };
	int i;

	for (i = 0; i < 2; i++)
		p->qp[i] = ibv_create_qp(p->pd, &init);
	init.qp_type = IBV_QPT_UD;
	init.srq = p->srq;
	p->ud = ibv_create_qp(p->pd, &init);
	for (i = 0; i < 2; i++) {
		if (!p->qp[0] || !p->qp[1])
			return false;
		path.dest_qpn = p->qp[!i]->qp_num;
		if (rc_to_init(p->qp[i]) || rc_to_rtr(p->qp[i], &path) || rc_to_rts(p->qp[i], &path))
			return false;
	}
	return true;
}

static int receive(struct pair *p, int i)
{
	struct ibv_sge sge = { (uintptr_t)p->memory + i * MESSAGE, MESSAGE, p->mr->lkey };
	struct ibv_recv_wr wr = { .wr_id = i, .sg_list = &sge, .num_sge = 1 }, *bad;

	return ibv_post_recv(p->qp[1], &wr, &bad);
}

static int request(struct pair *p, struct rng *r, enum ibv_wr_opcode opcode, uint64_t id, uint32_t len)
{
	struct ibv_sge sge = { (uintptr_t)p->memory + 2 * DEPTH * MESSAGE, len, p->mr->lkey };
	struct ibv_send_wr wr = { .wr_id = id, .opcode = opcode, .sg_list = &sge, .num_sge = 1,
				  .send_flags = IBV_SEND_SIGNALED }, *bad;
	uint64_t there = (uintptr_t)p->memory + DEPTH * MESSAGE;

	if (opcode == IBV_WR_ATOMIC_FETCH_AND_ADD) {
		wr.wr.atomic.remote_addr = there;
		wr.wr.atomic.rkey = p->mr->rkey;
		wr.wr.atomic.compare_add = 1;
		sge.length = 8;
	} else {
		wr.wr.rdma.remote_addr = there;
		wr.wr.rdma.rkey = p->mr->rkey;
	}
	return ibv_post_send(p->qp[0], &wr, &bad);
}

static void bind_window(struct pair *p)
{
	struct ibv_send_wr wr = { .opcode = IBV_WR_BIND_MW, .send_flags = IBV_SEND_SIGNALED }, *bad;

	wr.bind_mw.mw = p->mw;
	wr.bind_mw.rkey = ibv_inc_rkey(p->mw->rkey);
	wr.bind_mw.bind_info = (struct ibv_mw_bind_info){ p->mr, (uintptr_t)p->memory, MESSAGE,
							  IBV_ACCESS_REMOTE_READ };
	ibv_post_send(p->qp[0], &wr, &bad);
}

/* A round is as many requests as fit; it ends with an error, or when nothing comes any more. */
static bool round_trip(struct pair *p, struct rng *r, volatile bool *end, uint64_t *messages)
{
	static const enum ibv_wr_opcode ops[] = { IBV_WR_SEND, IBV_WR_SEND, IBV_WR_RDMA_WRITE,
						  IBV_WR_RDMA_READ, IBV_WR_ATOMIC_FETCH_AND_ADD };
	int wanted = 0, idle = 0, n, i;
	struct ibv_wc wc[16];

	for (i = 0; i < DEPTH / 2; i++) {
		enum ibv_wr_opcode op = ops[below(r, ARRAY_SIZE(ops))];

		if (op == IBV_WR_SEND && receive(p, i))
			return false;
		wanted += op == IBV_WR_SEND ? 2 : 1;
		if (request(p, r, op, 100 + i, below(r, MESSAGE)))
			return false;
	}
	while (wanted > 0 && idle < 400 && !*end) {
		n = ibv_poll_cq(p->cq, ARRAY_SIZE(wc), wc);
		for (i = 0; i < n; i++)
			if (wc[i].status)
				return false;
		wanted -= n > 0 ? n : 0;
		if (n <= 0) {
			idle++;
			usleep(500);
		}
		if (idle == 200)
			rxe_client_resume(p->ctx->cmd_fd, 0, 0);
	}
	__atomic_add_fetch(messages, 1, __ATOMIC_RELAXED);
	return wanted <= 0;
}

/* Of what only the owner of a context may ask for. */
static void own_business(struct pair *p, struct fuzz_world *w, struct rng *r)
{
	struct ibv_srq_attr srq = { .max_wr = 8 + below(r, 32) };
	struct ibv_async_event event;
	size_t len;
	void *dump;

	switch (below(r, 6)) {
	case 0:
		ibv_resize_cq(p->cq, 32 + below(r, 64));
		break;
	case 1:
		if (p->srq)
			ibv_modify_srq(p->srq, &srq, IBV_SRQ_MAX_WR);
		break;
	case 2:
		if (p->mw)
			bind_window(p);
		break;
	case 3:
		ibv_req_notify_cq(p->cq, 0);
		if (!ibv_get_async_event(p->ctx, &event))
			ibv_ack_async_event(&event);
		break;
	default:
		if (rxe_client_stop(p->ctx->cmd_fd, 0, 0))
			break;
		if (w->root && !rxe_client_dump(p->ctx->cmd_fd, &dump, &len)) {
			fuzz_corpus_put(w->shared, r, dump, len);
			free(dump);
		}
		if (!one_in(r, 4))
			rxe_client_resume(p->ctx->cmd_fd, 0, 0);
	}
}

void *fuzz_traffic(void *arg)
{
	struct fuzz_world *w = arg;
	struct rng rng = { (uintptr_t)w->slots[1] + getpid() };
	struct pair p;

	if (!open_pair(&p))
		return NULL;
	w->slots[0] = p.ctx->cmd_fd;
	while (!w->end) {
		close_qps(&p);
		if (!connect_pair(&p)) {
			usleep(10000);
			continue;
		}
		for (int i = 0; i < 50 && !w->end; i++) {
			own_business(&p, w, &rng);
			if (!round_trip(&p, &rng, &w->end, &w->shared->messages))
				break;
		}
	}
	return NULL;
}

bool fuzz_sane(void)
{
	volatile bool end = false;
	struct rng rng = { 1 };
	uint64_t messages = 0;
	struct ibv_wc wc[2];
	struct pair p;
	int n = 0, tries;

	if (!open_pair(&p) || !connect_pair(&p))
		return false;
	for (int i = 0; i < 50; i++)
		if (!round_trip(&p, &rng, &end, &messages))
			return false;
	for (int i = 0; i < 20; i++) {
		uint8_t *from = p.memory + 2 * DEPTH * MESSAGE;

		memset(p.memory, 0, MESSAGE);
		pattern_fill(from, MESSAGE, i);
		if (receive(&p, 0) || request(&p, &rng, IBV_WR_SEND, 100, MESSAGE))
			return false;
		for (n = 0, tries = 0; n < 2 && tries < 2000; tries++) {
			int got = ibv_poll_cq(p.cq, 2, wc + n);

			if (got < 0)
				return false;
			n += got;
			if (!got)
				usleep(1000);
		}
		if (n != 2 || wc[0].status || wc[1].status || pattern_check(p.memory, MESSAGE, i) >= 0)
			return false;
	}
	return true;
}
