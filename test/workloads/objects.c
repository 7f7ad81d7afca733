// SPDX-License-Identifier: MIT
/*
 * objects --server [GID-ADDR] KIND | objects --client HOST [GID-ADDR] KIND, with
 * KIND srq, ud, uc, mw, mr or mcast: two ends prepare such objects, with work left in them,
 * and wait.  After SIGUSR1 the server, which has moved meanwhile, checks that all
 * is as it was ("checked"); with the client's SIGUSR1 they go on with them.
 */
#include "objects.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS 30000

struct info {
	uint32_t qpn, qkey;
	union ibv_gid gid;
};

void good(struct objects *b, int rc, const char *what)
{
	if (rc)
		result_error(&b->r, "%s: %s", what, strerror(rc < 0 ? -rc : rc));
}

void slot_sge(struct objects *b, unsigned int slot, struct ibv_sge *sge)
{
	*sge = (struct ibv_sge){ (uintptr_t)b->buf + slot % SLOTS * SLOT, SLOT, b->mr->lkey };
}

void side_create(struct objects *b, struct side *s, int lane, enum ibv_qp_type type,
		 struct ibv_srq *srq)
{
	struct ibv_qp_init_attr init = {
		.send_cq = b->scq, .recv_cq = b->rcq, .qp_type = type, .srq = srq, .sq_sig_all = 1,
		.cap = { .max_send_wr = 16, .max_recv_wr = 16, .max_send_sge = 1, .max_recv_sge = 1 },
	};
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_INIT, .port_num = 1, .qkey = 0x1100 + lane,
				    .qp_access_flags = IBV_ACCESS_REMOTE_WRITE };
	int mask = IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT;

	*s = (struct side){ .lane = lane, .qp = ibv_create_qp(b->pd, &init) };
	if (!s->qp)
		die("ibv_create_qp of type %d: %m", type);
	if (type == IBV_QPT_RC ? rc_to_init(s->qp) :
	    ibv_modify_qp(s->qp, &attr, mask | (type == IBV_QPT_UD ? IBV_QP_QKEY : IBV_QP_ACCESS_FLAGS)))
		die("a QP of type %d does not come to INIT", type);
}

static void to_rts(struct objects *b, struct side *s)
{
	struct ibv_qp_attr rtr = {
		.qp_state = IBV_QPS_RTR, .path_mtu = s->path.mtu, .dest_qp_num = s->path.dest_qpn,
		.rq_psn = s->path.rq_psn,
		.ah_attr = { .is_global = 1, .port_num = 1,
			     .grh = { .dgid = s->path.dgid, .sgid_index = s->path.sgid_index,
				      .hop_limit = 64 } },
	};
	struct ibv_qp_attr rts = { .qp_state = IBV_QPS_RTS, .sq_psn = s->path.sq_psn };

	if (s->qp->qp_type == IBV_QPT_RC) {
		good(b, rc_to_rtr(s->qp, &s->path), "to RTR");
		good(b, rc_to_rts(s->qp, &s->path), "to RTS");
		return;
	}
	good(b, ibv_modify_qp(s->qp, &rtr, s->qp->qp_type == IBV_QPT_UD ? IBV_QP_STATE :
			      IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN |
			      IBV_QP_RQ_PSN), "to RTR");
	good(b, ibv_modify_qp(s->qp, &rts, IBV_QP_STATE | IBV_QP_SQ_PSN), "to RTS");
	if (s->qp->qp_type == IBV_QPT_UD) {
		s->ah = ibv_create_ah(b->pd, &rtr.ah_attr);
		if (!s->ah)
			die("ibv_create_ah: %m");
	}
}

void side_connect(struct objects *b, struct side *s)
{
	struct info mine = { .qpn = s->qp->qp_num, .qkey = 0x1100 + s->lane }, theirs;
	int index = device_gid(b->ctx, &b->o, &mine.gid);

	exchange_swap(b->fd, &mine, &theirs, sizeof(mine));
	s->qkey = theirs.qkey;
	s->remote_qpn = theirs.qpn;
	s->path = (struct rc_path){ .dest_qpn = theirs.qpn, .rq_psn = 0xfffff0, .sq_psn = 0xfffff0,
				    .dgid = theirs.gid, .sgid_index = index, .mtu = IBV_MTU_1024,
				    .timeout = 17, .retry = 7 };
	to_rts(b, s);
}

void post_recv(struct objects *b, struct ibv_qp *qp, struct ibv_srq *srq, unsigned int id)
{
	struct ibv_sge sge;
	struct ibv_recv_wr wr = { .wr_id = id, .sg_list = &sge, .num_sge = 1 }, *bad;

	slot_sge(b, id % OUT, &sge);
	good(b, srq ? ibv_post_srq_recv(srq, &wr, &bad) : ibv_post_recv(qp, &wr, &bad), "a receive");
}

/* Three packets, but for a datagram, which has one. */
static uint32_t size_of(const struct side *s)
{
	return s->qp->qp_type == IBV_QPT_UD ? 900 : 3000;
}

void post_send(struct objects *b, struct side *s)
{
	struct ibv_sge sge;
	struct ibv_send_wr wr = { .wr_id = s->sent, .sg_list = &sge, .num_sge = 1,
				  .opcode = IBV_WR_SEND }, *bad;

	slot_sge(b, OUT + s->lane * 8 + s->sent % 8, &sge);
	sge.length = size_of(s);
	pattern_fill((void *)sge.addr, sge.length, pattern_key(1, s->lane, b->o.server, s->sent));
	if (s->ah) {
		wr.wr.ud.ah = s->ah;
		wr.wr.ud.remote_qpn = s->remote_qpn;
		wr.wr.ud.remote_qkey = s->qkey;
	}
	good(b, ibv_post_send(s->qp, &wr, &bad), "a send");
	s->sent++;
	b->r.sent++;
}

bool next_wc(struct objects *b, struct ibv_cq *cq, struct ibv_wc *wc)
{
	uint64_t until = now_ns() + PATIENCE_MS * 1000000ull;
	int n = 0;

	while (!quit_requested && now_ns() < until && !(n = ibv_poll_cq(cq, 1, wc)))
		usleep(1000);
	if (n != 1)
		result_error(&b->r, "no completion of a %s came", cq == b->rcq ? "receive" : "send");
	return n == 1;
}

void expect_sent(struct objects *b, unsigned int count)
{
	struct ibv_wc wc;

	while (count-- && next_wc(b, b->scq, &wc))
		if (wc.status != IBV_WC_SUCCESS)
			result_error(&b->r, "a send: %s", ibv_wc_status_str(wc.status));
}

void expect_received(struct objects *b, struct side *sides, int nr_sides, unsigned int id)
{
	struct side *s = sides;
	struct ibv_wc wc;
	uint32_t before;
	uint8_t *p = b->buf + id % OUT * SLOT;

	if (!next_wc(b, b->rcq, &wc))
		return;
	while (s < sides + nr_sides && s->qp->qp_num != wc.qp_num)
		s++;
	if (wc.status != IBV_WC_SUCCESS || wc.wr_id != id || s == sides + nr_sides) {
		result_error(&b->r, "receive %lu of QP %u, expected %u: %s", wc.wr_id, wc.qp_num, id,
			     ibv_wc_status_str(wc.status));
		return;
	}
	before = s->qp->qp_type == IBV_QPT_UD ? GRH : 0;
	if (before && (wc.src_qp != s->path.dest_qpn || !(wc.wc_flags & IBV_WC_GRH)))
		result_error(&b->r, "datagram %u is of QP %u", id, wc.src_qp);
	if (wc.byte_len != size_of(s) + before ||
	    pattern_check(p + before, size_of(s), pattern_key(1, s->lane, !b->o.server, s->received)) >= 0)
		result_error(&b->r, "message %u of lane %d is wrong", s->received, s->lane);
	s->received++;
	b->r.received++;
	memset(p, POISON, SLOT);
}

void expect_empty(struct objects *b, struct ibv_cq *cq, const char *what)
{
	struct ibv_wc wc;

	if (ibv_poll_cq(cq, 1, &wc))
		result_error(&b->r, "%s: one completion more than there was (%lu, %s)", what, wc.wr_id,
			     ibv_wc_status_str(wc.status));
}

enum ibv_event_type next_event(struct objects *b, int timeout_ms, void *element)
{
	struct pollfd fd = { .fd = b->ctx->async_fd, .events = POLLIN };
	struct ibv_async_event event;

	if (poll(&fd, 1, timeout_ms) != 1 || ibv_get_async_event(b->ctx, &event))
		return IBV_EVENT_CQ_ERR;
	ibv_ack_async_event(&event);
	return event.element.cq == element ? event.event_type : IBV_EVENT_DEVICE_FATAL;
}

void expect_event(struct objects *b, enum ibv_event_type type, void *element)
{
	enum ibv_event_type got = next_event(b, 5000, element);

	if (got == IBV_EVENT_CQ_ERR)
		result_error(&b->r, "async event %s did not come", ibv_event_type_str(type));
	else if (got != type)
		result_error(&b->r, "async event %s instead of %s", ibv_event_type_str(got),
			     ibv_event_type_str(type));
}

void expect_no_event(struct objects *b)
{
	enum ibv_event_type got = next_event(b, 300, NULL);

	if (got != IBV_EVENT_CQ_ERR)
		result_error(&b->r, "an async event too many");
}

void barrier(struct objects *b)
{
	uint32_t mine = 1, theirs;

	exchange_swap(b->fd, &mine, &theirs, sizeof(mine));
}

void ready(struct objects *b)
{
	barrier(b);
	exchange_close(b->fd);
	dprintf(2, "running pid=%d\n", getpid());
	while (!stop_requested && !quit_requested)
		usleep(20000);
}

void checked(void)
{
	dprintf(2, "checked\n");
}

static void open_all(struct objects *b)
{
	b->ctx = device_open(NULL);
	b->pd = ibv_alloc_pd(b->ctx);
	b->channel = ibv_create_comp_channel(b->ctx);
	b->scq = ibv_create_cq(b->ctx, 64, NULL, NULL, 0);
	b->rcq = ibv_create_cq(b->ctx, 64, NULL, b->channel, 0);
	b->buf = page_alloc(SLOTS * SLOT);
	b->mr = b->pd ? ibv_reg_mr(b->pd, b->buf, SLOTS * SLOT,
				   IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
				   IBV_ACCESS_MW_BIND) : NULL;
	if (!b->channel || !b->scq || !b->rcq || !b->mr)
		die("PD, CQ, channel or MR: %m");
	b->fd = exchange_open(&b->o, 0);
}

int main(int argc, char **argv)
{
	struct objects b = { .o = { .gid_index = -1, .port = 18710 } };
	const char *kind = argc > 2 ? argv[argc - 1] : "";
	bool server = argc > 2 && !strcmp(argv[1], "--server");

	if (argc < 3 + !server || (!server && strcmp(argv[1], "--client")))
		die("Usage: objects --server [GID-ADDR] KIND | --client HOST [GID-ADDR] KIND");
	b.o.server = server;
	b.o.host = server ? NULL : argv[2];
	b.o.gid_addr = argc > 4 - server ? argv[3 - server] : NULL;
	install_signals();
	open_all(&b);
	if (!strcmp(kind, "srq"))
		(server ? srq_server : srq_client)(&b);
	else if (!strcmp(kind, "mw"))
		(server ? mw_server : mw_client)(&b);
	else if (!strcmp(kind, "mcast"))
		(server ? mcast_server : mcast_client)(&b);
	else if (!strcmp(kind, "mr"))
		(server ? mr_server : mr_client)(&b);
	else if (!strcmp(kind, "ud") || !strcmp(kind, "uc"))
		(server ? datagram_server : datagram_client)(&b, kind[1] == 'd' ? IBV_QPT_UD : IBV_QPT_UC);
	else
		die("there is no kind %s: srq, ud, uc, mw, mr, mcast", kind);
	good(&b, ibv_destroy_cq(b.scq), "ibv_destroy_cq");
	good(&b, ibv_destroy_cq(b.rcq), "ibv_destroy_cq");
	good(&b, ibv_dereg_mr(b.mr), "ibv_dereg_mr");
	good(&b, ibv_dealloc_pd(b.pd), "ibv_dealloc_pd");
	result_print(1, server ? "server" : "client", &b.r, 1, !b.r.nerrors && !quit_requested);
	return b.r.nerrors || quit_requested;
}
