// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The QPs that a method is about, one or all of a context, and their stop.
 */
#include <linux/delay.h>
#include <rdma/uverbs_ioctl.h>

#include "rxe.h"
#include "rxe_migrate_dump.h"

static int rxe_migr_one(struct rxe_dev *rxe, struct rxe_ucontext *uc, u32 qpn,
			int (*fn)(struct rxe_qp *qp))
{
	struct rxe_qp *qp = rxe_migr_get(&rxe->qp_pool, qpn);
	int err;

	if (!qp)
		return -ENOENT;
	if (uc && !(qp->ibqp.uobject &&
		    rxe_migr_owns(uc, &qp->ibqp.uobject->uevent.uobject)))
		err = -ENOENT;
	else
		err = fn(qp);
	rxe_put(qp);
	return err;
}

/* Does fn to each; go_on: also when it has failed for one. Gives the first error. */
int rxe_migr_scope(struct uverbs_attr_bundle *attrs, int (*fn)(struct rxe_qp *qp), bool go_on)
{
	struct rxe_ucontext *uc = rxe_migr_uc(attrs);
	struct roam_rxe_scope req;
	struct rxe_pool_elem *elem;
	struct rxe_dev *rxe;
	unsigned long index;
	int err, ret = 0;
	bool whole;

	if (IS_ERR(uc))
		return PTR_ERR(uc);
	err = uverbs_copy_from(&req, attrs, ROAM_RXE_ATTR_REQ);
	if (err)
		return err;
	if (req.flags & ~ROAM_RXE_WHOLE_DEVICE)
		return -EINVAL;
	whole = req.flags & ROAM_RXE_WHOLE_DEVICE;
	/* the whole device needs a QPN: nobody stops everybody by mistake */
	if (whole && !req.qpn)
		return -EINVAL;
	if (whole && !rxe_migr_privileged())
		return -EPERM;

	rxe = to_rdev(uc->ibuc.device);
	if (req.qpn)
		return rxe_migr_one(rxe, whole ? NULL : uc, req.qpn, fn);

	xa_for_each(&rxe->qp_pool.xa, index, elem) {
		err = rxe_migr_one(rxe, uc, index, fn);
		if (err && err != -ENOENT) {
			ret = ret ?: err;
			if (!go_on)
				break;
		}
	}
	return ret;
}

/*
 * Sends no more requests, and takes what is outstanding. A peer on the stock
 * module answers a READ that is sent again with an error, when a request of no
 * bytes was the latest that it has executed (0006-fix-replay-of-zero-length-
 * read.patch is not there). So a stop has READs and atomics answered first,
 * where it can, of a peer that is not known to be aware. -EAGAIN: look again.
 */
static int rxe_migr_drain_qp(struct rxe_qp *qp)
{
	int err = 0;

	if (qp_type(qp) != IB_QPT_RC || READ_ONCE(qp->migr.aware))
		return 0;

	mutex_lock(&qp->migr.mutex);
	if (rxe_migr_connected(qp) && !(qp->migr.flags & RXE_MIGR_STATES)) {
		/* a requester that runs may take a credit yet */
		if (!(qp->migr.flags & RXE_MIGR_DRAIN) ||
		    atomic_read(&qp->req.rd_atomic) < qp->attr.max_rd_atomic)
			err = -EAGAIN;
		rxe_migr_set(qp, 0, RXE_MIGR_DRAIN);
	}
	mutex_unlock(&qp->migr.mutex);
	return err;
}

/* Nobody has counted the timeouts meanwhile: what was lost is sent again now. */
static int rxe_migr_undrain_qp(struct rxe_qp *qp)
{
	if (!(READ_ONCE(qp->migr.flags) & RXE_MIGR_DRAIN))
		return 0;

	mutex_lock(&qp->migr.mutex);
	rxe_migr_freeze(qp);
	rxe_migr_rewind(qp);
	rxe_migr_set(qp, RXE_MIGR_DRAIN, 0);
	rxe_migr_thaw(qp);
	mutex_unlock(&qp->migr.mutex);
	return 0;
}

/* For a quarter of a second at most: an answer may be lost, or the peer gone. */
static void rxe_migr_drain(struct uverbs_attr_bundle *attrs)
{
	unsigned int ms;

	for (ms = 1; ms <= 128; ms *= 2) {
		if (rxe_migr_scope(attrs, rxe_migr_drain_qp, true) != -EAGAIN)
			return;
		msleep(ms);
	}
}

/*
 * Whose peer does not answer a greeting has one that does not know the
 * protocol. Each is greeted four times: that takes 75 ms where there is one.
 */
static void rxe_migr_know_peers(struct uverbs_attr_bundle *attrs)
{
	unsigned int ms;

	for (ms = 5; ms <= 40; ms *= 2) {
		if (rxe_migr_scope(attrs, rxe_migr_greet_qp, true) != -EAGAIN)
			return;
		msleep(ms);
	}
}

int rxe_migr_stop(struct uverbs_attr_bundle *attrs)
{
	int err;

	rxe_migr_drain(attrs);
	err = rxe_migr_scope(attrs, rxe_migr_mark_qp, false);
	err = err ?: rxe_migr_scope(attrs, rxe_migr_stop_qp, false);
	if (err)
		rxe_migr_scope(attrs, rxe_migr_undrain_qp, true);
	else
		rxe_migr_know_peers(attrs);
	return err;
}
