// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Packets that are sent without a QP, on behalf of one that has left: the
 * answers NAK-stopped and Aware, and a Resume that is sent on. Softirq, or a task of a QP.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/route.h>

#include "rxe.h"
#include "rxe_migrate.h"

#define RXE_MIGR_TTL		64

void rxe_migr_addresses(const struct sk_buff *skb, struct in6_addr *saddr,
			struct in6_addr *daddr)
{
	if (skb->protocol == htons(ETH_P_IP)) {
		ipv6_addr_set_v4mapped(ip_hdr(skb)->saddr, saddr);
		ipv6_addr_set_v4mapped(ip_hdr(skb)->daddr, daddr);
	} else {
		*saddr = ipv6_hdr(skb)->saddr;
		*daddr = ipv6_hdr(skb)->daddr;
	}
}

static struct dst_entry *rxe_migr_route(struct net_device *ndev,
					const struct rxe_migr_way *way)
{
	struct dst_entry *dst;

	if (ipv6_addr_v4mapped(&way->daddr)) {
		struct flowi4 fl = {
			.flowi4_oif = ndev->ifindex,
			.saddr = way->saddr.s6_addr32[3],
			.daddr = way->daddr.s6_addr32[3],
			.flowi4_proto = IPPROTO_UDP,
		};
		struct rtable *rt = ip_route_output_key(dev_net(ndev), &fl);

		return IS_ERR(rt) ? NULL : &rt->dst;
	} else {
		struct flowi6 fl = {
			.flowi6_oif = ndev->ifindex,
			.saddr = way->saddr,
			.daddr = way->daddr,
			.flowi6_proto = IPPROTO_UDP,
		};

		dst = rxe_migr_dst_lookup6(dev_net(ndev), &fl);
		if (IS_ERR(dst))
			return NULL;
		if (dst->error) {
			dst_release(dst);
			return NULL;
		}
		return dst;
	}
}

static void rxe_migr_put_ip(struct sk_buff *skb, const struct rxe_migr_way *way)
{
	if (ipv6_addr_v4mapped(&way->daddr)) {
		struct iphdr *iph = skb_push(skb, sizeof(*iph));

		*iph = (struct iphdr) {
			.version = IPVERSION,
			.ihl = sizeof(*iph) / 4,
			.tot_len = htons(skb->len),
			.frag_off = htons(IP_DF),
			.ttl = RXE_MIGR_TTL,
			.protocol = IPPROTO_UDP,
			.saddr = way->saddr.s6_addr32[3],
			.daddr = way->daddr.s6_addr32[3],
		};
		skb->protocol = htons(ETH_P_IP);
	} else {
		struct ipv6hdr *ip6h = skb_push(skb, sizeof(*ip6h));

		memset(ip6h, 0, sizeof(*ip6h));
		ip6_flow_hdr(ip6h, 0, 0);
		ip6h->payload_len = htons(skb->len - sizeof(*ip6h));
		ip6h->nexthdr = IPPROTO_UDP;
		ip6h->hop_limit = RXE_MIGR_TTL;
		ip6h->saddr = way->saddr;
		ip6h->daddr = way->daddr;
		skb->protocol = htons(ETH_P_IPV6);
	}
	skb_reset_network_header(skb);
}

static struct sk_buff *rxe_migr_make(struct rxe_dev *rxe, struct net_device *ndev,
				     const struct rxe_migr_way *way, u8 opcode,
				     u32 psn, u8 syndrome, u32 msn,
				     const void *payload, int payload_len)
{
	int len = rxe_opcode[opcode].length + payload_len + RXE_ICRC_SIZE;
	int head = LL_RESERVED_SPACE(ndev) + sizeof(struct ipv6hdr) +
		   sizeof(struct udphdr);
	struct rxe_pkt_info pkt = {
		.rxe = rxe,
		.opcode = opcode,
		.mask = rxe_opcode[opcode].mask | RXE_GRH_MASK,
		.paylen = len,
		.port_num = 1,
		.psn = psn,
	};
	struct sk_buff *skb;
	struct udphdr *udph;

	skb = alloc_skb(head + len, GFP_ATOMIC);
	if (!skb)
		return NULL;
	skb_reserve(skb, head);
	skb->dev = ndev;
	pkt.hdr = skb_put_zero(skb, len);
	bth_init(&pkt, opcode, 0, 0, 0, IB_DEFAULT_PKEY_FULL, way->to_qpn, 0, psn);
	aeth_set_syn(&pkt, syndrome);
	aeth_set_msn(&pkt, msn);
	if (payload_len)
		memcpy(payload_addr(&pkt), payload, payload_len);

	udph = skb_push(skb, sizeof(*udph));
	skb_reset_transport_header(skb);
	udph->source = htons(ROCE_V2_UDP_DPORT);
	udph->dest = htons(ROCE_V2_UDP_DPORT);
	udph->len = htons(skb->len);
	udph->check = 0;
	rxe_migr_put_ip(skb, way);
	/* covers the headers before it */
	rxe_icrc_generate(skb, &pkt);
	return skb;
}

static bool rxe_migr_emit(struct rxe_dev *rxe, struct net_device *ndev,
			  const struct rxe_migr_way *way, u8 opcode, u32 psn,
			  u8 syndrome, u32 msn, const void *payload, int len)
{
	struct net *net = dev_net(ndev);
	struct dst_entry *dst;
	struct sk_buff *skb;

	dst = rxe_migr_route(ndev, way);
	if (!dst)
		return false;
	skb = rxe_migr_make(rxe, ndev, way, opcode, psn, syndrome, msn, payload, len);
	if (!skb) {
		dst_release(dst);
		return false;
	}
	skb_dst_set(skb, dst);
	if (skb->protocol == htons(ETH_P_IP))
		ip_local_out(net, NULL, skb);
	else
		ip6_local_out(net, NULL, skb);
	return true;
}

bool rxe_migr_emit_nak(struct rxe_dev *rxe, struct net_device *ndev,
		       const struct rxe_migr_way *way, u32 psn, u32 epoch,
		       u32 timer, u32 msn)
{
	struct rxe_migr_note note = {
		.version = RXE_MIGR_WIRE_VERSION,
		.type = RXE_MIGR_NAK,
		.magic = cpu_to_be16(RXE_MIGR_NOTE_MAGIC),
		.epoch = cpu_to_be32(epoch),
	};

	note.tag = cpu_to_be64(rxe_migr_tag_note(&note, psn, way));
	return rxe_migr_emit(rxe, ndev, way, IB_OPCODE_RC_ACKNOWLEDGE, psn,
			     AETH_RNR_NAK | timer, msn, &note, sizeof(note));
}

bool rxe_migr_emit_resume(struct rxe_dev *rxe, struct net_device *ndev,
			  const struct rxe_migr_way *way, struct rxe_migr_resume *msg)
{
	msg->tag = cpu_to_be64(rxe_migr_tag_resume(msg, way));
	return rxe_migr_emit(rxe, ndev, way, IB_OPCODE_RC_ROAM_RESUME,
			     be32_to_cpu(msg->comp_psn) & BTH_PSN_MASK, 0,
			     be32_to_cpu(msg->epoch) & AETH_MSN_MASK, msg, sizeof(*msg));
}
