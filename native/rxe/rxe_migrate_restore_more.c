// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Fills a freshly created SRQ, AH or MW from its record of a dump, which is not
 * believed before it is checked; and the uverbs methods for that.
 */
#include <rdma/ib_addr.h>
#include <rdma/uverbs_ioctl.h>

#include "rxe.h"
#include "rxe_queue.h"
#include "rxe_migrate_dump.h"

#undef UVERBS_MODULE_NAME
#define UVERBS_MODULE_NAME rxe_migr_more

#include <rdma/uverbs_named_ioctl.h>

static int rxe_migr_restore_srq(struct rxe_srq *srq, const void *data, size_t len)
{
	struct ib_usrq_object *usrq = srq->ibsrq.uobject;
	const struct rxe_queue_buf *ring;
	const struct roam_rxe_srq *d;
	struct rxe_migr_cursor c;
	unsigned long irq;

	d = rxe_migr_open(&c, data, len, ROAM_RXE_T_SRQ, sizeof(*d));
	if (!d || d->srq_num != srq->srq_num || d->max_sge != srq->rq.max_sge)
		return -EINVAL;
	ring = rxe_migr_take_ring(&c, &d->q, srq->rq.queue);
	if (!ring || d->limit > srq->rq.queue->index_mask)
		return -EINVAL;

	spin_lock_irqsave(&srq->rq.consumer_lock, irq);
	rxe_migr_fill_ring(srq->rq.queue, ring, d->q.index);
	srq->limit = d->limit;
	usrq->uevent.events_reported = d->events_reported;
	spin_unlock_irqrestore(&srq->rq.consumer_lock, irq);
	return 0;
}

/*
 * It was created with this host's own GID as its destination, and the source
 * that was chosen for it: creating one resolves the destination, which may be
 * away for a moment, or for good.
 */
static int rxe_migr_restore_ah(struct rxe_ah *ah, const void *data, size_t len)
{
	struct rxe_av *av = &ah->av;
	const struct roam_rxe_ah *d;
	struct rxe_migr_cursor c;

	d = rxe_migr_open(&c, data, len, ROAM_RXE_T_AH, sizeof(*d));
	if (!d || d->ah_num != ah->ah_num || d->port_num != av->port_num)
		return -EINVAL;

	memcpy(av->grh.dgid.raw, d->dgid, sizeof(d->dgid));
	av->grh.flow_label = d->flow_label;
	av->grh.hop_limit = d->hop_limit;
	av->grh.traffic_class = d->traffic_class;
	memset(&av->dgid_addr, 0, sizeof(av->dgid_addr));
	rdma_gid2ip((struct sockaddr *)&av->dgid_addr, (union ib_gid *)&av->grh.dgid);
	rxe_migr_refresh_peer(to_rdev(ah->ibah.device), av);
	return 0;
}

/* As a bind would have checked it. */
static bool rxe_migr_mw_fits(const struct rxe_mw *mw, const struct rxe_mr *mr,
			     const struct roam_rxe_mw *d)
{
	u64 first = d->access & IB_ZERO_BASED ? 0 : mr->ibmr.iova;
	u64 offset = d->access & IB_ZERO_BASED ? 0 : d->addr - first;

	return mr->ibmr.pd == mw->ibmw.pd && !(mr->access & IB_ZERO_BASED) &&
	       mr->access & IB_ACCESS_MW_BIND &&
	       (mr->access & IB_ACCESS_LOCAL_WRITE ||
		!(d->access & (IB_ACCESS_REMOTE_WRITE | IB_ACCESS_REMOTE_ATOMIC))) &&
	       d->length && d->length <= mr->ibmr.length &&
	       offset <= mr->ibmr.length - d->length;
}

static bool rxe_migr_mw_state_ok(const struct rxe_mw *mw, const struct roam_rxe_mw *d)
{
	if (d->mw_type != mw->ibmw.type || d->rkey >> 8 != mw->elem.index ||
	    d->access & ~(u32)RXE_ACCESS_SUPPORTED_MW || (!d->mr_lkey && d->length))
		return false;
	if (mw->ibmw.type == IB_MW_TYPE_1)
		return d->state == RXE_MW_STATE_VALID && !d->qpn &&
		       !(d->access & IB_ZERO_BASED);
	return d->state == RXE_MW_STATE_VALID ? d->qpn && d->mr_lkey :
	       d->state == RXE_MW_STATE_FREE && !d->qpn && !d->mr_lkey;
}

/* A QP that is being destroyed has let go of its windows: it gets no other. Holds mw->lock. */
static bool rxe_migr_mw_bind(struct rxe_mw *mw, struct rxe_qp *qp)
{
	unsigned long irq;
	bool alive;

	spin_lock_irqsave(&qp->migr.lock, irq);
	alive = !qp->migr.dead;
	if (alive)
		mw->qp = qp;
	spin_unlock_irqrestore(&qp->migr.lock, irq);
	return alive;
}

/* The references that a bound window holds are those that the lookups took. */
static int rxe_migr_restore_mw(struct rxe_ucontext *uc, struct rxe_mw *mw,
			       const void *data, size_t len)
{
	struct rxe_dev *rxe = to_rdev(mw->ibmw.device);
	const struct roam_rxe_mw *d;
	struct rxe_migr_cursor c;
	struct rxe_mr *mr = NULL;
	struct rxe_qp *qp = NULL;
	int err = -EINVAL;

	d = rxe_migr_open(&c, data, len, ROAM_RXE_T_MW, sizeof(*d));
	if (!d || !rxe_migr_mw_state_ok(mw, d))
		return -EINVAL;
	if (d->mr_lkey) {
		mr = rxe_migr_get(&rxe->mr_pool, d->mr_lkey >> 8);
		if (!mr || mr->lkey != d->mr_lkey ||
		    !rxe_migr_owns(uc, mr->ibmr.uobject) ||
		    !rxe_migr_mw_fits(mw, mr, d))
			goto out;
	}
	if (d->qpn) {
		qp = rxe_migr_get(&rxe->qp_pool, d->qpn);
		if (!qp || qp->ibqp.pd != mw->ibmw.pd ||
		    !rxe_migr_owns(uc, rxe_migr_qp_uobj(qp)))
			goto out;
	}

	spin_lock_bh(&mw->lock);
	if (!mw->mr && !mw->qp && (!qp || rxe_migr_mw_bind(mw, qp))) {
		err = 0;
		mw->rkey = mw->ibmw.rkey = d->rkey;
		mw->state = d->state;
		mw->access = d->access;
		mw->addr = d->addr;
		mw->length = d->length;
		if (mr)
			atomic_inc(&mr->num_mw);
		mw->mr = mr;
		mr = NULL;
		qp = NULL;
	}
	spin_unlock_bh(&mw->lock);
out:
	if (mr)
		rxe_put(mr);
	if (qp)
		rxe_put(qp);
	return err;
}

static int UVERBS_HANDLER(ROAM_RXE_METHOD_RESTORE_SRQ)(struct uverbs_attr_bundle *attrs)
{
	struct ib_srq *srq = uverbs_attr_get_obj(attrs, ROAM_RXE_ATTR_HANDLE);
	size_t len;
	void *data = rxe_migr_record(attrs, &len);
	int err;

	if (IS_ERR(data))
		return PTR_ERR(data);
	err = rxe_migr_restore_srq(to_rsrq(srq), data, len);
	kvfree(data);
	return err;
}

static int UVERBS_HANDLER(ROAM_RXE_METHOD_RESTORE_AH)(struct uverbs_attr_bundle *attrs)
{
	struct ib_ah *ah = uverbs_attr_get_obj(attrs, ROAM_RXE_ATTR_HANDLE);
	size_t len;
	void *data = rxe_migr_record(attrs, &len);
	int err;

	if (IS_ERR(data))
		return PTR_ERR(data);
	err = rxe_migr_restore_ah(to_rah(ah), data, len);
	kvfree(data);
	return err;
}

static int UVERBS_HANDLER(ROAM_RXE_METHOD_RESTORE_MW)(struct uverbs_attr_bundle *attrs)
{
	struct ib_mw *mw = uverbs_attr_get_obj(attrs, ROAM_RXE_ATTR_HANDLE);
	size_t len;
	void *data = rxe_migr_record(attrs, &len);
	int err;

	if (IS_ERR(data))
		return PTR_ERR(data);
	err = rxe_migr_restore_mw(rxe_migr_uc(attrs), to_rmw(mw), data, len);
	kvfree(data);
	return err;
}

DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_RESTORE_SRQ,
	UVERBS_ATTR_IDR(ROAM_RXE_ATTR_HANDLE, UVERBS_OBJECT_SRQ,
			UVERBS_ACCESS_WRITE, UA_MANDATORY),
	RXE_MIGR_REQ(struct roam_rxe_buf));
DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_RESTORE_AH,
	UVERBS_ATTR_IDR(ROAM_RXE_ATTR_HANDLE, UVERBS_OBJECT_AH,
			UVERBS_ACCESS_WRITE, UA_MANDATORY),
	RXE_MIGR_REQ(struct roam_rxe_buf));
DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_RESTORE_MW,
	UVERBS_ATTR_IDR(ROAM_RXE_ATTR_HANDLE, UVERBS_OBJECT_MW,
			UVERBS_ACCESS_WRITE, UA_MANDATORY),
	RXE_MIGR_REQ(struct roam_rxe_buf));

DECLARE_UVERBS_GLOBAL_METHODS(ROAM_RXE_OBJECT_RESTORE_MORE,
	&UVERBS_METHOD(ROAM_RXE_METHOD_RESTORE_SRQ),
	&UVERBS_METHOD(ROAM_RXE_METHOD_RESTORE_AH),
	&UVERBS_METHOD(ROAM_RXE_METHOD_RESTORE_MW));

const struct uapi_definition rxe_migr_restore_more_defs[] = {
	UAPI_DEF_CHAIN_OBJ_TREE_NAMED(ROAM_RXE_OBJECT_RESTORE_MORE),
	{},
};
