// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * How long a QP waits for a partner that is being moved. A paused or resuming
 * QP counts no timeouts; this clock is what ends its waiting instead.
 */
#include "rxe.h"
#include "rxe_queue.h"
#include "rxe_task.h"
#include "rxe_migrate.h"

/* sysctl net.rdma_rxe.max_hold_ms; what is held already keeps its limit. */
unsigned int rxe_migr_max_hold = 60 * MSEC_PER_SEC;

#define RXE_MIGR_WAITING	(ROAM_RXE_PAUSED | ROAM_RXE_RESUMING)

/* Any context. A QP that is being destroyed has disabled the work for good. */
void rxe_migr_hold_begin(struct rxe_qp *qp)
{
	unsigned long delay = msecs_to_jiffies(READ_ONCE(rxe_migr_max_hold));

	WRITE_ONCE(qp->migr.hold_until, jiffies + delay);
	mod_delayed_work(RXE_MIGR_WQ, &qp->migr.hold_work, delay);
}

/*
 * The peer is stopped, in its stop of that number (24 bits); unless its Resume
 * from that stop or a later one has come already. The clock starts with the
 * stop: a partner that says again and again that it is stopped does not wind
 * it up. Softirq too.
 */
void rxe_migr_pause(struct rxe_qp *qp, u32 epoch)
{
	bool begins = false, changes = false;
	unsigned long irq;

	spin_lock_irqsave(&qp->migr.lock, irq);
	if (psn_compare(epoch, qp->migr.peer_epoch & AETH_MSN_MASK) > 0) {
		changes = !(qp->migr.flags & ROAM_RXE_PAUSED);
		begins = changes || psn_compare(epoch, qp->migr.nak_epoch) > 0;
		/* one that was overtaken by that of a later stop tells nothing new */
		if (begins)
			qp->migr.nak_epoch = epoch;
		WRITE_ONCE(qp->migr.flags, qp->migr.flags | ROAM_RXE_PAUSED);
	}
	spin_unlock_irqrestore(&qp->migr.lock, irq);

	if (begins)
		rxe_migr_hold_begin(qp);
	if (changes)
		rxe_migr_changed(qp);
}

/* The oldest unfinished request fails as if its retries had run out. Frozen. */
static bool rxe_migr_fail_oldest(struct rxe_qp *qp)
{
	struct rxe_queue *q = qp->sq.queue;
	u32 index, end;

	if (!q || (qp_state(qp) != IB_QPS_RTS && qp_state(qp) != IB_QPS_SQD))
		return false;

	index = queue_get_consumer(q, QUEUE_TYPE_FROM_CLIENT);
	end = queue_get_producer(q, QUEUE_TYPE_FROM_CLIENT) & q->index_mask;
	for (; index != end; index = queue_next_index(q, index)) {
		struct rxe_send_wqe *wqe = queue_addr_from_index(q, index);

		/* a local operation that only waits for its turn to complete */
		if (wqe->state == wqe_state_done)
			continue;
		wqe->status = IB_WC_RETRY_EXC_ERR;
		wqe->state = wqe_state_error;
		/* or the completer would leave the queue to the requester */
		qp->req.need_retry = 0;
		return true;
	}
	return false;
}

/*
 * The partner is taken for gone. With a request to fail, the completer moves
 * the QP to ERR while the requester is still held; without one, the waiting
 * just ends, and the next request finds out by its own retries.
 */
static void rxe_migr_give_up(struct rxe_qp *qp)
{
	struct rxe_dev *rxe = to_rdev(qp->ibqp.device);
	unsigned long irq;
	bool fails;

	rxe_migr_freeze(qp);
	/* or a timer of the time before makes the requester send it all again */
	timer_delete_sync(&qp->retrans_timer);
	timer_delete_sync(&qp->rnr_nak_timer);
	qp->req.wait_for_rnr_timer = 0;
	qp->migr.unsaid = false;
	fails = rxe_migr_fail_oldest(qp);
	rxe_migr_thaw(qp);
	if (fails) {
		rxe_counter_inc(rxe, RXE_CNT_RETRY_EXCEEDED);
		flush_work(&qp->send_task.work);
	}

	spin_lock_irqsave(&qp->migr.lock, irq);
	WRITE_ONCE(qp->migr.flags, qp->migr.flags & ~(unsigned long)RXE_MIGR_WAITING);
	spin_unlock_irqrestore(&qp->migr.lock, irq);
	rxe_sched_task(&qp->send_task);
	rxe_migr_changed(qp);
}

void rxe_migr_hold_work(struct work_struct *work)
{
	struct rxe_qp *qp = container_of(to_delayed_work(work), struct rxe_qp,
					 migr.hold_work);
	unsigned long flags;
	long left;

	/* A stop holds the mutex while it waits for this work. */
	if (!mutex_trylock(&qp->migr.mutex)) {
		queue_delayed_work(RXE_MIGR_WQ, &qp->migr.hold_work, 1);
		return;
	}

	flags = READ_ONCE(qp->migr.flags);
	left = READ_ONCE(qp->migr.hold_until) - jiffies;
	/* RESUME starts the clock of a stopped QP anew */
	if (flags & RXE_MIGR_WAITING && !(flags & ROAM_RXE_STOPPED)) {
		if (left > 0)
			queue_delayed_work(RXE_MIGR_WQ, &qp->migr.hold_work, left);
		else
			rxe_migr_give_up(qp);
	}
	mutex_unlock(&qp->migr.mutex);
}
