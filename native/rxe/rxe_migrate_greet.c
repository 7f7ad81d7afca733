// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What kind of peer a QP has: one that understands the messages of the
 * protocol, or one on any other RoCE device, which is held by RNR NAKs alone.
 *
 * A greeting is an RNR NAK of a PSN that was used up long ago. Who does not
 * know what follows its AETH takes it for a late repeat and does nothing. No
 * peer gets an opcode that IBTA does not know before it has answered one.
 */
#include <linux/random.h>
#include <rdma/ib_verbs.h>

#include "rxe.h"
#include "rxe_migrate.h"

/* Older than any PSN that a peer may still wait for. */
#define RXE_MIGR_USED_UP	(1U << 22)

struct rxe_migr_rnr {
	u8	timer;		/* enum ib_rnr_timeout */
	u32	usec;
};

/* Short enough for the peer to go on soon, long enough to be no load. */
static const struct rxe_migr_rnr rxe_migr_rnrs[] = {
	{ IB_RNR_TIMER_020_48, 20480 },
	{ IB_RNR_TIMER_010_24, 10240 },
	{ IB_RNR_TIMER_005_12, 5120 },
	{ IB_RNR_TIMER_002_56, 2560 },
	{ IB_RNR_TIMER_001_28, 1280 },
};

/*
 * How long an unaware peer is told to wait each time. Its attributes are
 * not known; programs mostly give both ends the same, so this end's stand for
 * them. With rnr_retry 7 it waits for ever, and each wait must be shorter than
 * its timeout, or it would use up retry_cnt. With less it counts, and the
 * longest wait carries it farthest. With 0 any RNR NAK would end it.
 */
u32 rxe_migr_rnr_timer(const struct rxe_qp *qp)
{
	u64 timeout_usec = (4096ULL << (qp->attr.timeout & 31)) / NSEC_PER_USEC;
	unsigned int i;

	if (qp_state((struct rxe_qp *)qp) < IB_QPS_RTS)
		return rxe_migr_rnrs[0].timer;
	if (!qp->attr.rnr_retry)
		return ROAM_RXE_NO_RNR;
	if (qp->attr.rnr_retry < 7)
		return IB_RNR_TIMER_655_36;
	if (!qp->attr.timeout)
		return rxe_migr_rnrs[0].timer;
	for (i = 0; i < ARRAY_SIZE(rxe_migr_rnrs) - 1; i++)
		if (rxe_migr_rnrs[i].usec <= timeout_usec / 2)
			break;
	return rxe_migr_rnrs[i].timer;
}

/* An answer within half of the wait that the last one has begun would only count. */
unsigned long rxe_migr_rnr_pause(u32 timer)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rxe_migr_rnrs); i++)
		if (rxe_migr_rnrs[i].timer == timer)
			return usecs_to_jiffies(rxe_migr_rnrs[i].usec / 2);
	return msecs_to_jiffies(300);
}

/* Holds migr.lock. */
static void rxe_migr_learn_locked(struct rxe_qp *qp)
{
	if (qp->migr.aware)
		return;
	qp->migr.aware = true;
	/* what it was not told when this end went on */
	if (qp->migr.unsaid && !qp->migr.dead && !(qp->migr.flags & ROAM_RXE_STOPPED))
		mod_delayed_work(RXE_MIGR_WQ, &qp->migr.resume_work, 0);
}

/* The peer has said what only an aware one says. */
void rxe_migr_learn(struct rxe_qp *qp)
{
	unsigned long irq;

	if (READ_ONCE(qp->migr.aware))
		return;
	spin_lock_irqsave(&qp->migr.lock, irq);
	rxe_migr_learn_locked(qp);
	spin_unlock_irqrestore(&qp->migr.lock, irq);
}

/* Holds migr.mutex. */
void rxe_migr_greet(struct rxe_qp *qp)
{
	unsigned long irq;
	u64 nonce;

	spin_lock_irqsave(&qp->migr.lock, irq);
	/* an answer to any of the greetings counts, and none that is guessed */
	if (!qp->migr.nonce)
		qp->migr.nonce = get_random_u64() | 1;
	nonce = qp->migr.nonce;
	spin_unlock_irqrestore(&qp->migr.lock, irq);

	rxe_migr_send_note(qp, RXE_MIGR_HELLO, qp->resp.psn - RXE_MIGR_USED_UP, nonce);
}

/* -EAGAIN: the peer was asked, and has to answer yet. */
int rxe_migr_greet_qp(struct rxe_qp *qp)
{
	int err = 0;

	if (qp_type(qp) != IB_QPT_RC || READ_ONCE(qp->migr.aware))
		return 0;

	mutex_lock(&qp->migr.mutex);
	if (rxe_migr_connected(qp) && !qp->migr.aware) {
		rxe_migr_greet(qp);
		err = -EAGAIN;
	}
	mutex_unlock(&qp->migr.mutex);
	return err;
}

/* ---- the other end; softirq ---- */

/* Answered by the work item, in whatever state of migration this end is. */
void rxe_migr_rcv_greeting(struct rxe_qp *qp, struct rxe_pkt_info *pkt,
			   const struct sk_buff *skb)
{
	struct rxe_migr_way way = {
		.from_qpn = qp->attr.dest_qp_num,
		.to_qpn = qp_num(qp),
	};
	unsigned long irq;

	rxe_migr_addresses(skb, &way.saddr, &way.daddr);
	if (!rxe_migr_note_ok(pkt, &way))
		return;

	spin_lock_irqsave(&qp->migr.lock, irq);
	if (!qp->migr.dead) {
		qp->migr.asked = be64_to_cpu(rxe_migr_note_of(pkt)->nonce);
		queue_work(RXE_MIGR_WQ, &qp->migr.news_work);
	}
	spin_unlock_irqrestore(&qp->migr.lock, irq);
}

/* rxe drops what is no request before the QP is in RTS. */
bool rxe_migr_rcv_early_greeting(struct rxe_pkt_info *pkt, struct sk_buff *skb)
{
	struct rxe_qp *qp = rxe_migr_get(&pkt->rxe->qp_pool, bth_qpn(pkt));
	struct rxe_migr_way own;
	struct in6_addr from, to;
	bool early;

	if (!qp)
		return false;
	early = qp_type(qp) == IB_QPT_RC && qp->valid && qp_state(qp) == IB_QPS_RTR;
	if (early) {
		own = rxe_migr_way_to_peer(qp);
		rxe_migr_addresses(skb, &from, &to);
		if (ipv6_addr_equal(&from, &own.daddr) && ipv6_addr_equal(&to, &own.saddr) &&
		    !rxe_icrc_check(skb, pkt))
			rxe_migr_rcv_greeting(qp, pkt, skb);
	}
	rxe_put(qp);
	return early;
}

/* Holds migr.mutex. What is stopped may say so: nothing of it is in a dump. */
void rxe_migr_answer_greeting(struct rxe_qp *qp)
{
	unsigned long irq;
	u64 nonce;

	spin_lock_irqsave(&qp->migr.lock, irq);
	nonce = qp->migr.asked;
	qp->migr.asked = 0;
	spin_unlock_irqrestore(&qp->migr.lock, irq);

	if (nonce && rxe_migr_connected(qp))
		rxe_migr_send_aware(qp, nonce);
}

/* The answer. It names the greeting, which nobody else has seen but who sees packets. */
void rxe_migr_rcv_aware(struct rxe_qp *qp, const struct rxe_migr_resume *msg)
{
	struct rxe_migr_way way = rxe_migr_way_to_peer(qp);
	unsigned long irq;

	if (memcmp(msg->origin, &way.daddr, sizeof(msg->origin))) {
		atomic64_inc(&to_rdev(qp->ibqp.device)->migr.resume_refused);
		return;
	}
	spin_lock_irqsave(&qp->migr.lock, irq);
	if (qp->migr.nonce && rxe_migr_nonce_of(msg) == qp->migr.nonce) {
		qp->migr.nonce = 0;
		rxe_migr_learn_locked(qp);
	}
	spin_unlock_irqrestore(&qp->migr.lock, irq);
}
