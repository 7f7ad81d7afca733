// SPDX-License-Identifier: MIT
/*
 * A dump is replayed, as the CRIU plugin does it, but into a context of one's
 * own, under other numbers, with records that are not what was dumped.
 */
#include "fuzz.h"

#include <string.h>
#include <unistd.h>

#include "roam_rxe_client.h"
#include "uverbs_cmd.h"

#define HANDLES	64
#define NONE	UVERBS_NO_HANDLE

struct replay {
	struct fuzz_thread *t;
	int fd, async;
	uint32_t handles[HANDLES];	/* by the dump's own */
	bool faithful;			/* nothing is written over */
};

static uint32_t known(const struct replay *r, uint32_t handle)
{
	return handle < HANDLES ? r->handles[handle] : NONE;
}

/* The number that an object gets, in the record too. */
static uint32_t number(struct replay *r, uint32_t type, uint32_t number)
{
	fuzz_count(r->t, ROAM_RXE_OBJECT_RESTORE, ROAM_RXE_METHOD_RESTORE_NUMBER,
		   rxe_client_restore_number(r->fd, type, number));
	return number;
}

static uint32_t key(struct replay *r)
{
	return (0x40000 + below(&r->t->rng, 0x4000)) << 8 | below(&r->t->rng, 256);
}

/* At the end of the scratch memory: what reads beyond the record faults. */
static void *spoilt(struct replay *r, const void *rec, uint32_t *len)
{
	uint8_t *copy = r->t->scratch + FUZZ_SCRATCH - *len;

	memcpy(copy, rec, *len);
	if (!r->faithful && one_in(&r->t->rng, 2))
		fuzz_mutate(&r->t->rng, copy, *len);
	if (!r->faithful && one_in(&r->t->rng, 12)) {
		*len = below(&r->t->rng, *len);
		memmove(r->t->scratch + FUZZ_SCRATCH - *len, copy, *len);
	}
	return r->t->scratch + FUZZ_SCRATCH - *len;
}

static void restore(struct replay *r, uint16_t object, uint16_t method,
		    int (*call)(int fd, uint32_t handle, const void *record, size_t len),
		    uint32_t handle, const struct roam_rxe_rec *rec)
{
	uint32_t len = rec->len;
	void *copy = spoilt(r, rec, &len);

	fuzz_count(r->t, object, method, call(r->fd, handle, copy, len));
}

static uint32_t replay_cq(struct replay *r, struct roam_rxe_cq *d)
{
	struct uverbs_cq_init init = { .cqe = d->cqe, .channel_fd = -1, .async_fd = r->async };
	struct uverbs_cq cq;

	if (d->channel && uverbs_create_comp_channel(r->fd, &init.channel_fd))
		return NONE;
	if (uverbs_create_cq(r->fd, &init, &cq))
		cq.handle = NONE;
	if (init.channel_fd >= 0)
		close(init.channel_fd);
	restore(r, ROAM_RXE_OBJECT_RESTORE, ROAM_RXE_METHOD_RESTORE_CQ, rxe_client_restore_cq, cq.handle,
		&d->rec);
	return cq.handle;
}

/* The memory is this thread's own, in place of that which the dump names. */
static uint32_t replay_mr(struct replay *r, struct roam_rxe_mr *d)
{
	struct uverbs_mr_init init = { .start = (uintptr_t)r->t->scratch, .iova = d->iova,
				       .length = d->length, .pd_handle = known(r, d->pd_handle),
				       .access = d->access };
	struct uverbs_mr mr;

	if (one_in(&r->t->rng, 8))
		init.start = d->start;
	d->lkey = d->rkey = number(r, ROAM_RXE_T_MR, key(r));
	if (uverbs_reg_mr(r->fd, &init, &mr))
		return NONE;
	restore(r, ROAM_RXE_OBJECT_RESTORE, ROAM_RXE_METHOD_RESTORE_MR, rxe_client_restore_mr, mr.handle,
		&d->rec);
	return mr.handle;
}

static uint32_t replay_srq(struct replay *r, struct roam_rxe_srq *d)
{
	struct uverbs_srq_init init = { .pd_handle = known(r, d->pd_handle), .max_wr = d->max_wr,
					.max_sge = d->max_sge, .async_fd = r->async };
	struct uverbs_srq srq;

	d->srq_num = number(r, ROAM_RXE_T_SRQ, 0x30000 + below(&r->t->rng, 0x1000));
	if (uverbs_create_srq(r->fd, &init, &srq))
		return NONE;
	restore(r, ROAM_RXE_OBJECT_RESTORE_MORE, ROAM_RXE_METHOD_RESTORE_SRQ, rxe_client_restore_srq,
		srq.handle, &d->rec);
	return srq.handle;
}

static uint32_t replay_ah(struct replay *r, struct roam_rxe_ah *d)
{
	struct ib_uverbs_ah_attr attr = { .is_global = 1, .port_num = 1 };
	struct uverbs_ah ah;

	memcpy(attr.grh.dgid, &r->t->world->gid, 16);
	attr.grh.sgid_index = r->t->world->gid_index;
	d->ah_num = number(r, ROAM_RXE_T_AH, 0x4000 + below(&r->t->rng, 0x1000));
	if (uverbs_create_ah(r->fd, 0, known(r, d->pd_handle), &attr, &ah))
		return NONE;
	restore(r, ROAM_RXE_OBJECT_RESTORE_MORE, ROAM_RXE_METHOD_RESTORE_AH, rxe_client_restore_ah, ah.handle,
		&d->rec);
	return ah.handle;
}

static uint32_t replay_mw(struct replay *r, struct roam_rxe_mw *d, uint32_t lkey, uint32_t qpn)
{
	uint32_t handle, rkey;

	d->rkey = number(r, ROAM_RXE_T_MW, key(r) | 0x8000000);
	if (d->mr_lkey)
		d->mr_lkey = lkey;
	if (d->qpn)
		d->qpn = qpn;
	if (uverbs_alloc_mw(r->fd, known(r, d->pd_handle), d->mw_type, &handle, &rkey))
		return NONE;
	restore(r, ROAM_RXE_OBJECT_RESTORE_MORE, ROAM_RXE_METHOD_RESTORE_MW, rxe_client_restore_mw, handle,
		&d->rec);
	return handle;
}

static uint32_t replay_qp(struct replay *r, struct roam_rxe_qp *d)
{
	struct uverbs_qp_init init = {
		.pd_handle = known(r, d->pd_handle), .send_cq = known(r, d->send_cq),
		.recv_cq = known(r, d->recv_cq), .srq = d->srq == NONE ? NONE : known(r, d->srq),
		.type = d->qp_type, .async_fd = r->async,
		.cap = { .max_send_wr = d->max_send_wr, .max_recv_wr = d->max_recv_wr,
			 .max_send_sge = d->max_send_sge, .max_recv_sge = d->max_recv_sge,
			 .max_inline_data = d->max_inline },
	};
	uint32_t state = d->state;
	struct uverbs_qp qp;

	d->qpn = number(r, ROAM_RXE_T_QP, FUZZ_QPN + below(&r->t->rng, 4 * FUZZ_QPNS));
	if (uverbs_create_qp(r->fd, &init, &qp))
		return NONE;
	/* in ERR and SQD too: a state that its record does not follow from, now and then */
	if (state == IBV_QPS_ERR && !one_in(&r->t->rng, 4))
		state = IBV_QPS_RESET;
	fuzz_connect(r->fd, r->t, qp.handle, state > IBV_QPS_RTS ? IBV_QPS_RTS : state, d);
	if (d->state == IBV_QPS_ERR && state != IBV_QPS_RESET) {
		struct ib_uverbs_modify_qp cmd = { .qp_handle = qp.handle, .attr_mask = IBV_QP_STATE,
						   .qp_state = IBV_QPS_RESET };

		uverbs_modify_qp(r->fd, &cmd);
	}
	restore(r, ROAM_RXE_OBJECT_RESTORE, ROAM_RXE_METHOD_RESTORE_QP, rxe_client_restore_qp, qp.handle,
		&d->rec);
	return qp.handle;
}

static void replay_objects(struct replay *r, struct fuzz_dump *dump, unsigned int pass)
{
	static const uint32_t passes[] = { ROAM_RXE_T_PD, ROAM_RXE_T_CQ, ROAM_RXE_T_SRQ, ROAM_RXE_T_AH,
					   ROAM_RXE_T_MR, ROAM_RXE_T_QP, ROAM_RXE_T_MW };
	uint32_t at = sizeof(struct roam_rxe_dump_hdr), made, lkey = 0, qpn = 0;

	while (at + sizeof(struct roam_rxe_rec) <= dump->len) {
		struct roam_rxe_rec *rec = (void *)(dump->data + at);
		void *d = rec;

		at += (rec->len + 7) & ~7u;
		if (rec->type == ROAM_RXE_T_MR)
			lkey = ((struct roam_rxe_mr *)d)->lkey;
		if (rec->type == ROAM_RXE_T_QP)
			qpn = ((struct roam_rxe_qp *)d)->qpn;
		if (rec->type != passes[pass] || rec->handle >= HANDLES)
			continue;
		made = NONE;
		switch (rec->type) {
		case ROAM_RXE_T_PD:
			if (uverbs_alloc_pd(r->fd, &made))
				made = NONE;
			break;
		case ROAM_RXE_T_CQ:
			made = replay_cq(r, d);
			break;
		case ROAM_RXE_T_SRQ:
			made = replay_srq(r, d);
			break;
		case ROAM_RXE_T_AH:
			made = replay_ah(r, d);
			break;
		case ROAM_RXE_T_MR:
			made = replay_mr(r, d);
			break;
		case ROAM_RXE_T_QP:
			made = replay_qp(r, d);
			break;
		case ROAM_RXE_T_MW:
			made = replay_mw(r, d, lkey, qpn);
			break;
		}
		r->handles[rec->handle] = made;
	}
}

/* Unread events, of objects that are there and of others. */
static void replay_events(struct replay *r)
{
	struct {
		struct roam_rxe_file file;
		struct roam_rxe_event events[8];
	} d = { .file = { .rec = { .type = ROAM_RXE_T_ASYNC, .len = sizeof(d), .handle = NONE },
			  .event_count = below(&r->t->rng, 9) } };

	for (int i = 0; i < 8; i++) {
		d.events[i].type = one_in(&r->t->rng, 8) ? odd32(&r->t->rng) : below(&r->t->rng, 20);
		d.events[i].handle = one_in(&r->t->rng, 2) ? NONE : below(&r->t->rng, 12);
		d.events[i].port = 1;
	}
	if (one_in(&r->t->rng, 4))
		d.file.event_count = odd32(&r->t->rng);
	fuzz_count(r->t, ROAM_RXE_OBJECT_RESTORE, ROAM_RXE_METHOD_RESTORE_ASYNC,
		   rxe_client_restore_async(r->fd, r->async, &d, sizeof(d)));
}

void fuzz_replay(struct fuzz_thread *t)
{
	static __thread struct fuzz_dump dump;
	struct replay r = { .t = t, .async = -1, .faithful = one_in(&t->rng, 3) };
	struct fuzz_shared *s = t->world->shared;
	unsigned int pass;

	if (!fuzz_corpus_get(s, &t->rng, &dump))
		return;
	memset(r.handles, 0xff, sizeof(r.handles));
	r.fd = rxe_client_open_context("rxe0");
	if (r.fd < 0)
		return;
	uverbs_alloc_async(r.fd, &r.async);
	fuzz_count(t, ROAM_RXE_OBJECT_RESTORE, ROAM_RXE_METHOD_RESTORE_BEGIN,
		   rxe_client_restore_begin(r.fd, below(&t->rng, 4)));
	for (pass = 0; pass < 7 && !one_in(&t->rng, 40); pass++)
		replay_objects(&r, &dump, pass);
	if (r.async >= 0)
		replay_events(&r);
	__atomic_add_fetch(&s->replayed, 1, __ATOMIC_RELAXED);
	if (!one_in(&t->rng, 4)) {
		int ret = rxe_client_pin(r.fd);

		fuzz_count(t, ROAM_RXE_OBJECT_RESTORE, ROAM_RXE_METHOD_PIN, ret);
		if (!ret)
			__atomic_add_fetch(&s->pinned, 1, __ATOMIC_RELAXED);
		if (!ret && !one_in(&t->rng, 4) && !rxe_client_resume(r.fd, 0, 0))
			__atomic_add_fetch(&s->resumed, 1, __ATOMIC_RELAXED);
	}
	fuzz_share(t, r.fd, -1, r.async);
}
