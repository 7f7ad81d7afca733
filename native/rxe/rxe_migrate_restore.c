// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Fills a freshly created CQ or QP from its record of a dump. The record comes
 * from user space: nothing in it is believed before it is checked.
 */
#include "rxe.h"
#include "rxe_queue.h"
#include "rxe_task.h"
#include "rxe_migrate_dump.h"

const void *rxe_migr_take(struct rxe_migr_cursor *c, size_t len)
{
	const void *pos = c->pos;
	size_t padded = ALIGN(len, 8);

	if (len > c->left || padded < len)
		return NULL;
	padded = min(padded, c->left);
	c->pos += padded;
	c->left -= padded;
	return pos;
}

const void *rxe_migr_open(struct rxe_migr_cursor *c, const void *data,
			  size_t len, u32 type, size_t size)
{
	const struct roam_rxe_rec *rec = data;

	c->pos = data;
	c->left = len;
	if (len < size || rec->type != type || rec->len > len || rec->len < size)
		return NULL;
	c->left = rec->len;
	return rxe_migr_take(c, size);
}

/*
 * The ring must have the shape that this kernel gave the new queue, as the
 * application computes with the copy of it that is in the ring's head.
 */
const struct rxe_queue_buf *
rxe_migr_take_ring(struct rxe_migr_cursor *c, const struct roam_rxe_queue *d,
		   const struct rxe_queue *q)
{
	const struct rxe_queue_buf *ring;

	if (d->buf_size != q->buf_size || d->index > q->index_mask)
		return NULL;

	ring = rxe_migr_take(c, q->buf_size);
	if (!ring || ring->log2_elem_size != q->log2_elem_size ||
	    ring->index_mask != q->index_mask ||
	    ring->producer_index > q->index_mask ||
	    ring->consumer_index > q->index_mask)
		return NULL;

	return ring;
}

void rxe_migr_fill_ring(struct rxe_queue *q, const struct rxe_queue_buf *ring,
			u32 index)
{
	memcpy(q->buf, ring, q->buf_size);
	q->index = index;
}

int rxe_migr_restore_cq(struct rxe_cq *cq, const void *data, size_t len)
{
	struct ib_ucq_object *ucq = cq->ibcq.uobject;
	struct ib_uverbs_event_queue *evq = cq->ibcq.cq_context;
	const struct rxe_queue_buf *ring;
	const struct roam_rxe_cq *d;
	struct rxe_migr_cursor c;
	unsigned long irq;
	u32 i;

	d = rxe_migr_open(&c, data, len, ROAM_RXE_T_CQ, sizeof(*d));
	if (!d || !!d->channel != !!evq)
		return -EINVAL;
	ring = rxe_migr_take_ring(&c, &d->q, cq->queue);
	if (!ring || d->comp_events_pending > RXE_MIGR_MAX_EVENTS)
		return -EINVAL;

	spin_lock_irqsave(&cq->cq_lock, irq);
	rxe_migr_fill_ring(cq->queue, ring, d->q.index);
	cq->notify = d->notify & IB_CQ_SOLICITED_MASK;
	ucq->comp_events_reported = d->comp_events_reported;
	ucq->uevent.events_reported = d->async_events_reported;
	spin_unlock_irqrestore(&cq->cq_lock, irq);

	for (i = 0; i < d->comp_events_pending; i++)
		cq->ibcq.comp_handler(&cq->ibcq, cq->ibcq.cq_context);

	return 0;
}

struct rxe_migr_qp_parts {
	const struct roam_rxe_qp	*d;
	const struct roam_rxe_res	*res;
	const struct rxe_recv_wqe	*wqe;
	const struct rxe_queue_buf	*sq, *rq;
};

/* In the middle of a SEND the rest needs a place to go. */
static bool rxe_migr_amid_send(const struct rxe_qp *qp, const struct roam_rxe_qp *d)
{
	switch ((s32)d->resp_opcode) {
	case IB_OPCODE_RC_SEND_FIRST:
	case IB_OPCODE_RC_SEND_MIDDLE:
		return true;
	case IB_OPCODE_UC_SEND_FIRST:
	case IB_OPCODE_UC_SEND_MIDDLE:
		/* what was dropped with its place: only another SEND begins a new one */
		return !(qp->srq && d->resp_drop_msg);
	default:
		return false;
	}
}

static int rxe_migr_parse_qp(struct rxe_qp *qp, const void *data, size_t len,
			     struct rxe_migr_qp_parts *p)
{
	const struct roam_rxe_qp *d;
	u32 max_sge = qp->srq ? qp->srq->rq.max_sge : qp->rq.max_sge;
	struct rxe_migr_cursor c;
	u32 have;

	d = rxe_migr_open(&c, data, len, ROAM_RXE_T_QP, sizeof(*d));
	if (!d || d->qp_type != qp_type(qp) || d->qpn != qp_num(qp) ||
	    (d->srq == ~0U) != !qp->srq)
		return -EINVAL;

	have = qp->resp.resources ? qp->attr.max_dest_rd_atomic : 0;
	/* one for ERR is new: the record's count must not become that of an array that is there */
	if (d->res_count > RXE_MAX_QP_RD_ATOM ||
	    (d->state == IB_QPS_ERR ? !!qp->resp.resources : d->res_count != have))
		return -EINVAL;
	p->res = rxe_migr_take(&c, d->res_count * sizeof(*p->res));
	if (!p->res)
		return -EINVAL;
	if (have && d->state != IB_QPS_ERR &&
	    (d->res_head >= have || d->res_tail >= have))
		return -EINVAL;

	p->wqe = NULL;
	if (d->has_recv_wqe) {
		if (d->recv_wqe_len < sizeof(*p->wqe) ||
		    d->recv_wqe_len > sizeof(qp->resp.srq_wqe))
			return -EINVAL;
		p->wqe = rxe_migr_take(&c, d->recv_wqe_len);
		if (!p->wqe || p->wqe->dma.num_sge > max_sge ||
		    p->wqe->dma.num_sge > RXE_MAX_SGE ||
		    (p->wqe->dma.cur_sge && p->wqe->dma.cur_sge >= p->wqe->dma.num_sge) ||
		    d->recv_wqe_len != sizeof(*p->wqe) +
				p->wqe->dma.num_sge * sizeof(struct rxe_sge))
			return -EINVAL;
	}

	if (!p->wqe && d->state != IB_QPS_ERR && rxe_migr_amid_send(qp, d))
		return -EINVAL;

	p->sq = rxe_migr_take_ring(&c, &d->sq, qp->sq.queue);
	p->rq = qp->srq ? NULL : rxe_migr_take_ring(&c, &d->rq, qp->rq.queue);
	if (!p->sq || (!p->rq && (!qp->srq || d->rq.buf_size)) ||
	    d->req_wqe_index > qp->sq.queue->index_mask ||
	    (d->state != IB_QPS_ERR && d->req_rd_atomic > qp->attr.max_rd_atomic))
		return -EINVAL;

	p->d = d;
	return 0;
}

/* What the standard transitions have led to, against what the dump says. */
static int rxe_migr_check_state(struct rxe_qp *qp, u32 state)
{
	switch (state) {
	case IB_QPS_RESET:
	case IB_QPS_INIT:
	case IB_QPS_RTR:
	case IB_QPS_RTS:
		return qp_state(qp) == state ? 0 : -EINVAL;
	case IB_QPS_SQD:
		return qp_state(qp) == IB_QPS_RTS ? 0 : -EINVAL;
	case IB_QPS_ERR:
		return qp_state(qp) == IB_QPS_RESET ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

static void rxe_migr_fill_res(struct resp_res *res, const struct roam_rxe_res *d)
{
	memset(res, 0, sizeof(*res));
	res->first_psn = d->first_psn & BTH_PSN_MASK;
	res->last_psn = d->last_psn & BTH_PSN_MASK;
	res->cur_psn = d->cur_psn & BTH_PSN_MASK;
	res->replay = !!d->replay;
	res->state = min_t(u32, d->state, rdatm_res_state_replay);

	switch (d->type) {
	case RXE_READ_MASK:
		res->read.va_org = d->va_org;
		res->read.va = d->va;
		res->read.rkey = d->rkey;
		res->read.length = d->length;
		res->read.resid = d->resid;
		break;
	case RXE_ATOMIC_MASK:
		res->atomic.orig_val = d->va_org;
		break;
	case RXE_ATOMIC_WRITE_MASK:
		break;
	case RXE_FLUSH_MASK:
		res->flush.va = d->va;
		res->flush.length = d->length;
		res->flush.type = d->flush_type;
		res->flush.level = d->flush_level;
		break;
	default:
		return;
	}
	res->type = d->type;
}

static void rxe_migr_fill_requester(struct rxe_qp *qp, const struct roam_rxe_qp *d)
{
	qp->req.wqe_index = d->req_wqe_index;
	qp->req.psn = d->req_psn & BTH_PSN_MASK;
	qp->req.opcode = (s32)d->req_opcode;
	atomic_set(&qp->req.rd_atomic, d->req_rd_atomic);
	qp->req.wait_fence = d->req_wait_fence;
	qp->req.need_rd_atomic = d->req_need_rd_atomic;
	qp->req.wait_psn = d->req_wait_psn;
	qp->req.need_retry = d->req_need_retry;
	qp->req.noack_pkts = d->req_noack_pkts;
	qp->comp.psn = d->comp_psn & BTH_PSN_MASK;
	qp->comp.opcode = (s32)d->comp_opcode;
	qp->comp.retry_cnt = min_t(u32, d->comp_retry_cnt, 7);
	qp->comp.rnr_retry = min_t(u32, d->comp_rnr_retry, 7);
	qp->comp.started_retry = d->comp_started_retry;
	atomic_set(&qp->ssn, d->ssn);
}

static void rxe_migr_fill_responder(struct rxe_qp *qp,
				    const struct rxe_migr_qp_parts *p)
{
	const struct roam_rxe_qp *d = p->d;
	u32 i;

	qp->resp.msn = d->resp_msn;
	qp->resp.psn = d->resp_psn & BTH_PSN_MASK;
	qp->resp.ack_psn = d->resp_ack_psn & BTH_PSN_MASK;
	qp->resp.opcode = (s32)d->resp_opcode;
	qp->resp.drop_msg = d->resp_drop_msg;
	qp->resp.goto_error = d->resp_goto_error;
	qp->resp.sent_psn_nak = d->resp_sent_psn_nak;
	qp->resp.status = d->resp_status;
	qp->resp.aeth_syndrome = d->resp_aeth_syndrome;
	qp->resp.rkey = d->resp_rkey;
	qp->resp.length = d->resp_length;
	qp->resp.resid = d->resp_resid;
	qp->resp.va = d->resp_va;
	qp->resp.offset = d->resp_offset;
	qp->resp.res = NULL;

	/* Without resources the indices were not checked, and those of the next life begin at 0. */
	if (qp->resp.resources && d->state != IB_QPS_ERR) {
		qp->resp.res_head = d->res_head;
		qp->resp.res_tail = d->res_tail;
		for (i = 0; i < d->res_count; i++)
			rxe_migr_fill_res(&qp->resp.resources[i], &p->res[i]);
	}

	qp->resp.wqe = NULL;
	if (p->wqe) {
		memcpy(&qp->resp.srq_wqe, p->wqe, d->recv_wqe_len);
		qp->resp.wqe = &qp->resp.srq_wqe.wqe;
	}
}

/* What a query tells of a path that is never used again: out of ERR leads RESET alone. */
static void rxe_migr_fill_path(struct rxe_qp *qp, const struct roam_rxe_qp *d)
{
	struct rxe_global_route *grh = &qp->pri_av.grh;

	if (!memchr_inv(d->dgid, 0, sizeof(d->dgid)))
		return;
	qp->pri_av.port_num = 1;
	memcpy(grh->dgid.raw, d->dgid, sizeof(d->dgid));
	grh->flow_label = d->flow_label;
	grh->sgid_index = d->sgid_index;
	grh->hop_limit = d->hop_limit;
	grh->traffic_class = d->traffic_class;
}

static void rxe_migr_fill_state(struct rxe_qp *qp, const struct roam_rxe_qp *d)
{
	unsigned long irq;

	spin_lock_irqsave(&qp->state_lock, irq);
	qp->attr.qp_state = d->state;
	qp->attr.sq_draining = d->state == IB_QPS_SQD && d->sq_draining;
	if (d->state == IB_QPS_ERR) {
		rxe_migr_fill_path(qp, d);
		qp->attr.port_num = 1;
		qp->attr.qp_access_flags = d->access_flags & RXE_ACCESS_SUPPORTED_QP;
		qp->attr.dest_qp_num = d->dest_qpn & BTH_QPN_MASK;
		qp->attr.qkey = d->qkey;
		qp->attr.path_mtu = clamp_t(u32, d->path_mtu, IB_MTU_256, IB_MTU_4096);
		qp->attr.timeout = d->timeout & 31;
		qp->attr.retry_cnt = d->retry_cnt & 7;
		qp->attr.rnr_retry = d->rnr_retry & 7;
		qp->attr.min_rnr_timer = d->min_rnr_timer & 31;
		qp->attr.max_rd_atomic = min_t(u32, d->max_rd_atomic, RXE_MAX_QP_RD_ATOM);
		qp->attr.max_dest_rd_atomic =
			min_t(u32, d->max_dest_rd_atomic, RXE_MAX_QP_RD_ATOM);
	}
	spin_unlock_irqrestore(&qp->state_lock, irq);
	qp->src_port = d->src_port ?: qp->src_port;
}

int rxe_migr_restore_qp(struct rxe_qp *qp, const void *data, size_t len)
{
	struct rxe_migr_qp_parts p;
	u8 sgid[16] = {};
	unsigned long irq;
	int err;

	if (!rxe_migr_movable(qp))
		return -EOPNOTSUPP;

	mutex_lock(&qp->migr.mutex);
	/* born in a restoring context, and nobody resumed it since */
	if (!(qp->migr.flags & ROAM_RXE_STOPPED)) {
		err = -EBUSY;
		goto out;
	}

	err = rxe_migr_parse_qp(qp, data, len, &p);
	if (!err)
		err = rxe_migr_check_state(qp, p.d->state);
	if (err)
		goto out;

	rxe_migr_freeze(qp);
	rxe_migr_fill_ring(qp->sq.queue, p.sq, p.d->sq.index);
	if (p.rq)
		rxe_migr_fill_ring(qp->rq.queue, p.rq, p.d->rq.index);
	rxe_migr_fill_requester(qp, p.d);
	rxe_migr_fill_responder(qp, &p);
	rxe_migr_fill_state(qp, p.d);
	/* it was flushed where it was dumped, and its event is in the dump */
	qp->migr.flushed = qp->srq && p.d->state == IB_QPS_ERR;
	qp->ibqp.uobject->uevent.events_reported = p.d->events_reported;

	rxe_migr_gid(sgid, &qp->pri_av, true);
	spin_lock_irqsave(&qp->migr.lock, irq);
	/* to another address only an aware peer can follow: no other is asked */
	qp->migr.aware = p.d->peer_aware || memcmp(sgid, p.d->sgid, sizeof(sgid));
	qp->migr.epoch = p.d->epoch;
	qp->migr.peer_epoch = p.d->peer_epoch;
	qp->migr.nak_epoch = p.d->nak_epoch & AETH_MSN_MASK;
	WRITE_ONCE(qp->migr.flags, (qp->migr.flags & ~(unsigned long)ROAM_RXE_PAUSED) |
		   (p.d->migr_state & ROAM_RXE_PAUSED));
	spin_unlock_irqrestore(&qp->migr.lock, irq);
	rxe_migr_thaw(qp);
out:
	mutex_unlock(&qp->migr.mutex);
	return err;
}
