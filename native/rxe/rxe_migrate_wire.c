// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The packets of the migration protocol: NAK-stopped, Resume and its answer.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>

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

/* The MSN field carries the epoch, so that a NAK-stopped that was overtaken
 * by the Resume of the same stop is recognised.
 */
int rxe_migr_send_nak(struct rxe_qp *qp, u32 psn)
{
	struct rxe_dev *rxe = to_rdev(qp->ibqp.device);

	atomic64_inc(&rxe->migr.nak_sent);
	return rxe_migr_send(qp, IB_OPCODE_RC_ACKNOWLEDGE, psn, AETH_NAK_STOPPED,
			     qp->migr.epoch & AETH_MSN_MASK, NULL, 0);
}

int rxe_migr_send_resume(struct rxe_qp *qp, u8 type, u32 epoch)
{
	struct rxe_dev *rxe = to_rdev(qp->ibqp.device);
	struct rxe_migr_resume msg = {
		.version = RXE_MIGR_WIRE_VERSION,
		.type = type,
		.flags = cpu_to_be16(qp_state(qp) < IB_QPS_RTS ?
				     RXE_MIGR_NO_REQUESTER : 0),
		.epoch = cpu_to_be32(epoch),
		.comp_psn = cpu_to_be32(qp->comp.psn),
		.resp_psn = cpu_to_be32(qp->resp.psn),
	};

	if (type == RXE_MIGR_RESUME)
		atomic64_inc(&rxe->migr.resume_sent);
	return rxe_migr_send(qp, IB_OPCODE_RC_ROAM_RESUME, qp->comp.psn, 0,
			     epoch & AETH_MSN_MASK, &msg, sizeof(msg));
}

static void rxe_migr_free_pkt(struct rxe_pkt_info *pkt, struct sk_buff *skb)
{
	struct rxe_qp *qp = pkt->qp;
	struct ib_device *dev = qp->ibqp.device;

	kfree_skb(skb);
	rxe_put(qp);
	ib_device_put(dev);
}

static void rxe_migr_rcv_nak(struct rxe_qp *qp, struct rxe_pkt_info *pkt)
{
	struct rxe_dev *rxe = to_rdev(qp->ibqp.device);

	/* It must answer a request that is outstanding. */
	if (qp_type(qp) != IB_QPT_RC || qp_state(qp) < IB_QPS_RTS ||
	    psn_compare(pkt->psn, READ_ONCE(qp->comp.psn)) < 0 ||
	    psn_compare(pkt->psn, READ_ONCE(qp->req.psn)) >= 0)
		return;

	atomic64_inc(&rxe->migr.nak_rcvd);

	rxe_migr_pause(qp, aeth_msn(pkt));
}

static void rxe_migr_take_resume(struct rxe_qp *qp, struct rxe_pkt_info *pkt,
				 struct sk_buff *skb,
				 const struct rxe_migr_resume *msg)
{
	struct rxe_dev *rxe = to_rdev(qp->ibqp.device);
	struct rxe_migr_news *news = &qp->migr.news;
	unsigned long irq;
	u8 network_type = skb->protocol == htons(ETH_P_IP) ?
			  RXE_NETWORK_TYPE_IPV4 : RXE_NETWORK_TYPE_IPV6;

	if (network_type != qp->pri_av.network_type) {
		atomic64_inc(&rxe->migr.resume_refused);
		return;
	}
	atomic64_inc(&rxe->migr.resume_rcvd);

	spin_lock_irqsave(&qp->migr.lock, irq);
	/*
	 * What a stopped QP did with it would not be in its dump any more. The
	 * peer says it again until this end runs.
	 */
	if (qp->migr.flags & ROAM_RXE_STOPPED)
		goto out;
	news->pending = true;
	news->comp_psn = be32_to_cpu(msg->comp_psn) & BTH_PSN_MASK;
	news->resp_psn = be32_to_cpu(msg->resp_psn) & BTH_PSN_MASK;
	news->no_requester = msg->flags & cpu_to_be16(RXE_MIGR_NO_REQUESTER);
	news->network_type = network_type;
	news->epoch = be32_to_cpu(msg->epoch);
	memset(&news->saddr, 0, sizeof(news->saddr));
	if (network_type == RXE_NETWORK_TYPE_IPV4)
		news->saddr.s6_addr32[0] = ip_hdr(skb)->saddr;
	else
		news->saddr = ipv6_hdr(skb)->saddr;
	/* A looped back packet has no link layer header. */
	if (pkt->mask & RXE_LOOPBACK_MASK)
		ether_addr_copy(news->smac, skb->dev->dev_addr);
	else if (skb_mac_header_was_set(skb))
		ether_addr_copy(news->smac, eth_hdr(skb)->h_source);
	else
		eth_zero_addr(news->smac);
	if (!qp->migr.dead)
		queue_work(system_unbound_wq, &qp->migr.news_work);
out:
	spin_unlock_irqrestore(&qp->migr.lock, irq);
}

static void rxe_migr_rcv_resume(struct rxe_qp *qp, struct rxe_pkt_info *pkt,
				struct sk_buff *skb)
{
	struct rxe_dev *rxe = to_rdev(qp->ibqp.device);
	const struct rxe_migr_resume *msg = payload_addr(pkt);
	unsigned long irq;
	bool acked;

	if (qp_type(qp) != IB_QPT_RC || payload_size(pkt) < sizeof(*msg) ||
	    msg->version != RXE_MIGR_WIRE_VERSION) {
		atomic64_inc(&rxe->migr.resume_refused);
		return;
	}

	if (msg->type == RXE_MIGR_RESUME) {
		rxe_migr_take_resume(qp, pkt, skb, msg);
		return;
	}

	if (msg->type != RXE_MIGR_RESUMED)
		return;

	spin_lock_irqsave(&qp->migr.lock, irq);
	acked = qp->migr.flags & ROAM_RXE_RESUMING &&
		be32_to_cpu(msg->epoch) == qp->migr.epoch;
	if (acked) {
		WRITE_ONCE(qp->migr.flags, qp->migr.flags & ~ROAM_RXE_RESUMING);
		atomic64_inc(&rxe->migr.resume_acked);
		rxe_sched_task(&qp->send_task);
	}
	spin_unlock_irqrestore(&qp->migr.lock, irq);
	if (acked)
		rxe_migr_changed(qp);
}

/* From softirq, or from a task of another QP of this device (loopback). */
bool rxe_migr_rcv(struct rxe_pkt_info *pkt, struct sk_buff *skb)
{
	if (pkt->opcode == IB_OPCODE_RC_ROAM_RESUME)
		rxe_migr_rcv_resume(pkt->qp, pkt, skb);
	else
		rxe_migr_rcv_nak(pkt->qp, pkt);

	rxe_migr_free_pkt(pkt, skb);
	return true;
}

/*
 * The receiver of a stopped QP: every request is dropped, and one NAK-stopped
 * answers all that have queued up. Changes no protocol state.
 */
int rxe_migr_receive_stopped(struct rxe_qp *qp)
{
	struct sk_buff *skb;
	bool told = false;

	if (READ_ONCE(qp->migr.flags) & RXE_MIGR_HOLD)
		return -EAGAIN;

	while ((skb = skb_dequeue(&qp->req_pkts))) {
		struct rxe_pkt_info *pkt = SKB_TO_PKT(skb);

		if (!told)
			told = !rxe_migr_send_nak(qp, pkt->psn);
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
