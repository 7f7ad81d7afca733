// SPDX-License-Identifier: MIT
/*
 * qpstates: the server holds one RC QP in each state, with work left in the
 * queues as far as the state allows it.  After SIGUSR1 it checks that every QP
 * is as it was, takes each to RTS and exchanges messages on it; the client
 * answers what it receives.  SIGUSR1 at the client sends more to the QP in RTR.
 */
#include "common.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MSG	3000	/* three packets of 1024 */
#define SLOTS	16
#define ROUNDS	4
#define EARLY	3	/* messages before SIGUSR1, and after it to the QP in RTR */

static const enum ibv_qp_state states[] = {
	IBV_QPS_RESET, IBV_QPS_INIT, IBV_QPS_RTR, IBV_QPS_RTS, IBV_QPS_SQD, IBV_QPS_ERR,
};
static const char *const names[] = { "RESET", "INIT", "RTR", "RTS", "SQD", "ERR" };
#define N ((int)ARRAY_SIZE(states))
enum { RESET_, INIT_, RTR_, RTS_, SQD_, ERR_ };

struct info {
	uint32_t qpn, gid_index;
	union ibv_gid gid;
};

struct end {
	struct ibv_qp *qp;
	struct ibv_cq *cq;
	struct ibv_mr *mr;
	uint8_t *buf;
	struct rc_path path;
	struct ibv_qp_attr attr;
	struct ibv_qp_init_attr init;
	unsigned int sent, send_done, received, posted, flushed;
};

static struct result r;
static bool server;
static struct end ends[N];

static void arm(struct end *e)
{
	struct ibv_sge sge = { (uintptr_t)e->buf + e->posted % SLOTS * 4096, 4096, e->mr->lkey };
	struct ibv_recv_wr wr = { .wr_id = e->posted, .sg_list = &sge, .num_sge = 1 }, *bad;

	if (ibv_post_recv(e->qp, &wr, &bad))
		result_error(&r, "%s: ibv_post_recv", names[e - ends]);
	e->posted++;
}

static void send_one(struct end *e)
{
	uint8_t *p = e->buf + (SLOTS + e->sent % SLOTS) * 4096;
	struct ibv_sge sge = { (uintptr_t)p, MSG, e->mr->lkey };
	struct ibv_send_wr wr = { .wr_id = 0x1000 + e->sent, .sg_list = &sge, .num_sge = 1,
				  .opcode = IBV_WR_SEND, .send_flags = IBV_SEND_SIGNALED }, *bad;

	pattern_fill(p, MSG, pattern_key(1, e - ends, server, e->sent));
	if (ibv_post_send(e->qp, &wr, &bad))
		result_error(&r, "%s: ibv_post_send", names[e - ends]);
	e->sent++;
	r.sent++;
}

static bool take(struct end *e)
{
	const char *name = names[e - ends];
	struct ibv_wc wc;

	if (ibv_poll_cq(e->cq, 1, &wc) <= 0)
		return false;
	if (wc.qp_num != e->qp->qp_num)
		result_error(&r, "%s: completion of QPN %u", name, wc.qp_num);
	if (wc.status == IBV_WC_WR_FLUSH_ERR) {
		if (wc.wr_id != e->flushed)
			result_error(&r, "%s: flush of request %lu, expected %u", name, wc.wr_id, e->flushed);
		e->flushed++;
	} else if (wc.status != IBV_WC_SUCCESS) {
		result_error(&r, "%s: %s", name, ibv_wc_status_str(wc.status));
		quit_requested = 1;
	} else if (wc.wr_id >= 0x1000) {
		if (wc.wr_id != 0x1000 + e->send_done)
			result_error(&r, "%s: send %lu completed, expected %u", name, wc.wr_id - 0x1000,
				     e->send_done);
		e->send_done++;
	} else {
		uint8_t *p = e->buf + wc.wr_id % SLOTS * 4096;

		if (wc.byte_len != MSG || pattern_check(p, MSG, pattern_key(1, e - ends, !server, e->received)) >= 0)
			result_error(&r, "%s: message %u is wrong", name, e->received);
		e->received++;
		r.received++;
		memset(p, POISON, 4096);
		if (e->attr.qp_state != IBV_QPS_ERR || !server)
			arm(e);
		return true;
	}
	return true;
}

static void until(struct end *e, unsigned int received, unsigned int send_done)
{
	while ((e->received < received || e->send_done < send_done) && !quit_requested)
		if (!take(e))
			usleep(1000);
}

static void modify(struct end *e, enum ibv_qp_state to)
{
	struct ibv_qp_attr attr = { .qp_state = to };
	int rc = to == IBV_QPS_INIT ? rc_to_init(e->qp) : to == IBV_QPS_RTR ? rc_to_rtr(e->qp, &e->path) :
		 to == IBV_QPS_RTS && e->attr.qp_state != IBV_QPS_SQD ? rc_to_rts(e->qp, &e->path) :
		 ibv_modify_qp(e->qp, &attr, IBV_QP_STATE);

	if (rc)
		result_error(&r, "%s: ibv_modify_qp to %d: %s", names[e - ends], to, strerror(rc));
	e->attr.qp_state = to;
}

/* To RTS from wherever the QP is; receives are posted once, in INIT. */
static void raise_to(struct end *e, enum ibv_qp_state to)
{
	if (e->attr.qp_state == IBV_QPS_ERR)
		modify(e, IBV_QPS_RESET);
	if (e->attr.qp_state == IBV_QPS_RESET && to != IBV_QPS_RESET) {
		modify(e, IBV_QPS_INIT);
		for (int i = 0; i < SLOTS / 2; i++)
			arm(e);
	}
	if (e->attr.qp_state == IBV_QPS_INIT && to != IBV_QPS_INIT)
		modify(e, IBV_QPS_RTR);
	if (e->attr.qp_state == IBV_QPS_RTR && to != IBV_QPS_RTR)
		modify(e, IBV_QPS_RTS);
	if (e->attr.qp_state == IBV_QPS_SQD && to == IBV_QPS_RTS)
		modify(e, IBV_QPS_RTS);
}

static void create(struct ibv_context *ctx, struct ibv_pd *pd)
{
	struct ibv_qp_init_attr init = {
		.qp_type = IBV_QPT_RC,
		.cap = { .max_send_wr = 32, .max_recv_wr = 32, .max_send_sge = 1, .max_recv_sge = 1 },
	};

	for (struct end *e = ends; e < ends + N; e++) {
		e->buf = page_alloc(2 * SLOTS * 4096);
		e->mr = ibv_reg_mr(pd, e->buf, 2 * SLOTS * 4096, IBV_ACCESS_LOCAL_WRITE);
		e->cq = init.send_cq = init.recv_cq = ibv_create_cq(ctx, 64, e, NULL, 0);
		e->qp = e->cq ? ibv_create_qp(pd, &init) : NULL;
		if (!e->mr || !e->qp)
			die("MR, CQ or QP: %m");
	}
}

static void connect_all(const struct options *o, int fd, struct ibv_context *ctx)
{
	for (struct end *e = ends; e < ends + N; e++) {
		struct info mine = { .qpn = e->qp->qp_num }, theirs;

		mine.gid_index = device_gid(ctx, o, &mine.gid);
		exchange_swap(fd, &mine, &theirs, sizeof(mine));
		e->path = (struct rc_path){ .dest_qpn = theirs.qpn, .rq_psn = 100, .sq_psn = 100,
					    .dgid = theirs.gid, .sgid_index = mine.gid_index,
					    .mtu = IBV_MTU_1024, .timeout = 17, .retry = 7 };
	}
}

static void query(struct end *e, struct ibv_qp_attr *attr, struct ibv_qp_init_attr *init)
{
	if (ibv_query_qp(e->qp, attr, ~0 & ((IBV_QP_DEST_QPN << 1) - 1), init))
		result_error(&r, "%s: ibv_query_qp: %m", names[e - ends]);
}

#define SAME(field) do { if (now.field != e->attr.field) \
	result_error(&r, "%s: " #field " was %lu, is %lu", names[e - ends], \
		     (unsigned long)e->attr.field, (unsigned long)now.field); } while (0)

static void compare(struct end *e)
{
	struct ibv_qp_init_attr init = { 0 };
	struct ibv_qp_attr now = { 0 };

	query(e, &now, &init);
	SAME(qp_state);
	SAME(path_mtu);
	SAME(qp_access_flags);
	SAME(dest_qp_num);
	SAME(pkey_index);
	SAME(port_num);
	SAME(timeout);
	SAME(retry_cnt);
	SAME(rnr_retry);
	SAME(min_rnr_timer);
	SAME(max_rd_atomic);
	SAME(max_dest_rd_atomic);
	SAME(sq_draining);
	SAME(cap.max_send_wr);
	SAME(cap.max_recv_wr);
	SAME(cap.max_send_sge);
	SAME(cap.max_recv_sge);
	SAME(cap.max_inline_data);
	SAME(ah_attr.port_num);
	SAME(ah_attr.is_global);
	SAME(ah_attr.grh.hop_limit);
	SAME(ah_attr.grh.flow_label);
	SAME(ah_attr.grh.traffic_class);
	SAME(sq_psn);
	if (e - ends != RTR_)	/* its peer goes on sending */
		SAME(rq_psn);
	if (init.qp_context != e->init.qp_context || init.send_cq != e->init.send_cq ||
	    init.qp_type != e->init.qp_type || init.sq_sig_all != e->init.sq_sig_all)
		result_error(&r, "%s: its creation attributes changed", names[e - ends]);
}

static bool event_pending(struct ibv_context *ctx)
{
	struct pollfd fd = { .fd = ctx->async_fd, .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

/* The states, and what is left in the queues of each. */
static void server_prepare(int fd)
{
	uint32_t one = 1, other;

	for (int i = 0; i < N; i++)
		raise_to(&ends[i], i == ERR_ || i == SQD_ ? IBV_QPS_RTS : states[i]);
	exchange_swap(fd, &one, &other, sizeof(one));
	for (int i = RTR_; i <= SQD_; i++)
		until(&ends[i], EARLY, 0);
	for (int i = 0; i < EARLY; i++) {
		send_one(&ends[RTS_]);
		send_one(&ends[SQD_]);
	}
	until(&ends[RTS_], EARLY, EARLY);
	until(&ends[SQD_], EARLY, EARLY);
	modify(&ends[SQD_], IBV_QPS_SQD);
	send_one(&ends[SQD_]);
	send_one(&ends[SQD_]);
	modify(&ends[ERR_], IBV_QPS_ERR);
	usleep(300000);
	for (struct end *e = ends; e < ends + N; e++)
		query(e, &e->attr, &e->init);
}

static void server_check(struct ibv_context *ctx, bool event_before)
{
	struct end *e;
	unsigned int n;

	if (event_pending(ctx) != event_before)
		result_error(&r, "an async event was %s", event_before ? "lost" : "invented");
	for (e = ends; e < ends + N; e++)
		compare(e);
	e = &ends[ERR_];
	for (n = e->posted - e->flushed; n && take(e); n--)
		;
	if (n)
		result_error(&r, "ERR: %u flushed receives have no completion", n);
	if (take(&ends[SQD_]) || take(&ends[RESET_]) || take(&ends[INIT_]))
		result_error(&r, "a QP completed something while it was not in RTS");
	until(&ends[RTR_], 2 * EARLY, 0);
	/* The client's end of ERR saw nothing: only this end starts again. */
	for (e = ends; e < ends + N; e++)
		raise_to(e, IBV_QPS_RTS);
	for (e = ends; e < ends + N; e++) {
		unsigned int got = e->received, done = e->sent;

		for (int i = 0; i < ROUNDS; i++)
			send_one(e);
		/* The two that waited in SQD are answered as well. */
		until(e, got + ROUNDS + (e == &ends[SQD_] ? 2 : 0), done + ROUNDS);
	}
}

static void client(int fd)
{
	unsigned int expect[N] = { ROUNDS, ROUNDS, ROUNDS, ROUNDS + EARLY, ROUNDS + EARLY + 2, ROUNDS };
	unsigned int early[N] = { 0, 0, 0, EARLY, EARLY, 0 };
	bool more = false, all = false;
	uint32_t one = 1, other;

	for (int i = 0; i < N; i++)
		raise_to(&ends[i], IBV_QPS_RTS);
	exchange_swap(fd, &one, &other, sizeof(one));
	exchange_close(fd);
	for (int i = RTR_; i <= SQD_; i++)
		for (int j = 0; j < EARLY; j++)
			send_one(&ends[i]);
	dprintf(2, "running pid=%d qpn=%u\n", getpid(), ends[0].qp->qp_num);
	while (!all && !quit_requested) {
		if (stop_requested && !more) {
			more = true;
			for (int j = 0; j < EARLY; j++)
				send_one(&ends[RTR_]);
		}
		all = more;
		for (int i = 0; i < N; i++) {
			unsigned int before = ends[i].received;

			while (take(&ends[i]))
				;
			for (; before < ends[i].received; before++)
				if (before >= early[i])
					send_one(&ends[i]);
			all &= ends[i].received == expect[i] && ends[i].send_done == ends[i].sent;
		}
		usleep(1000);
	}
}

int main(int argc, char **argv)
{
	struct options o = { .gid_index = -1, .port = 18700 };
	struct ibv_context *ctx;
	bool event;
	int fd;

	server = argc >= 2 && !strcmp(argv[1], "--server");
	if (!server && (argc < 3 || strcmp(argv[1], "--client")))
		die("Usage: qpstates --server [GID-ADDR] | qpstates --client HOST [GID-ADDR]");
	o.server = server;
	o.host = server ? NULL : argv[2];
	o.gid_addr = argc > 3 - server ? argv[3 - server] : NULL;
	install_signals();
	ctx = device_open(NULL);
	create(ctx, ibv_alloc_pd(ctx));
	fd = exchange_open(&o, 0);
	connect_all(&o, fd, ctx);
	if (server) {
		server_prepare(fd);
		exchange_close(fd);
		event = event_pending(ctx);
		dprintf(2, "running pid=%d qpn=%u\n", getpid(), ends[0].qp->qp_num);
		while (!stop_requested && !quit_requested)
			usleep(20000);
		server_check(ctx, event);
	} else {
		client(fd);
	}
	sleep(1);	/* for the peer's last acknowledgements */
	result_print(1, server ? "server" : "client", &r, N, !r.nerrors && !quit_requested);
	return r.nerrors || quit_requested;
}
