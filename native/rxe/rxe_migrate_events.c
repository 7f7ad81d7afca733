// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Event files of a context: completion channels, and async event files with
 * the events that nobody has read yet.
 */
#include "rxe.h"
#include "rxe_migrate_dump.h"

/* Which object an unread event is about is told only by the counter of read ones. */
static u32 rxe_migr_event_handle(const struct ib_uverbs_event *event)
{
	if (!event->counter)
		return ~0U;
	return container_of(event->counter, struct ib_uevent_object,
			    events_reported)->uobject.id;
}

/* Events that come after they were counted belong to the device alone: every QP is stopped. */
static u32 rxe_migr_put_events(struct rxe_migr_buf *buf, struct ib_uverbs_event_queue *evq)
{
	struct ib_uverbs_event *event;
	struct roam_rxe_event *d;
	unsigned long irq;
	u32 count, n = 0;

	spin_lock_irqsave(&evq->lock, irq);
	count = list_count_nodes(&evq->event_list);
	spin_unlock_irqrestore(&evq->lock, irq);

	d = rxe_migr_put(buf, NULL, count * sizeof(*d));
	if (!d)
		return 0;

	spin_lock_irqsave(&evq->lock, irq);
	list_for_each_entry(event, &evq->event_list, list) {
		if (n == count)
			break;
		d[n].type = event->desc.async.event_type;
		d[n].handle = rxe_migr_event_handle(event);
		if (d[n].handle == ~0U)
			d[n].port = event->desc.async.element;
		n++;
	}
	spin_unlock_irqrestore(&evq->lock, irq);

	/* a reader that nobody froze took some */
	buf->len -= (count - n) * sizeof(*d);
	return n;
}

/* The record of a file, unless it is there already: objects share files. */
static void rxe_migr_dump_file(struct rxe_migr_buf *buf, u32 type, const void *file,
			       struct ib_uverbs_event_queue *async, u64 *count)
{
	struct roam_rxe_file d = {
		.rec = rxe_migr_rec(type, NULL),
		.id = rxe_migr_file_id(file),
	};
	size_t start = buf->len, pos;
	u32 events;

	if (!file || buf->err)
		return;

	for (pos = sizeof(struct roam_rxe_dump_hdr); pos < buf->len;) {
		struct roam_rxe_file *old = (void *)(buf->data + pos);

		if (old->rec.type == type && old->id == d.id)
			return;
		pos += ALIGN(old->rec.len, 8);
	}

	rxe_migr_put(buf, &d, sizeof(d));
	events = async ? rxe_migr_put_events(buf, async) : 0;
	if (!buf->err)
		((struct roam_rxe_file *)(buf->data + start))->event_count = events;
	rxe_migr_end(buf, start);
	(*count)++;
}

static void rxe_migr_dump_async(struct rxe_migr_buf *buf,
				struct ib_uverbs_async_event_file *file, u64 *count)
{
	rxe_migr_dump_file(buf, ROAM_RXE_T_ASYNC, file, file ? &file->ev_queue : NULL, count);
}

/* The context's default async event file comes first. */
void rxe_migr_dump_files(struct rxe_ucontext *uc, struct rxe_migr_buf *buf, u64 *count)
{
	struct rxe_dev *rxe = to_rdev(uc->ibuc.device);
	struct ib_uverbs_event_queue *evq;
	struct rxe_pool_elem *elem;
	unsigned long index;
	struct rxe_srq *srq;
	struct rxe_cq *cq;
	struct rxe_qp *qp;

	rxe_migr_dump_async(buf, smp_load_acquire(&uc->ibuc.ufile->default_async_file), count);
	rxe_migr_for_each(uc, &rxe->cq_pool, index, elem, cq, rxe_migr_cq_uobj(cq)) {
		evq = cq->ibcq.cq_context;
		if (evq)
			rxe_migr_dump_file(buf, ROAM_RXE_T_COMP_CHANNEL,
				container_of(evq, struct ib_uverbs_completion_event_file,
					     ev_queue), NULL, count);
		rxe_migr_dump_async(buf, cq->ibcq.uobject->uevent.event_file, count);
	}
	rxe_migr_for_each(uc, &rxe->qp_pool, index, elem, qp, rxe_migr_qp_uobj(qp))
		rxe_migr_dump_async(buf, qp->ibqp.uobject->uevent.event_file, count);
	rxe_migr_for_each(uc, &rxe->srq_pool, index, elem, srq, rxe_migr_srq_uobj(srq))
		rxe_migr_dump_async(buf, srq->ibsrq.uobject->uevent.event_file, count);
}

/* Lets a QP, CQ or SRQ report again what it had reported. */
static int rxe_migr_repeat(struct rxe_ucontext *uc, struct ib_uverbs_async_event_file *file,
			   const struct roam_rxe_event *d)
{
	struct rxe_dev *rxe = to_rdev(uc->ibuc.device);
	struct ib_event event = { .device = uc->ibuc.device, .event = d->type };
	struct rxe_pool_elem *elem;
	unsigned long index;
	struct rxe_srq *srq;
	struct rxe_cq *cq;
	struct rxe_qp *qp;
	int err = -ENOENT;

	rxe_migr_for_each(uc, &rxe->qp_pool, index, elem, qp, rxe_migr_qp_uobj(qp)) {
		if (rxe_migr_qp_uobj(qp)->id != d->handle ||
		    qp->ibqp.uobject->uevent.event_file != file)
			continue;
		event.element.qp = &qp->ibqp;
		qp->ibqp.event_handler(&event, qp->ibqp.qp_context);
		err = 0;
	}
	rxe_migr_for_each(uc, &rxe->cq_pool, index, elem, cq, rxe_migr_cq_uobj(cq)) {
		if (rxe_migr_cq_uobj(cq)->id != d->handle ||
		    cq->ibcq.uobject->uevent.event_file != file)
			continue;
		event.element.cq = &cq->ibcq;
		cq->ibcq.event_handler(&event, cq->ibcq.cq_context);
		err = 0;
	}
	rxe_migr_for_each(uc, &rxe->srq_pool, index, elem, srq, rxe_migr_srq_uobj(srq)) {
		if (rxe_migr_srq_uobj(srq)->id != d->handle ||
		    srq->ibsrq.uobject->uevent.event_file != file)
			continue;
		event.element.srq = &srq->ibsrq;
		srq->ibsrq.event_handler(&event, srq->ibsrq.srq_context);
		err = 0;
	}
	return err;
}

int rxe_migr_restore_async(struct rxe_ucontext *uc, struct ib_uverbs_async_event_file *file,
			   const void *data, size_t len)
{
	const struct roam_rxe_file *d = data;
	const struct roam_rxe_event *events = (const void *)(d + 1);
	struct ib_event event = { .device = uc->ibuc.device };
	u32 i;
	int err;

	if (len < sizeof(*d) || d->rec.type != ROAM_RXE_T_ASYNC ||
	    d->event_count > (len - sizeof(*d)) / sizeof(*events) ||
	    d->event_count > RXE_MIGR_MAX_EVENTS)
		return -EINVAL;

	for (i = 0; i < d->event_count; i++) {
		if (events[i].handle != ~0U) {
			err = rxe_migr_repeat(uc, file, &events[i]);
			if (err)
				return err;
			continue;
		}
		event.event = events[i].type;
		event.element.port_num = events[i].port;
		file->event_handler.handler(&file->event_handler, &event);
	}
	return 0;
}
