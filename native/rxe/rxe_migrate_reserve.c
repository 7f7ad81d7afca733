// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Reservations: who answers for a QP that is on its way between two hosts. The
 * first request for it that finds no QP is answered NAK-stopped all the same,
 * and its peer's Resume goes on to where it is by then.
 */
#include <net/ipv6.h>

#include "rxe.h"
#include "rxe_migrate.h"

#undef UVERBS_MODULE_NAME
#define UVERBS_MODULE_NAME rxe_migr_reserve

#include <rdma/uverbs_named_ioctl.h>

#define RXE_MIGR_MAX_RESERVED	16384

/* Found by QPN under RCU; the last two change after it is in the array. */
struct rxe_migr_reserved {
	struct rcu_head		rcu;
	u32			qpn;
	u32			peer_qpn;
	u32			epoch;
	u32			psn;		/* that it expects */
	u32			msn;
	u32			timer;		/* for an unaware peer; ROAM_RXE_NO_RNR */
	bool			aware;
	struct in6_addr		peer;		/* IPv4-mapped for IPv4 */
	struct in6_addr		forward;	/* any: not known */
	unsigned long		until;
	unsigned long		answered, forwarded;	/* jiffies */
};

void rxe_migr_reserve_init(struct rxe_dev *rxe)
{
	xa_init(&rxe->migr.reserved);
	atomic_set(&rxe->migr.nr_reserved, 0);
	mutex_init(&rxe->migr.reserve_lock);
}

void rxe_migr_unreserve(struct rxe_dev *rxe, u32 qpn)
{
	struct rxe_migr_reserved *r;

	if (xa_empty(&rxe->migr.reserved))
		return;
	r = xa_erase(&rxe->migr.reserved, qpn);
	if (r) {
		atomic_dec(&rxe->migr.nr_reserved);
		kfree_rcu(r, rcu);
	}
}

/* The device has no users and gets no packets any more. */
void rxe_migr_reserve_exit(struct rxe_dev *rxe)
{
	struct rxe_migr_reserved *r;
	unsigned long qpn;

	xa_for_each(&rxe->migr.reserved, qpn, r)
		kfree(r);
	xa_destroy(&rxe->migr.reserved);
}

static bool rxe_migr_expired(const struct rxe_migr_reserved *r)
{
	return time_after_eq(jiffies, r->until);
}

/* Those that hold. Under reserve_lock the others go. */
u32 rxe_migr_reservations(struct rxe_dev *rxe)
{
	struct rxe_migr_reserved *r;
	unsigned long qpn;

	mutex_lock(&rxe->migr.reserve_lock);
	xa_for_each(&rxe->migr.reserved, qpn, r)
		if (rxe_migr_expired(r))
			rxe_migr_unreserve(rxe, qpn);
	mutex_unlock(&rxe->migr.reserve_lock);
	return atomic_read(&rxe->migr.nr_reserved);
}

static bool rxe_migr_own_gid_is(struct rxe_qp *qp, const struct in6_addr *gid)
{
	const struct rxe_av *av = &qp->pri_av;
	struct in6_addr own;

	if (av->network_type == RXE_NETWORK_TYPE_IPV4)
		ipv6_addr_set_v4mapped(av->sgid_addr._sockaddr_in.sin_addr.s_addr, &own);
	else
		own = av->sgid_addr._sockaddr_in6.sin6_addr;
	return ipv6_addr_equal(&own, gid);
}

/*
 * A peer on this very device needs no packet, and may get none: what it sends
 * to an address that has just come here is routed to the loopback device.
 */
static void rxe_migr_pause_local(struct rxe_dev *rxe,
				 const struct rxe_migr_reserved *r)
{
	struct rxe_qp *qp = rxe_migr_get(&rxe->qp_pool, r->peer_qpn);

	if (!qp)
		return;
	if (qp_type(qp) == IB_QPT_RC && qp->valid &&
	    (qp_state(qp) == IB_QPS_RTS || qp_state(qp) == IB_QPS_SQD) &&
	    qp->attr.dest_qp_num == r->qpn && rxe_migr_own_gid_is(qp, &r->peer) &&
	    !(READ_ONCE(qp->migr.flags) & ROAM_RXE_STOPPED))
		rxe_migr_pause(qp, r->epoch & AETH_MSN_MASK);
	rxe_put(qp);
}

/* ---- what it says and does; softirq ---- */

/*
 * No QP of that number answers: there is none, or one that is being restored
 * has no peer yet, or one that was stopped is being destroyed.
 */
static bool rxe_migr_is_away(struct rxe_dev *rxe, u32 qpn)
{
	struct rxe_qp *qp = rxe_migr_get(&rxe->qp_pool, qpn);
	bool away;

	if (!qp)
		return true;
	away = READ_ONCE(qp->migr.flags) & ROAM_RXE_STOPPED &&
	       (!qp->valid || qp_state(qp) < IB_QPS_RTR);
	rxe_put(qp);
	return away;
}

static void rxe_migr_answer(struct rxe_pkt_info *req, struct sk_buff *skb,
			    const struct rxe_migr_reserved *r)
{
	struct rxe_migr_way back = { .from_qpn = r->qpn, .to_qpn = r->peer_qpn };
	u32 timer = r->timer;
	u32 psn = req->psn;

	if (timer == ROAM_RXE_NO_RNR) {
		if (!r->aware)
			return;
		timer = IB_RNR_TIMER_655_36;
	}
	/* as a stopped QP: what it has not got must not be acknowledged */
	if (psn_compare(psn, r->psn) > 0)
		psn = r->psn;
	if (req->mask & RXE_LOOPBACK_MASK) {
		rxe_migr_pause_local(req->rxe, r);
		return;
	}
	rxe_migr_addresses(skb, &back.daddr, &back.saddr);
	if (rxe_migr_emit_nak(req->rxe, skb->dev, &back, psn, r->epoch, timer, r->msn))
		atomic64_inc(&req->rxe->migr.nak_sent);
}

/* The peer asks what kind of end it has. */
static void rxe_migr_answer_hello(struct rxe_pkt_info *pkt, struct sk_buff *skb,
				  const struct rxe_migr_reserved *r)
{
	struct rxe_migr_way there = { .from_qpn = r->peer_qpn, .to_qpn = r->qpn };
	struct rxe_migr_way back = { .from_qpn = r->qpn, .to_qpn = r->peer_qpn };
	u64 nonce = be64_to_cpu(rxe_migr_note_of(pkt)->nonce);
	struct rxe_migr_resume msg = {
		.version = RXE_MIGR_WIRE_VERSION,
		.type = RXE_MIGR_AWARE,
		.comp_psn = cpu_to_be32(upper_32_bits(nonce)),
		.resp_psn = cpu_to_be32(lower_32_bits(nonce)),
	};

	if (pkt->mask & RXE_LOOPBACK_MASK)
		return;
	rxe_migr_addresses(skb, &there.saddr, &there.daddr);
	if (!rxe_migr_note_ok(pkt, &there))
		return;
	back.saddr = there.daddr;
	back.daddr = there.saddr;
	memcpy(msg.origin, &back.saddr, sizeof(msg.origin));
	rxe_migr_emit_resume(pkt->rxe, skb->dev, &back, &msg);
}

/* The sender's own address stays in it, and is what its receiver learns. */
static void rxe_migr_forward(struct rxe_pkt_info *pkt, struct sk_buff *skb,
			     const struct rxe_migr_reserved *r)
{
	struct rxe_migr_way on = { .from_qpn = r->peer_qpn, .to_qpn = r->qpn,
				   .daddr = r->forward };
	struct rxe_migr_resume msg;
	struct in6_addr from;

	memcpy(&msg, payload_addr(pkt), sizeof(msg));
	if (msg.type != RXE_MIGR_RESUME || msg.hops >= RXE_MIGR_MAX_HOPS)
		return;
	rxe_migr_addresses(skb, &from, &on.saddr);
	if (ipv6_addr_v4mapped(&on.saddr) != ipv6_addr_v4mapped(&on.daddr) ||
	    ipv6_addr_equal(&on.saddr, &on.daddr))
		return;
	msg.hops++;
	if (rxe_migr_emit_resume(pkt->rxe, skb->dev, &on, &msg))
		atomic64_inc(&pkt->rxe->migr.forwarded);
}

/* A burst of requests is one question. */
static bool rxe_migr_answer_due(struct rxe_migr_reserved *r, unsigned long now)
{
	unsigned long last = READ_ONCE(r->answered);
	unsigned long gap = r->aware ? 1 : max(1UL, rxe_migr_rnr_pause(r->timer));

	return !time_before(now, last + gap) && cmpxchg(&r->answered, last, now) == last;
}

/* A packet that no QP takes. Softirq, or a task of a QP of this device. */
void rxe_migr_no_qp(struct rxe_pkt_info *pkt, struct sk_buff *skb)
{
	bool resume = rxe_migr_is_resume(pkt);
	struct rxe_dev *rxe = pkt->rxe;
	struct rxe_migr_reserved *r;
	unsigned long now = jiffies;
	struct in6_addr from, to;
	u32 qpn = bth_qpn(pkt);
	bool hello = false;

	if (rxe_migr_is_rnr(pkt)) {
		const struct rxe_migr_note *note = rxe_migr_note_of(pkt);

		hello = note && note->type == RXE_MIGR_HELLO;
		if (!hello || rxe_migr_rcv_early_greeting(pkt, skb))
			return;
	} else if ((pkt->opcode & 0xe0) != IB_OPCODE_RC || !(pkt->mask & RXE_REQ_MASK)) {
		return;
	}

	rcu_read_lock();
	r = xa_load(&rxe->migr.reserved, qpn);
	if (!r || time_after_eq(now, r->until))
		goto out;
	/* A request comes from where the peer was at the stop, a Resume does not. */
	rxe_migr_addresses(skb, &from, &to);
	if (resume ? ipv6_addr_any(&r->forward) : !ipv6_addr_equal(&from, &r->peer))
		goto out;
	if (!pkey_match(bth_pkey(pkt), IB_DEFAULT_PKEY_FULL) ||
	    !rxe_migr_is_away(rxe, qpn) || rxe_icrc_check(skb, pkt))
		goto out;

	if (resume) {
		if (rxe_migr_resume_ok(pkt, skb, r->peer_qpn, r->qpn) &&
		    xchg(&r->forwarded, now) != now)
			rxe_migr_forward(pkt, skb, r);
	} else if (hello) {
		rxe_migr_answer_hello(pkt, skb, r);
	} else if (rxe_migr_answer_due(r, now)) {
		rxe_migr_answer(pkt, skb, r);
	}
out:
	rcu_read_unlock();
}

/* ---- RESERVE ---- */

static int rxe_migr_reserve_one(struct rxe_dev *rxe, const struct roam_rxe_reservation *d)
{
	struct rxe_migr_reserved *r, *old;

	if (!d->hold_ms) {
		rxe_migr_unreserve(rxe, d->qpn);
		return 0;
	}
	if (atomic_read(&rxe->migr.nr_reserved) >= RXE_MIGR_MAX_RESERVED)
		return -ENOSPC;

	r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	if (!r)
		return -ENOMEM;
	r->qpn = d->qpn;
	r->peer_qpn = d->peer_qpn;
	r->epoch = d->epoch;
	r->psn = d->psn;
	r->msn = d->msn;
	r->timer = d->rnr_timer;
	r->aware = d->flags & ROAM_RXE_PEER_AWARE;
	memcpy(&r->peer, d->peer_gid, sizeof(r->peer));
	memcpy(&r->forward, d->forward, sizeof(r->forward));
	r->until = jiffies + msecs_to_jiffies(d->hold_ms);
	r->answered = jiffies - HZ;
	r->forwarded = jiffies - 1;

	rxe_migr_pause_local(rxe, r);
	/* counted first: RESUME may take it out again at once */
	atomic_inc(&rxe->migr.nr_reserved);
	old = xa_store(&rxe->migr.reserved, d->qpn, r, GFP_KERNEL_ACCOUNT);
	if (old)
		atomic_dec(&rxe->migr.nr_reserved);
	if (xa_is_err(old)) {
		kfree(r);
		return xa_err(old);
	}
	if (old)
		kfree_rcu(old, rcu);
	return 0;
}

static bool rxe_migr_reservation_ok(const struct roam_rxe_reservation *d)
{
	return d->qpn > 1 && d->qpn < IB_MULTICAST_QPN && d->peer_qpn > 1 &&
	       d->peer_qpn < IB_MULTICAST_QPN && d->epoch &&
	       d->hold_ms <= RXE_MIGR_MAX_HOLD_MS && d->psn <= BTH_PSN_MASK &&
	       d->msn <= AETH_MSN_MASK && !(d->flags & ~ROAM_RXE_PEER_AWARE) &&
	       (d->rnr_timer <= IB_RNR_TIMER_491_52 || d->rnr_timer == ROAM_RXE_NO_RNR);
}

static int rxe_migr_reserve(struct rxe_dev *rxe, const struct roam_rxe_reservation *list,
			    size_t count)
{
	size_t i;
	int err = 0;

	for (i = 0; i < count; i++)
		if (!rxe_migr_reservation_ok(&list[i]))
			return -EINVAL;

	rxe_migr_reservations(rxe);
	mutex_lock(&rxe->migr.reserve_lock);
	for (i = 0; !err && i < count; i++)
		err = rxe_migr_reserve_one(rxe, &list[i]);
	/* all or none */
	while (err && i-- > 0)
		rxe_migr_unreserve(rxe, list[i].qpn);
	mutex_unlock(&rxe->migr.reserve_lock);
	return err;
}

static int UVERBS_HANDLER(ROAM_RXE_METHOD_RESERVE)(struct uverbs_attr_bundle *attrs)
{
	struct rxe_ucontext *uc = rxe_migr_privileged_uc(attrs);
	struct roam_rxe_reservation *list;
	struct roam_rxe_buf req;
	size_t count;
	int err;

	if (IS_ERR(uc))
		return PTR_ERR(uc);
	err = uverbs_copy_from(&req, attrs, ROAM_RXE_ATTR_REQ);
	if (err)
		return err;
	if (req.flags || req.len % sizeof(*list) ||
	    req.len > RXE_MIGR_MAX_RESERVED * sizeof(*list))
		return -EINVAL;
	count = req.len / sizeof(*list);
	if (!count)
		return 0;

	list = vmemdup_array_user(u64_to_user_ptr(req.addr), count, sizeof(*list));
	if (IS_ERR(list))
		return PTR_ERR(list);
	err = rxe_migr_reserve(to_rdev(uc->ibuc.device), list, count);
	kvfree(list);
	return err;
}

DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_RESERVE,
	RXE_MIGR_REQ(struct roam_rxe_buf));

DECLARE_UVERBS_GLOBAL_METHODS(ROAM_RXE_OBJECT_HOLD,
	&UVERBS_METHOD(ROAM_RXE_METHOD_RESERVE));

const struct uapi_definition rxe_migr_reserve_defs[] = {
	UAPI_DEF_CHAIN_OBJ_TREE_NAMED(ROAM_RXE_OBJECT_HOLD),
	{},
};
