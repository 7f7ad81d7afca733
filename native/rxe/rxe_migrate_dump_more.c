// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The records of SRQs, AHs and MWs in a dump.
 */
#include "rxe.h"
#include "rxe_queue.h"
#include "rxe_migrate_dump.h"

static void rxe_migr_dump_srq(struct rxe_migr_buf *buf, struct rxe_srq *srq)
{
	struct ib_usrq_object *usrq = srq->ibsrq.uobject;
	struct roam_rxe_srq d = {
		.rec = rxe_migr_rec(ROAM_RXE_T_SRQ, &usrq->uevent.uobject),
		.srq_num = srq->srq_num,
		.pd_handle = srq->ibsrq.pd->uobject->id,
		.max_wr = srq->rq.max_wr,
		.max_sge = srq->rq.max_sge,
		.limit = srq->limit,
		.events_reported = usrq->uevent.events_reported,
		.async = rxe_migr_file_id(usrq->uevent.event_file),
	};
	size_t start = buf->len;

	rxe_migr_put(buf, &d, sizeof(d));
	rxe_migr_put_resizable(buf, start + offsetof(typeof(d), q), srq->rq.queue,
			       &srq->rq.consumer_lock);
	rxe_migr_end(buf, start);
}

/* Every QP is stopped: nobody takes from an SRQ's queue any more. */
void rxe_migr_dump_srqs(struct rxe_ucontext *uc, struct rxe_migr_buf *buf,
			u64 *count, s64 *max)
{
	struct rxe_dev *rxe = to_rdev(uc->ibuc.device);
	struct rxe_pool_elem *elem;
	unsigned long index;
	struct rxe_srq *srq;

	rxe_migr_for_each(uc, &rxe->srq_pool, index, elem, srq, rxe_migr_srq_uobj(srq)) {
		rxe_migr_dump_srq(buf, srq);
		*max = max_t(s64, *max, rxe_migr_srq_uobj(srq)->id);
		(*count)++;
	}
}

void rxe_migr_dump_ahs(struct rxe_ucontext *uc, struct rxe_migr_buf *buf,
		       u64 *count, s64 *max)
{
	struct rxe_dev *rxe = to_rdev(uc->ibuc.device);
	struct rxe_pool_elem *elem;
	unsigned long index;
	struct rxe_ah *ah;

	rxe_migr_for_each(uc, &rxe->ah_pool, index, elem, ah, ah->ibah.uobject) {
		struct rxe_av *av = &ah->av;
		struct roam_rxe_ah d = {
			.rec = rxe_migr_rec(ROAM_RXE_T_AH, ah->ibah.uobject),
			.ah_num = ah->ah_num,
			.pd_handle = ah->ibah.pd->uobject->id,
			.port_num = av->port_num,
			.flow_label = av->grh.flow_label,
			.sgid_index = av->grh.sgid_index,
			.hop_limit = av->grh.hop_limit,
			.traffic_class = av->grh.traffic_class,
		};
		size_t start = buf->len;

		/* not by the socket address, which has another form for multicast */
		memcpy(d.dgid, av->grh.dgid.raw, sizeof(d.dgid));
		rxe_migr_gid(d.sgid, av, true);
		rxe_migr_put(buf, &d, sizeof(d));
		rxe_migr_end(buf, start);
		*max = max_t(s64, *max, ah->ibah.uobject->id);
		(*count)++;
	}
}

/* What it is bound to, referenced by the window, belongs to the same context and PD. */
bool rxe_migr_mw_movable(struct rxe_ucontext *uc, struct rxe_mw *mw)
{
	bool ok;

	spin_lock_bh(&mw->lock);
	ok = (!mw->mr || (rxe_migr_owns(uc, mw->mr->ibmr.uobject) &&
			  mw->mr->ibmr.pd == mw->ibmw.pd)) &&
	     (!mw->qp || (mw->qp->ibqp.uobject &&
			  rxe_migr_owns(uc, &mw->qp->ibqp.uobject->uevent.uobject)));
	spin_unlock_bh(&mw->lock);
	return ok;
}

static void rxe_migr_dump_mw(struct rxe_migr_buf *buf, struct rxe_mw *mw)
{
	struct roam_rxe_mw d = {
		.rec = rxe_migr_rec(ROAM_RXE_T_MW, mw->ibmw.uobject),
		.pd_handle = mw->ibmw.pd->uobject->id,
		.mw_type = mw->ibmw.type,
	};
	size_t start = buf->len;

	spin_lock_bh(&mw->lock);
	d.rkey = mw->rkey;
	d.state = mw->state;
	d.access = mw->access;
	d.mr_lkey = mw->mr ? mw->mr->lkey : 0;
	d.qpn = mw->qp ? qp_num(mw->qp) : 0;
	d.addr = mw->addr;
	d.length = mw->length;
	spin_unlock_bh(&mw->lock);

	rxe_migr_put(buf, &d, sizeof(d));
	rxe_migr_end(buf, start);
}

void rxe_migr_dump_mws(struct rxe_ucontext *uc, struct rxe_migr_buf *buf,
		       u64 *count, s64 *max)
{
	struct rxe_dev *rxe = to_rdev(uc->ibuc.device);
	struct rxe_pool_elem *elem;
	unsigned long index;
	struct rxe_mw *mw;

	rxe_migr_for_each(uc, &rxe->mw_pool, index, elem, mw, mw->ibmw.uobject) {
		rxe_migr_dump_mw(buf, mw);
		*max = max_t(s64, *max, mw->ibmw.uobject->id);
		(*count)++;
	}
}
