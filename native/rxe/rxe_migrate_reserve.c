// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Reservations: who answers for a QP that is on its way between two hosts. The
 * first request for it that finds no QP is answered NAK-stopped all the same.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/ipv6_stubs.h>
#include <net/route.h>

#include "rxe.h"
#include "rxe_migrate.h"

#undef UVERBS_MODULE_NAME
#define UVERBS_MODULE_NAME rxe_migr_reserve

#include <rdma/uverbs_named_ioctl.h>

#define RXE_MIGR_MAX_RESERVED	16384
#define RXE_MIGR_TTL		64

/* Found by QPN under RCU; only answered changes after it is in the array. */
struct rxe_migr_reserved {
	struct rcu_head		rcu;
	u32			qpn;
	u32			peer_qpn;
	u32			epoch;		/* 24 bits */
	struct in6_addr		peer;		/* IPv4-mapped for IPv4 */
	unsigned long		until;
	unsigned long		answered;	/* jiffies */
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
		rxe_migr_pause(qp, r->epoch);
	rxe_put(qp);
}

/* ---- the answer; softirq ---- */

static struct dst_entry *rxe_migr_route(struct sk_buff *to)
{
	struct net_device *ndev = to->dev;
	struct dst_entry *dst;

	if (to->protocol == htons(ETH_P_IP)) {
		struct flowi4 fl = {
			.flowi4_oif = ndev->ifindex,
			.saddr = ip_hdr(to)->daddr,
			.daddr = ip_hdr(to)->saddr,
			.flowi4_proto = IPPROTO_UDP,
		};
		struct rtable *rt = ip_route_output_key(dev_net(ndev), &fl);

		return IS_ERR(rt) ? NULL : &rt->dst;
	} else {
		struct flowi6 fl = {
			.flowi6_oif = ndev->ifindex,
			.saddr = ipv6_hdr(to)->daddr,
			.daddr = ipv6_hdr(to)->saddr,
			.flowi6_proto = IPPROTO_UDP,
		};

		dst = ipv6_stub->ipv6_dst_lookup_flow(dev_net(ndev), NULL, &fl, NULL);
		if (IS_ERR(dst))
			return NULL;
		if (dst->error) {
			dst_release(dst);
			return NULL;
		}
		return dst;
	}
}

/* Back to where "to" came from. */
static void rxe_migr_put_ip(struct sk_buff *skb, struct sk_buff *to)
{
	if (to->protocol == htons(ETH_P_IP)) {
		struct iphdr *iph = skb_push(skb, sizeof(*iph));

		*iph = (struct iphdr) {
			.version = IPVERSION,
			.ihl = sizeof(*iph) / 4,
			.tot_len = htons(skb->len),
			.frag_off = htons(IP_DF),
			.ttl = RXE_MIGR_TTL,
			.protocol = IPPROTO_UDP,
			.saddr = ip_hdr(to)->daddr,
			.daddr = ip_hdr(to)->saddr,
		};
	} else {
		struct ipv6hdr *ip6h = skb_push(skb, sizeof(*ip6h));

		memset(ip6h, 0, sizeof(*ip6h));
		ip6_flow_hdr(ip6h, 0, 0);
		ip6h->payload_len = htons(skb->len - sizeof(*ip6h));
		ip6h->nexthdr = IPPROTO_UDP;
		ip6h->hop_limit = RXE_MIGR_TTL;
		ip6h->saddr = ipv6_hdr(to)->daddr;
		ip6h->daddr = ipv6_hdr(to)->saddr;
	}
	skb_reset_network_header(skb);
	skb->protocol = to->protocol;
}

static struct sk_buff *rxe_migr_make_nak(struct rxe_pkt_info *req,
					 struct sk_buff *to,
					 const struct rxe_migr_reserved *r)
{
	const u8 opcode = IB_OPCODE_RC_ACKNOWLEDGE;
	int len = rxe_opcode[opcode].length + RXE_ICRC_SIZE;
	int head = LL_RESERVED_SPACE(to->dev) + sizeof(struct ipv6hdr) +
		   sizeof(struct udphdr);
	struct rxe_pkt_info pkt = {
		.rxe = req->rxe,
		.opcode = opcode,
		.mask = rxe_opcode[opcode].mask | RXE_GRH_MASK,
		.paylen = len,
		.port_num = 1,
		.psn = req->psn,
	};
	struct sk_buff *skb;
	struct udphdr *udph;

	skb = alloc_skb(head + len, GFP_ATOMIC);
	if (!skb)
		return NULL;
	skb_reserve(skb, head);
	skb->dev = to->dev;
	pkt.hdr = skb_put_zero(skb, len);
	bth_init(&pkt, opcode, 0, 0, 0, IB_DEFAULT_PKEY_FULL, r->peer_qpn, 0,
		 req->psn);
	aeth_set_syn(&pkt, AETH_NAK_STOPPED);
	aeth_set_msn(&pkt, r->epoch);

	udph = skb_push(skb, sizeof(*udph));
	skb_reset_transport_header(skb);
	udph->source = htons(ROCE_V2_UDP_DPORT);
	udph->dest = htons(ROCE_V2_UDP_DPORT);
	udph->len = htons(skb->len);
	udph->check = 0;
	rxe_migr_put_ip(skb, to);
	/* covers the headers before it */
	rxe_icrc_generate(skb, &pkt);
	return skb;
}

static void rxe_migr_answer(struct rxe_pkt_info *req, struct sk_buff *to,
			    const struct rxe_migr_reserved *r)
{
	struct net *net = dev_net(to->dev);
	struct dst_entry *dst;
	struct sk_buff *skb;

	dst = rxe_migr_route(to);
	if (!dst)
		return;
	skb = rxe_migr_make_nak(req, to, r);
	if (!skb) {
		dst_release(dst);
		return;
	}
	skb_dst_set(skb, dst);
	atomic64_inc(&req->rxe->migr.nak_sent);
	if (skb->protocol == htons(ETH_P_IP))
		ip_local_out(net, NULL, skb);
	else
		ip6_local_out(net, NULL, skb);
}

static bool rxe_migr_is_from_peer(const struct sk_buff *skb, const struct in6_addr *peer)
{
	struct in6_addr from;

	if (skb->protocol == htons(ETH_P_IP))
		ipv6_addr_set_v4mapped(ip_hdr(skb)->saddr, &from);
	else
		from = ipv6_hdr(skb)->saddr;
	return ipv6_addr_equal(&from, peer);
}

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

/* A packet that no QP takes. Softirq, or a task of a QP of this device. */
void rxe_migr_no_qp(struct rxe_pkt_info *pkt, struct sk_buff *skb)
{
	struct rxe_dev *rxe = pkt->rxe;
	struct rxe_migr_reserved *r;
	unsigned long now = jiffies;
	u32 qpn = bth_qpn(pkt);

	if ((pkt->opcode & 0xe0) != IB_OPCODE_RC || !(pkt->mask & RXE_REQ_MASK) ||
	    rxe_migr_is_resume(pkt))
		return;

	rcu_read_lock();
	r = xa_load(&rxe->migr.reserved, qpn);
	if (!r || time_after_eq(now, r->until) || !rxe_migr_is_from_peer(skb, &r->peer) ||
	    !pkey_match(bth_pkey(pkt), IB_DEFAULT_PKEY_FULL) ||
	    !rxe_migr_is_away(rxe, qpn) || rxe_icrc_check(skb, pkt))
		goto out;

	/* A burst of requests is one question. */
	if (xchg(&r->answered, now) == now)
		goto out;
	if (pkt->mask & RXE_LOOPBACK_MASK)
		rxe_migr_pause_local(rxe, r);
	else
		rxe_migr_answer(pkt, skb, r);
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
	r->epoch = d->epoch & AETH_MSN_MASK;
	memcpy(&r->peer, d->peer_gid, sizeof(r->peer));
	r->until = jiffies + msecs_to_jiffies(d->hold_ms);
	r->answered = jiffies - 1;

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
	       d->hold_ms <= RXE_MIGR_MAX_HOLD_MS;
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
	struct rxe_ucontext *uc = rxe_migr_uc(attrs);
	struct roam_rxe_reservation *list;
	struct roam_rxe_buf req;
	size_t count;
	int err;

	if (IS_ERR(uc))
		return PTR_ERR(uc);
	if (!rxe_migr_privileged())
		return -EPERM;
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
