// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Address vectors, of QPs and of AHs, after a move: the GID that one names may
 * have another index by now, and the peer may have become local.
 */
#include <linux/delay.h>

#include "rxe.h"
#include "rxe_migrate.h"

/* An address that has just come here gets its GID a moment later. */
#define RXE_MIGR_SOURCE_TRIES	100
#define RXE_MIGR_SOURCE_STEP_MS	10
#define RXE_MIGR_SOURCE_AGAIN	(5 * HZ)

/* Packets to a peer on this device are looped back; that goes by its MAC. */
void rxe_migr_refresh_peer(struct rxe_dev *rxe, struct rxe_av *av)
{
	const struct ib_gid_attr *attr;
	struct net_device *ndev;

	attr = rdma_find_gid_by_port(&rxe->ib_dev, (union ib_gid *)&av->grh.dgid,
				     IB_GID_TYPE_ROCE_UDP_ENCAP, 1, NULL);
	if (!IS_ERR(attr)) {
		rdma_put_gid_attr(attr);
		ndev = ib_device_get_netdev(&rxe->ib_dev, 1);
		if (ndev) {
			ether_addr_copy(av->dmac, ndev->dev_addr);
			dev_put(ndev);
		}
	} else {
		/* only compared with our own address, never sent to */
		eth_zero_addr(av->dmac);
	}
}

/* An address that left this host and came back gets a new slot in the GID table. */
static int rxe_migr_refresh_av(struct rxe_dev *rxe, struct rxe_av *av)
{
	const struct ib_gid_attr *attr;
	union ib_gid gid;

	if (av->network_type == RXE_NETWORK_TYPE_IPV4)
		ipv6_addr_set_v4mapped(av->sgid_addr._sockaddr_in.sin_addr.s_addr,
				       (struct in6_addr *)&gid);
	else
		memcpy(&gid, &av->sgid_addr._sockaddr_in6.sin6_addr, sizeof(gid));

	attr = rdma_find_gid_by_port(&rxe->ib_dev, &gid,
				     IB_GID_TYPE_ROCE_UDP_ENCAP, 1, NULL);
	if (IS_ERR(attr))
		return PTR_ERR(attr);
	av->grh.sgid_index = attr->index;
	rdma_put_gid_attr(attr);

	rxe_migr_refresh_peer(rxe, av);
	return 0;
}

int rxe_migr_refresh_source(struct rxe_qp *qp)
{
	int err = rxe_migr_refresh_av(to_rdev(qp->ibqp.device), &qp->pri_av);

	if (!err)
		sk_dst_reset(qp->sk->sk);
	return err;
}

/* Every address vector that the QP may send with. */
static int rxe_migr_refresh_sources(struct rxe_qp *qp)
{
	struct rxe_dev *rxe = to_rdev(qp->ibqp.device);
	struct rxe_pool_elem *elem;
	unsigned long index;
	struct rxe_ah *ah;
	int err = 0;

	if (qp_type(qp) == IB_QPT_UC)
		return qp_state(qp) < IB_QPS_RTR || qp_state(qp) == IB_QPS_ERR ?
		       0 : rxe_migr_refresh_source(qp);

	xa_for_each(&rxe->ah_pool.xa, index, elem) {
		ah = rxe_migr_get(&rxe->ah_pool, index);
		if (!ah)
			continue;
		if (rxe_ah_pd(ah) == qp->pd)
			err = rxe_migr_refresh_av(rxe, &ah->av) ?: err;
		rxe_put(ah);
	}
	return err;
}

/*
 * Before a QP without a Resume sends again: a packet without its GID would end
 * the QP with an error. An address that does not come back at all is not worth
 * more than a moment, and not one for each QP.
 */
void rxe_migr_await_sources(struct rxe_qp *qp)
{
	struct rxe_migr_dev *dev = &to_rdev(qp->ibqp.device)->migr;
	int tries = RXE_MIGR_SOURCE_TRIES;

	if (qp_type(qp) == IB_QPT_RC)
		return;
	if (READ_ONCE(dev->source_missing) &&
	    time_before(jiffies, READ_ONCE(dev->missed_at) + RXE_MIGR_SOURCE_AGAIN))
		tries = 1;
	while (rxe_migr_refresh_sources(qp)) {
		if (!--tries) {
			WRITE_ONCE(dev->missed_at, jiffies);
			WRITE_ONCE(dev->source_missing, true);
			return;
		}
		msleep(RXE_MIGR_SOURCE_STEP_MS);
	}
	WRITE_ONCE(dev->source_missing, false);
}
