// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Stop and resume of a QP: the state Stopped, and of RC also Paused and Resuming.
 */
#include "rxe.h"
#include "rxe_queue.h"
#include "rxe_task.h"
#include "rxe_migrate.h"

/* Greetings before a peer that has not answered the stop's is taken for one
 * that does not know what they are; and all of them, in case they were lost.
 */
#define RXE_MIGR_GREETINGS	2
#define RXE_MIGR_GREETINGS_ALL	12

/* Resume is repeated until the peer answers, ever more slowly. */
#define RXE_MIGR_RESUME_FIRST	msecs_to_jiffies(20)
#define RXE_MIGR_RESUME_LAST	msecs_to_jiffies(1000)

/* Requests that a requester sends ahead of their acknowledgements, in PSNs,
 * READs aside; with room for what crosses on the way.
 */
#define RXE_MIGR_UNDER_WAY	(2 * RXE_MAX_UNACKED_PSNS)
/* More would let any PSN pass. */
#define RXE_MIGR_READ_PSNS_MAX	(1U << 22)

void rxe_migr_set(struct rxe_qp *qp, unsigned long clear, unsigned long set)
{
	unsigned long irq, old, new;

	spin_lock_irqsave(&qp->migr.lock, irq);
	old = qp->migr.flags;
	new = (old & ~clear) | set;
	WRITE_ONCE(qp->migr.flags, new);
	spin_unlock_irqrestore(&qp->migr.lock, irq);

	if ((old ^ new) & RXE_MIGR_STATES)
		rxe_migr_changed(qp);
}

/* Waits until no task runs; none starts before the thaw. Holds migr.mutex.
 * HOLD makes a busy task leave at once instead of emptying its queues first,
 * and flush_work() sleeps until it has, where rxe_disable_task() would spin.
 */
void rxe_migr_freeze(struct rxe_qp *qp)
{
	unsigned long irq;

	/* The receiver ran, or is about to, since it came to ERR. */
	spin_lock_irqsave(&qp->state_lock, irq);
	qp->migr.flushed = qp->srq && qp_state(qp) == IB_QPS_ERR;
	spin_unlock_irqrestore(&qp->state_lock, irq);

	rxe_migr_set(qp, 0, RXE_MIGR_HOLD);
	flush_work(&qp->recv_task.work);
	flush_work(&qp->send_task.work);
	rxe_disable_task(&qp->recv_task);
	rxe_disable_task(&qp->send_task);
}

void rxe_migr_thaw(struct rxe_qp *qp)
{
	rxe_migr_set(qp, RXE_MIGR_HOLD, 0);
	rxe_enable_task(&qp->recv_task);
	rxe_enable_task(&qp->send_task);
	/* with an SRQ it tells LAST_WQE_REACHED whenever it runs in ERR */
	if (!qp->migr.flushed)
		rxe_sched_task(&qp->recv_task);
	rxe_sched_task(&qp->send_task);
}

/*
 * A READ whose response was being streamed is cut off. It counts as executed:
 * its PSNs are behind resp.psn, and its responder resource answers the retry
 * that the peer makes for what it has not received.
 */
static void rxe_migr_cut_read(struct rxe_qp *qp)
{
	struct resp_res *res = qp->resp.res;
	u32 next;

	if (qp->resp.mr) {
		rxe_put(qp->resp.mr);
		qp->resp.mr = NULL;
	}
	if (!res)
		return;

	next = (res->last_psn + 1) & BTH_PSN_MASK;
	if (psn_compare(next, qp->resp.psn) > 0) {
		qp->resp.psn = next;
		qp->resp.opcode = -1;
	}
	qp->resp.res = NULL;
}

/*
 * The responder resources are replaced. Whoever holds migr.mutex looks at them,
 * and so does the responder, which may be amid an answer from one of them.
 */
void rxe_migr_resources_begin(struct rxe_qp *qp)
{
	mutex_lock(&qp->migr.mutex);
	rxe_migr_freeze(qp);
	rxe_migr_cut_read(qp);
}

void rxe_migr_resources_end(struct rxe_qp *qp)
{
	/* nobody walks an array that could not be allocated */
	if (!qp->resp.resources)
		qp->attr.max_dest_rd_atomic = 0;
	rxe_migr_thaw(qp);
	mutex_unlock(&qp->migr.mutex);
}

static void rxe_migr_mark_locked(struct rxe_qp *qp)
{
	if (qp->migr.flags & ROAM_RXE_STOPPED)
		return;

	qp->migr.epoch++;
	qp->migr.unsaid = false;
	qp->migr.answered = 0;
	rxe_migr_set(qp, ROAM_RXE_RESUMING | RXE_MIGR_DRAIN, ROAM_RXE_STOPPED);
}

/* The first half of a stop. Done to every QP of a context before the second,
 * so that those that are still busy do not keep the first ones waiting.
 */
int rxe_migr_mark_qp(struct rxe_qp *qp)
{
	if (!rxe_migr_movable(qp))
		return -EOPNOTSUPP;

	mutex_lock(&qp->migr.mutex);
	rxe_migr_mark_locked(qp);
	mutex_unlock(&qp->migr.mutex);
	return 0;
}

int rxe_migr_stop_qp(struct rxe_qp *qp)
{
	if (!rxe_migr_movable(qp))
		return -EOPNOTSUPP;

	mutex_lock(&qp->migr.mutex);
	rxe_migr_mark_locked(qp);
	cancel_delayed_work_sync(&qp->migr.resume_work);
	cancel_delayed_work_sync(&qp->migr.hold_work);

	rxe_migr_freeze(qp);
	if (qp_type(qp) == IB_QPT_RC) {
		timer_delete_sync(&qp->retrans_timer);
		timer_delete_sync(&qp->rnr_nak_timer);
	}
	qp->comp.timeout = 0;
	if (qp->req.wait_for_rnr_timer) {
		qp->req.wait_for_rnr_timer = 0;
		qp->req.need_retry = 1;
	}
	rxe_migr_cut_read(qp);
	rxe_migr_thaw(qp);
	mutex_unlock(&qp->migr.mutex);
	return 0;
}

/* Back to the oldest unacknowledged PSN, with all retries ahead. Frozen. */
void rxe_migr_rewind(struct rxe_qp *qp)
{
	if (qp_state(qp) != IB_QPS_RTS && qp_state(qp) != IB_QPS_SQD)
		return;

	qp->comp.retry_cnt = qp->attr.retry_cnt;
	qp->comp.rnr_retry = qp->attr.rnr_retry;
	qp->comp.started_retry = 0;
	qp->comp.timeout = 0;
	qp->req.wait_psn = 0;
	qp->req.wait_fence = 0;
	qp->req.need_rd_atomic = 0;
	qp->req.wait_for_rnr_timer = 0;
	qp->req.need_retry = 1;
	qp->need_req_skb = 0;
}

/* Has a peer that is told. */
bool rxe_migr_connected(struct rxe_qp *qp)
{
	if (qp_type(qp) != IB_QPT_RC)
		return false;

	switch (qp_state(qp)) {
	case IB_QPS_RTR:
	case IB_QPS_RTS:
	case IB_QPS_SQD:
		return true;
	default:
		return false;
	}
}

int rxe_migr_resume_qp(struct rxe_qp *qp)
{
	mutex_lock(&qp->migr.mutex);
	if (!(qp->migr.flags & ROAM_RXE_STOPPED))
		goto out;

	rxe_migr_freeze(qp);
	if (rxe_migr_connected(qp)) {
		rxe_migr_rewind(qp);
		qp->migr.resume_tries = 0;
		qp->migr.greetings = 0;
		qp->migr.unsaid = true;
		rxe_migr_set(qp, ROAM_RXE_STOPPED, ROAM_RXE_RESUMING);
		rxe_migr_hold_begin(qp);
		queue_delayed_work(RXE_MIGR_WQ, &qp->migr.resume_work, 0);
	} else {
		/* UC and UD go on with the next packet: nobody sends again */
		rxe_migr_await_sources(qp);
		rxe_migr_set(qp, ROAM_RXE_STOPPED | ROAM_RXE_PAUSED, 0);
	}
	rxe_migr_thaw(qp);
	/* from here on it answers, or refuses to, itself */
	rxe_migr_unreserve(to_rdev(qp->ibqp.device), qp_num(qp));
out:
	mutex_unlock(&qp->migr.mutex);
	return 0;
}

/*
 * The peer turned out to understand Resume when this end had gone on without:
 * it may be paused. Holds migr.mutex.
 */
static void rxe_migr_resume_late(struct rxe_qp *qp)
{
	rxe_migr_freeze(qp);
	rxe_migr_rewind(qp);
	qp->migr.resume_tries = 0;
	rxe_migr_set(qp, 0, ROAM_RXE_RESUMING);
	rxe_migr_hold_begin(qp);
	rxe_migr_thaw(qp);
}

/*
 * A peer that does not know Resume is not told: what was lost in the stop it
 * sends again by itself, and so does this end. It is greeted for some time
 * yet, and told whenever it turns out to be aware: it may be paused. Holds
 * migr.mutex. Returns whether there is more to do.
 */
static bool rxe_migr_resume_unaware(struct rxe_qp *qp)
{
	if (qp->migr.greetings++ >= RXE_MIGR_GREETINGS && qp->migr.flags & ROAM_RXE_RESUMING) {
		rxe_migr_freeze(qp);
		rxe_migr_set(qp, ROAM_RXE_RESUMING, 0);
		rxe_migr_thaw(qp);
	}
	if (qp->migr.greetings > RXE_MIGR_GREETINGS_ALL)
		return false;
	rxe_migr_greet(qp);
	return true;
}

/*
 * Says Resume until the peer has answered. This depends on nothing but its
 * own timer: a QP with nothing to send must be found again as well.
 */
void rxe_migr_resume_work(struct work_struct *work)
{
	struct rxe_qp *qp = container_of(to_delayed_work(work), struct rxe_qp,
					 migr.resume_work);
	unsigned long delay;
	bool more = true;

	/* A stop holds the mutex while it waits for this work. */
	if (!mutex_trylock(&qp->migr.mutex)) {
		queue_delayed_work(RXE_MIGR_WQ, &qp->migr.resume_work, 1);
		return;
	}

	if (!qp->migr.unsaid)
		goto out;
	if (!rxe_migr_connected(qp)) {
		qp->migr.unsaid = false;
		rxe_migr_set(qp, ROAM_RXE_RESUMING, 0);
		goto out;
	}
	if (!(READ_ONCE(qp->migr.flags) & ROAM_RXE_RESUMING) && READ_ONCE(qp->migr.aware))
		rxe_migr_resume_late(qp);

	/* An address that has just come here gets its GID a moment later. */
	if (!rxe_migr_refresh_source(qp)) {
		if (READ_ONCE(qp->migr.aware))
			rxe_migr_send_resume(qp, RXE_MIGR_RESUME, qp->migr.epoch);
		else
			more = rxe_migr_resume_unaware(qp);
	}
	/* who learns of an aware peer after that queues it again */
	if (!more)
		goto out;

	delay = RXE_MIGR_RESUME_FIRST << min(qp->migr.resume_tries++, 10U);
	queue_delayed_work(RXE_MIGR_WQ, &qp->migr.resume_work,
			   min_t(unsigned long, delay, RXE_MIGR_RESUME_LAST));
out:
	mutex_unlock(&qp->migr.mutex);
}

static bool rxe_migr_take_news(struct rxe_qp *qp, struct rxe_migr_news *slot,
			       struct rxe_migr_news *news)
{
	unsigned long irq;

	spin_lock_irqsave(&qp->migr.lock, irq);
	*news = *slot;
	slot->pending = false;
	spin_unlock_irqrestore(&qp->migr.lock, irq);

	return news->pending && rxe_migr_connected(qp) &&
	       !(qp->migr.flags & ROAM_RXE_STOPPED);
}

/* Unless the peer has said meanwhile that it is stopped again. */
static void rxe_migr_unpause(struct rxe_qp *qp, u32 epoch)
{
	unsigned long irq;

	spin_lock_irqsave(&qp->migr.lock, irq);
	if (psn_compare(epoch & AETH_MSN_MASK, qp->migr.nak_epoch) >= 0)
		WRITE_ONCE(qp->migr.flags, qp->migr.flags & ~(unsigned long)ROAM_RXE_PAUSED);
	spin_unlock_irqrestore(&qp->migr.lock, irq);
	rxe_migr_changed(qp);
}

static bool rxe_migr_is_peer(struct rxe_qp *qp, const struct in6_addr *gid)
{
	return ipv6_addr_equal(gid, (struct in6_addr *)&qp->pri_av.grh.dgid);
}

/* Frozen. */
static void rxe_migr_set_peer(struct rxe_qp *qp, const struct rxe_migr_news *news)
{
	bool elsewhere = !rxe_migr_is_peer(qp, &news->origin);
	struct rxe_av *av = &qp->pri_av;

	memcpy(&av->grh.dgid, &news->origin, sizeof(av->grh.dgid));
	if (av->network_type == RXE_NETWORK_TYPE_IPV4)
		av->dgid_addr._sockaddr_in.sin_addr.s_addr = news->origin.s6_addr32[3];
	else
		av->dgid_addr._sockaddr_in6.sin6_addr = news->origin;
	if (news->forwarded)
		rxe_migr_refresh_peer(to_rdev(qp->ibqp.device), av);
	else
		ether_addr_copy(av->dmac, news->smac);
	sk_dst_reset(qp->sk->sk);

	/* what this end has said itself went to where the peer was */
	if (elsewhere && qp->migr.flags & ROAM_RXE_RESUMING)
		mod_delayed_work(RXE_MIGR_WQ, &qp->migr.resume_work, 0);
}

/* PSNs that the READs among the posted requests take; the ring is the application's to spoil. */
static u32 rxe_migr_posted_reads(struct rxe_qp *qp)
{
	struct rxe_queue *q = qp->sq.queue;
	u32 index = queue_get_consumer(q, QUEUE_TYPE_FROM_CLIENT);
	u32 end = queue_get_producer(q, QUEUE_TYPE_FROM_CLIENT) & q->index_mask;
	u64 psns = 0;

	for (; index != end; index = queue_next_index(q, index)) {
		const struct rxe_send_wqe *wqe = queue_addr_from_index(q, index);

		if (wqe->wr.opcode == IB_WR_RDMA_READ)
			psns += READ_ONCE(wqe->dma.length) / qp->mtu + 1;
	}
	return min_t(u64, psns, RXE_MIGR_READ_PSNS_MAX);
}

/* PSNs that the READs take which this responder may have to answer once more. */
static u32 rxe_migr_answered_reads(struct rxe_qp *qp)
{
	u64 psns = 0;
	u32 i;

	for (i = 0; qp->resp.resources && i < qp->attr.max_dest_rd_atomic; i++) {
		const struct resp_res *res = &qp->resp.resources[i];

		if (res->type == RXE_READ_MASK)
			psns += ((res->last_psn - res->first_psn) & BTH_PSN_MASK) + 1;
	}
	return min_t(u64, psns, RXE_MIGR_READ_PSNS_MAX);
}

/*
 * What the responder expects next, once it is through with a READ whose
 * response it is streaming: of that the peer may have got a part. Holds
 * migr.mutex; unless frozen, too old a value is possible, and is said again.
 */
u32 rxe_migr_expected_psn(struct rxe_qp *qp)
{
	const struct resp_res *res = READ_ONCE(qp->resp.res);
	u32 psn = READ_ONCE(qp->resp.psn);
	u32 next;

	if (!res || res->type != RXE_READ_MASK)
		return psn;
	next = (res->last_psn + 1) & BTH_PSN_MASK;
	return psn_compare(next, psn) > 0 ? next : psn;
}

/*
 * Both ends' PSNs must fit together: what either has not seen acknowledged is
 * what the other received last, and no more than can be under way. The peer
 * of a resuming QP sends again at once, and goes on while its answer waits
 * here. Frozen.
 */
static bool rxe_migr_psns_fit(struct rxe_qp *qp, const struct rxe_migr_news *news)
{
	u32 since = (qp->resp.psn - news->own_psn) & BTH_PSN_MASK;
	u32 behind;

	if (news->no_requester) {
		if (qp->resp.psn != qp->attr.rq_psn)
			return false;
	} else {
		behind = (rxe_migr_expected_psn(qp) - news->comp_psn) & BTH_PSN_MASK;
		if (behind > RXE_MIGR_UNDER_WAY + rxe_migr_answered_reads(qp) +
			     min(since, RXE_MIGR_READ_PSNS_MAX))
			return false;
	}
	if (qp_state(qp) < IB_QPS_RTS)
		return true;
	behind = (news->resp_psn - qp->comp.psn) & BTH_PSN_MASK;
	return behind <= RXE_MIGR_UNDER_WAY + rxe_migr_posted_reads(qp);
}

/* The peer has moved, or has come back to where it was. Holds migr.mutex. */
static void rxe_migr_act_on_resume(struct rxe_qp *qp)
{
	struct rxe_migr_news news;

	if (!rxe_migr_take_news(qp, &qp->migr.news, &news))
		return;

	rxe_migr_freeze(qp);
	/* An older stop's Resume came late: the peer is not there any more. */
	if ((s32)(news.epoch - qp->migr.peer_epoch) < 0 ||
	    !rxe_migr_psns_fit(qp, &news)) {
		rxe_migr_thaw(qp);
		atomic64_inc(&to_rdev(qp->ibqp.device)->migr.resume_refused);
		return;
	}
	rxe_migr_set_peer(qp, &news);
	rxe_migr_learn(qp);
	/* Told once is told: a repeated Resume must not start a new retry. */
	if (qp->migr.peer_epoch != news.epoch ||
	    qp->migr.flags & ROAM_RXE_PAUSED) {
		qp->migr.peer_epoch = news.epoch;
		rxe_migr_rewind(qp);
		rxe_migr_unpause(qp, news.epoch);
	}
	rxe_migr_thaw(qp);

	rxe_migr_send_resume(qp, RXE_MIGR_RESUMED, news.epoch);
}

/* The peer has taken the Resume of this stop. Holds migr.mutex. */
static void rxe_migr_act_on_answer(struct rxe_qp *qp)
{
	struct rxe_dev *rxe = to_rdev(qp->ibqp.device);
	struct rxe_migr_news news;

	if (!rxe_migr_take_news(qp, &qp->migr.answer, &news) ||
	    !(qp->migr.flags & ROAM_RXE_RESUMING) || news.epoch != qp->migr.epoch)
		return;

	rxe_migr_freeze(qp);
	if (rxe_migr_is_peer(qp, &news.origin) && rxe_migr_psns_fit(qp, &news)) {
		atomic64_inc(&rxe->migr.resume_acked);
		qp->migr.unsaid = false;
		rxe_migr_set(qp, ROAM_RXE_RESUMING, 0);
	} else {
		atomic64_inc(&rxe->migr.resume_refused);
	}
	rxe_migr_thaw(qp);
}

/* Resume first: an answer counts from where the peer is now. */
void rxe_migr_news_work(struct work_struct *work)
{
	struct rxe_qp *qp = container_of(work, struct rxe_qp, migr.news_work);

	mutex_lock(&qp->migr.mutex);
	rxe_migr_act_on_resume(qp);
	rxe_migr_act_on_answer(qp);
	rxe_migr_answer_greeting(qp);
	mutex_unlock(&qp->migr.mutex);
}
