// SPDX-License-Identifier: MIT
/*
 * unsupported rdma_cm|ud|uc|srq|mw|ah: holds one object beside an RC QP, until
 * SIGUSR1; then both must still be there and work.  What belongs to rdma_cm cannot
 * be migrated.
 */
#include "common.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct holder {
	struct ibv_context *ctx;
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_qp *rc, *other;
	struct ibv_srq *srq;
	struct ibv_mw *mw;
	struct ibv_ah *ah;
	int cm;		/* a descriptor; 0: none */
};

static struct ibv_qp *create_qp(struct holder *h, enum ibv_qp_type type)
{
	struct ibv_qp_init_attr init = {
		.send_cq = h->cq, .recv_cq = h->cq, .qp_type = type,
		.cap = { .max_send_wr = 4, .max_recv_wr = 4, .max_send_sge = 1, .max_recv_sge = 1 },
	};
	struct ibv_qp *qp = ibv_create_qp(h->pd, &init);

	if (!qp)
		die("ibv_create_qp of type %d: %m", type);
	return qp;
}

static struct ibv_ah *create_ah(struct holder *h)
{
	struct options o = { .gid_index = -1 };
	struct ibv_ah_attr attr = { .is_global = 1, .port_num = 1 };
	struct ibv_ah *ah;

	attr.grh.sgid_index = device_gid(h->ctx, &o, &attr.grh.dgid);
	attr.grh.hop_limit = 64;
	ah = ibv_create_ah(h->pd, &attr);
	if (!ah)
		die("ibv_create_ah: %m");
	return ah;
}

static int alive(struct holder *h)
{
	struct ibv_qp_init_attr init;
	struct ibv_srq_attr srq_attr;
	struct ibv_qp_attr attr;
	int bad = 0;

	bad |= ibv_query_qp(h->rc, &attr, IBV_QP_STATE, &init);
	bad |= h->other && ibv_query_qp(h->other, &attr, IBV_QP_STATE, &init);
	bad |= h->srq && ibv_query_srq(h->srq, &srq_attr);
	bad |= h->ah && ibv_destroy_ah(h->ah);
	bad |= h->mw && ibv_dealloc_mw(h->mw);
	bad |= h->srq && ibv_destroy_srq(h->srq);
	bad |= h->cm && (fcntl(h->cm, F_GETFL) < 0 || close(h->cm));
	bad |= h->other && ibv_destroy_qp(h->other);
	bad |= ibv_destroy_qp(h->rc) || ibv_destroy_cq(h->cq) || ibv_dealloc_pd(h->pd);
	return !bad;
}

int main(int argc, char **argv)
{
	const char *kind = argc == 2 ? argv[1] : "";
	struct ibv_srq_init_attr srq = { .attr = { .max_wr = 4, .max_sge = 1 } };
	struct holder h = { 0 };
	uint32_t id = 0;
	int ok;

	install_signals();
	h.ctx = device_open(NULL);
	h.pd = ibv_alloc_pd(h.ctx);
	h.cq = ibv_create_cq(h.ctx, 16, NULL, NULL, 0);
	if (!h.pd || !h.cq)
		die("PD or CQ: %m");
	h.rc = create_qp(&h, IBV_QPT_RC);
	if (!strcmp(kind, "rdma_cm")) {
		h.cm = open("/dev/infiniband/rdma_cm", O_RDWR | O_CLOEXEC);
		if (h.cm < 0)
			die("/dev/infiniband/rdma_cm: %m");
		id = h.cm;
	} else if (!strcmp(kind, "ud") || !strcmp(kind, "uc")) {
		h.other = create_qp(&h, kind[1] == 'd' ? IBV_QPT_UD : IBV_QPT_UC);
		id = h.other->qp_num;
	} else if (!strcmp(kind, "srq")) {
		h.srq = ibv_create_srq(h.pd, &srq);
		if (!h.srq)
			die("ibv_create_srq: %m");
		if (ibv_get_srq_num(h.srq, &id))
			id = 0;
	} else if (!strcmp(kind, "mw")) {
		h.mw = ibv_alloc_mw(h.pd, IBV_MW_TYPE_2);
		if (!h.mw)
			die("ibv_alloc_mw: %m");
		id = h.mw->rkey;
	} else if (!strcmp(kind, "ah")) {
		h.ah = create_ah(&h);
	} else {
		die("Usage: unsupported rdma_cm|ud|uc|srq|mw|ah");
	}
	dprintf(2, "running pid=%d id=%u\n", getpid(), id);
	while (!stop_requested && !quit_requested)
		usleep(20000);
	ok = alive(&h) && stop_requested;
	printf("{\"ok\":%s,\"kind\":\"%s\",\"id\":%u}\n", ok ? "true" : "false", kind, id);
	return !ok;
}
