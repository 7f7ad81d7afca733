// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Multicast groups of UD QPs: what they are attached to, for a dump. A restore
 * attaches them by the standard command.
 */
#include "rxe.h"
#include "rxe_migrate_dump.h"

/*
 * rxe has no use for the LID, but uverbs lets go of an attachment only by the
 * one that it was made with. A second one of the same QP with another LID is
 * none to rxe; the last LID stays.
 */
void rxe_migr_attached(struct rxe_mcg *mcg, struct rxe_qp *qp, u16 mlid)
{
	struct rxe_dev *rxe = mcg->rxe;
	struct rxe_mca *mca;

	spin_lock_bh(&rxe->mcg_lock);
	list_for_each_entry(mca, &mcg->qp_list, qp_list)
		if (mca->qp == qp)
			mca->migr_lid = mlid;
	spin_unlock_bh(&rxe->mcg_lock);
}

/* Returns how many there are, of which the first max were written. Holds mcg_lock. */
static u32 rxe_migr_groups_of(struct rxe_dev *rxe, struct rxe_qp *qp,
			      struct roam_rxe_mcast *d, u32 max)
{
	struct rxe_mcg *mcg;
	struct rxe_mca *mca;
	struct rb_node *node;
	u32 n = 0;

	for (node = rb_first(&rxe->mcg_tree); node; node = rb_next(node)) {
		mcg = rb_entry(node, struct rxe_mcg, node);
		list_for_each_entry(mca, &mcg->qp_list, qp_list) {
			if (mca->qp != qp)
				continue;
			if (n < max) {
				d[n].rec = rxe_migr_rec(ROAM_RXE_T_MCAST, rxe_migr_qp_uobj(qp));
				d[n].rec.len = sizeof(*d);
				memcpy(d[n].gid, mcg->mgid.raw, sizeof(d[n].gid));
				d[n].lid = mca->migr_lid;
			}
			n++;
		}
	}
	return n;
}

/* Its owner may attach and detach it meanwhile: -EAGAIN then. */
void rxe_migr_dump_groups(struct rxe_migr_buf *buf, struct rxe_qp *qp, u64 *count)
{
	struct rxe_dev *rxe = to_rdev(qp->ibqp.device);
	u32 n = atomic_read(&qp->mcg_num);
	struct roam_rxe_mcast *d;

	BUILD_BUG_ON(sizeof(*d) % 8);
	if (!n)
		return;
	d = rxe_migr_put(buf, NULL, n * sizeof(*d));
	if (!d)
		return;
	spin_lock_bh(&rxe->mcg_lock);
	if (rxe_migr_groups_of(rxe, qp, d, n) != n)
		buf->err = -EAGAIN;
	spin_unlock_bh(&rxe->mcg_lock);
	*count += n;
}
