// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The packets of the migration protocol: NAK-stopped, greetings, Resume and the
 * answers.
 */
#include <net/ipv6.h>

#include "rxe.h"
#include "rxe_migrate.h"

static int rxe_migr_send(struct rxe_qp *qp, u8 opcode, u32 psn, u8 syndrome,
			 u32 msn, const void *payload, int len)
{
	struct rxe_dev *rxe = to_rdev(qp->ibqp.device);
	struct rxe_pkt_info pkt = {};
	struct sk_buff *skb;
	int err;

	skb = rxe_init_packet(rxe, &qp->pri_av, rxe_opcode[opcode].length + len +
			      RXE_ICRC_SIZE, &pkt);
	if (!skb)
		return -ENOMEM;

	pkt.qp = qp;
	pkt.opcode = opcode;
	/* not a request to rxe_xmit_packet(): it may be sent from RTR */
	pkt.mask |= rxe_opcode[opcode].mask & ~RXE_REQ_MASK;
	pkt.paylen = rxe_opcode[opcode].length + len + RXE_ICRC_SIZE;
	pkt.psn = psn;

	bth_init(&pkt, opcode, 0, 0, 0, IB_DEFAULT_PKEY_FULL,
		 qp->attr.dest_qp_num, 0, psn);
	aeth_set_syn(&pkt, syndrome);
	aeth_set_msn(&pkt, msn);
	if (len)
		memcpy(payload_addr(&pkt), payload, len);

	err = rxe_prepare(&qp->pri_av, &pkt, skb);
	if (err) {
		kfree_skb(skb);
		return err;
	}

	return rxe_xmit_packet(qp, &pkt, skb);
}

/* To the peer, by the addresses that its packets carry. */
struct rxe_migr_way rxe_migr_way_to_peer(struct rxe_qp *qp)
{
	const struct rxe_av *av = &qp->pri_av;
	struct rxe_migr_way way = {
		.from_qpn = qp_num(qp),
		.to_qpn = qp->attr.dest_qp_num,
	};

	if (av->network_type == RXE_NETWORK_TYPE_IPV4) {
		ipv6_addr_set_v4mapped(av->sgid_addr._sockaddr_in.sin_addr.s_addr, &way.saddr);
		ipv6_addr_set_v4mapped(av->dgid_addr._sockaddr_in.sin_addr.s_addr, &way.daddr);
	} else {
		way.saddr = av->sgid_addr._sockaddr_in6.sin6_addr;
		way.daddr = av->dgid_addr._sockaddr_in6.sin6_addr;
	}
	return way;
}

/* The epoch is there to recognise a NAK-stopped that was overtaken by the
 * Resume of the same stop.
 */
int rxe_migr_send_note(struct rxe_qp *qp, u8 type, u32 psn, u64 nonce)
{
	struct rxe_migr_way way = rxe_migr_way_to_peer(qp);
	struct rxe_migr_note note = {
		.version = RXE_MIGR_WIRE_VERSION,
		.type = type,
		.magic = cpu_to_be16(RXE_MIGR_NOTE_MAGIC),
		.epoch = cpu_to_be32(qp->migr.epoch),
		.nonce = cpu_to_be64(nonce),
	};
	/* should it be taken for more than a repeat, it is to do the least */
	u32 timer = type == RXE_MIGR_HELLO ? IB_RNR_TIMER_000_01 : rxe_migr_rnr_timer(qp);

	psn &= BTH_PSN_MASK;
	note.tag = cpu_to_be64(rxe_migr_tag_note(&note, psn, &way));
	return rxe_migr_send(qp, IB_OPCODE_RC_ACKNOWLEDGE, psn,
			     AETH_RNR_NAK | (timer & ~AETH_TYPE_MASK),
			     qp->resp.msn & AETH_MSN_MASK, &note, sizeof(note));
}

static int rxe_migr_send_message(struct rxe_qp *qp, struct rxe_migr_resume *msg)
{
	struct rxe_migr_way way = rxe_migr_way_to_peer(qp);

	msg->version = RXE_MIGR_WIRE_VERSION;
	memcpy(msg->origin, &way.saddr, sizeof(msg->origin));
	msg->tag = cpu_to_be64(rxe_migr_tag_resume(msg, &way));
	return rxe_migr_send(qp, IB_OPCODE_RC_ROAM_RESUME, qp->comp.psn, 0,
			     be32_to_cpu(msg->epoch) & AETH_MSN_MASK, msg, sizeof(*msg));
}

int rxe_migr_send_resume(struct rxe_qp *qp, u8 type, u32 epoch)
{
	struct rxe_migr_resume msg = {
		.type = type,
		.flags = qp_state(qp) < IB_QPS_RTS ? RXE_MIGR_NO_REQUESTER : 0,
		.epoch = cpu_to_be32(epoch),
		.comp_psn = cpu_to_be32(qp->comp.psn),
		.resp_psn = cpu_to_be32(rxe_migr_expected_psn(qp)),
	};

	if (type == RXE_MIGR_RESUME)
		atomic64_inc(&to_rdev(qp->ibqp.device)->migr.resume_sent);
	return rxe_migr_send_message(qp, &msg);
}

int rxe_migr_send_aware(struct rxe_qp *qp, u64 nonce)
{
	struct rxe_migr_resume msg = {
		.type = RXE_MIGR_AWARE,
		.comp_psn = cpu_to_be32(upper_32_bits(nonce)),
		.resp_psn = cpu_to_be32(lower_32_bits(nonce)),
	};

	return rxe_migr_send_message(qp, &msg);
}

static void rxe_migr_free_pkt(struct rxe_pkt_info *pkt, struct sk_buff *skb)
{
	struct rxe_qp *qp = pkt->qp;
	struct ib_device *dev = qp->ibqp.device;

	kfree_skb(skb);
	rxe_put(qp);
	ib_device_put(dev);
}

/* Who it says has sent it has the key, if there is one. */
bool rxe_migr_note_ok(struct rxe_pkt_info *pkt, const struct rxe_migr_way *way)
{
	const struct rxe_migr_note *note = rxe_migr_note_of(pkt);

	return rxe_migr_tag_ok(pkt->rxe, be64_to_cpu(note->tag),
			       rxe_migr_tag_note(note, pkt->psn, way));
}

static void rxe_migr_rcv_nak(struct rxe_qp *qp, struct rxe_pkt_info *pkt,
			     const struct sk_buff *skb)
{
	struct rxe_dev *rxe = to_rdev(qp->ibqp.device);
	struct rxe_migr_way way = {
		.from_qpn = qp->attr.dest_qp_num,
		.to_qpn = qp_num(qp),
	};

	/* It must answer a request that is outstanding. */
	if (qp_type(qp) != IB_QPT_RC || qp_state(qp) < IB_QPS_RTS ||
	    psn_compare(pkt->psn, READ_ONCE(qp->comp.psn)) < 0 ||
	    psn_compare(pkt->psn, READ_ONCE(qp->req.psn)) >= 0)
		return;

	rxe_migr_addresses(skb, &way.saddr, &way.daddr);
	if (!rxe_migr_note_ok(pkt, &way))
		return;

	atomic64_inc(&rxe->migr.nak_rcvd);
	rxe_migr_learn(qp);
	rxe_migr_pause(qp, be32_to_cpu(rxe_migr_note_of(pkt)->epoch) & AETH_MSN_MASK);
}

/*
 * A Resume, Resumed or Aware that is whole, and from whom it says; counted if not.
 * Only a host that sends it on may have another address than its sender.
 */
bool rxe_migr_resume_ok(struct rxe_pkt_info *pkt, const struct sk_buff *skb,
			u32 from_qpn, u32 to_qpn)
{
	struct rxe_migr_way way = { .from_qpn = from_qpn, .to_qpn = to_qpn };
	const struct rxe_migr_resume *msg = payload_addr(pkt);
	struct rxe_dev *rxe = pkt->rxe;
	__be64 tag;

	if (payload_size(pkt) < sizeof(*msg) || msg->version != RXE_MIGR_WIRE_VERSION ||
	    (msg->type != RXE_MIGR_RESUME && msg->type != RXE_MIGR_RESUMED &&
	     msg->type != RXE_MIGR_AWARE))
		goto refused;

	rxe_migr_addresses(skb, &way.saddr, &way.daddr);
	if (msg->hops ? msg->type != RXE_MIGR_RESUME || msg->hops > RXE_MIGR_MAX_HOPS :
			memcmp(msg->origin, &way.saddr, sizeof(msg->origin)))
		goto refused;
	memcpy(&tag, &msg->tag, sizeof(tag));
	return rxe_migr_tag_ok(rxe, be64_to_cpu(tag), rxe_migr_tag_resume(msg, &way));

refused:
	atomic64_inc(&rxe->migr.resume_refused);
	return false;
}

static void rxe_migr_rcv_resume(struct rxe_qp *qp, struct rxe_pkt_info *pkt,
				struct sk_buff *skb)
{
	const struct rxe_migr_resume *msg = payload_addr(pkt);
	struct rxe_dev *rxe = to_rdev(qp->ibqp.device);
	struct rxe_migr_news *news;
	struct in6_addr origin;
	unsigned long irq;

	if (qp_type(qp) != IB_QPT_RC ||
	    !rxe_migr_resume_ok(pkt, skb, qp->attr.dest_qp_num, qp_num(qp)))
		return;

	if (msg->type == RXE_MIGR_AWARE) {
		rxe_migr_rcv_aware(qp, msg);
		return;
	}

	memcpy(&origin, msg->origin, sizeof(origin));
	if (ipv6_addr_v4mapped(&origin) !=
	    (qp->pri_av.network_type == RXE_NETWORK_TYPE_IPV4)) {
		atomic64_inc(&rxe->migr.resume_refused);
		return;
	}
	if (msg->type == RXE_MIGR_RESUME)
		atomic64_inc(&rxe->migr.resume_rcvd);

	spin_lock_irqsave(&qp->migr.lock, irq);
	/*
	 * What a stopped QP did with it would not be in its dump any more. The
	 * peer says it again until this end runs.
	 */
	if (qp->migr.flags & ROAM_RXE_STOPPED || qp->migr.dead)
		goto out;
	news = msg->type == RXE_MIGR_RESUME ? &qp->migr.news : &qp->migr.answer;
	news->pending = true;
	news->comp_psn = be32_to_cpu(msg->comp_psn) & BTH_PSN_MASK;
	news->resp_psn = be32_to_cpu(msg->resp_psn) & BTH_PSN_MASK;
	news->own_psn = READ_ONCE(qp->resp.psn);
	news->no_requester = msg->flags & RXE_MIGR_NO_REQUESTER;
	news->epoch = be32_to_cpu(msg->epoch);
	news->origin = origin;
	news->forwarded = msg->hops;
	/* A looped back packet has no link layer header. */
	if (msg->hops)
		eth_zero_addr(news->smac);
	else if (pkt->mask & RXE_LOOPBACK_MASK)
		ether_addr_copy(news->smac, skb->dev->dev_addr);
	else if (skb_mac_header_was_set(skb))
		ether_addr_copy(news->smac, eth_hdr(skb)->h_source);
	else
		eth_zero_addr(news->smac);
	queue_work(RXE_MIGR_WQ, &qp->migr.news_work);
out:
	spin_unlock_irqrestore(&qp->migr.lock, irq);
}

/* From softirq, or from a task of another QP of this device (loopback). False:
 * an RNR NAK like any other.
 */
bool rxe_migr_rcv(struct rxe_pkt_info *pkt, struct sk_buff *skb)
{
	const struct rxe_migr_note *note;

	if (pkt->opcode == IB_OPCODE_RC_ROAM_RESUME) {
		rxe_migr_rcv_resume(pkt->qp, pkt, skb);
	} else {
		note = rxe_migr_note_of(pkt);
		if (!note)
			return false;
		if (note->type == RXE_MIGR_NAK)
			rxe_migr_rcv_nak(pkt->qp, pkt, skb);
		else if (note->type == RXE_MIGR_HELLO && qp_type(pkt->qp) == IB_QPT_RC)
			rxe_migr_rcv_greeting(pkt->qp, pkt, skb);
	}

	rxe_migr_free_pkt(pkt, skb);
	return true;
}

/*
 * To an unaware peer an RNR NAK acknowledges everything before its PSN, so it
 * must not name a later one than this end expects. 0 when it was sent.
 */
static int rxe_migr_say_stopped(struct rxe_qp *qp, u32 psn)
{
	u32 timer = rxe_migr_rnr_timer(qp);

	if (!READ_ONCE(qp->migr.aware)) {
		if (timer == ROAM_RXE_NO_RNR ||
		    (qp->migr.answered &&
		     time_before(jiffies, qp->migr.answered + rxe_migr_rnr_pause(timer))))
			return 0;
		qp->migr.answered = jiffies ?: 1;
	}
	if (psn_compare(psn, qp->resp.psn) > 0)
		psn = qp->resp.psn;
	atomic64_inc(&to_rdev(qp->ibqp.device)->migr.nak_sent);
	return rxe_migr_send_note(qp, RXE_MIGR_NAK, psn, 0);
}

/*
 * The receiver of a stopped QP: every request is dropped, and of RC one
 * NAK-stopped answers all that have queued up. Changes no protocol state.
 */
int rxe_migr_receive_stopped(struct rxe_qp *qp)
{
	struct sk_buff *skb;
	/* what UC and UD lose on the way is lost */
	bool told = qp_type(qp) != IB_QPT_RC;

	if (READ_ONCE(qp->migr.flags) & RXE_MIGR_HOLD)
		return -EAGAIN;

	while ((skb = skb_dequeue(&qp->req_pkts))) {
		struct rxe_pkt_info *pkt = SKB_TO_PKT(skb);

		if (!told)
			told = !rxe_migr_say_stopped(qp, pkt->psn);
		rxe_migr_free_pkt(pkt, skb);
	}

	return -EAGAIN;
}

/* Acknowledgements that a stopped QP gets are not lost: it asks again. */
void rxe_migr_drop_responses(struct rxe_qp *qp)
{
	struct sk_buff *skb;

	while ((skb = skb_dequeue(&qp->resp_pkts)))
		rxe_migr_free_pkt(SKB_TO_PKT(skb), skb);
}
