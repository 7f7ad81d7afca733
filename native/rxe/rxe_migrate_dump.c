// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The dump of a verbs context: one record an object, see roam_rxe.h.
 */
#include <linux/mm.h>
#include <linux/siphash.h>
#include <linux/random.h>
#include <linux/once.h>

#include "rxe.h"
#include "rxe_queue.h"
#include "rxe_migrate_dump.h"

void *rxe_migr_put(struct rxe_migr_buf *buf, const void *data, size_t len)
{
	void *dst;

	if (buf->err)
		return NULL;

	if (buf->len + len > buf->size) {
		size_t size = max_t(size_t, 2 * buf->size, buf->len + len + 65536);
		u8 *bigger = kvzalloc(size, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);

		if (!bigger) {
			buf->err = -ENOMEM;
			return NULL;
		}
		if (buf->len)
			memcpy(bigger, buf->data, buf->len);
		kvfree(buf->data);
		buf->data = bigger;
		buf->size = size;
	}

	dst = buf->data + buf->len;
	if (data)
		memcpy(dst, data, len);
	else
		memset(dst, 0, len);
	buf->len += len;
	return dst;
}

void rxe_migr_pad(struct rxe_migr_buf *buf)
{
	if (buf->len % 8)
		rxe_migr_put(buf, NULL, 8 - buf->len % 8);
}

void rxe_migr_buf_free(struct rxe_migr_buf *buf)
{
	kvfree(buf->data);
	buf->data = NULL;
}

/* An open file's name in a dump: its address, but not told to user space. */
u64 rxe_migr_file_id(const void *file)
{
	static siphash_key_t key;

	if (!file)
		return 0;
	get_random_once(&key, sizeof(key));
	return siphash_1u64((u64)(uintptr_t)file, &key) | 1;
}

/* A QP with an SRQ has no receive queue: zeros. */
void rxe_migr_describe_queue(struct roam_rxe_queue *d, struct rxe_queue *q)
{
	if (!q)
		return;
	d->buf_size = q->buf_size;
	d->index = q->index;
	if (q->ip) {
		d->mmap_offset = q->ip->info.offset;
		d->size = q->ip->info.size;
		d->mapped = kref_read(&q->ip->ref) - 1;
	}
}

void rxe_migr_put_queue(struct rxe_migr_buf *buf, struct rxe_queue *q)
{
	if (!q)
		return;
	rxe_migr_put(buf, q->buf, q->buf_size);
	rxe_migr_pad(buf);
}

/*
 * The same for one that its owner may resize meanwhile, which frees the ring:
 * d is in buf already, and the lock is taken only once there is room.
 */
void rxe_migr_put_resizable(struct rxe_migr_buf *buf, size_t d, struct rxe_queue *q,
			    spinlock_t *lock)
{
	size_t size = READ_ONCE(q->buf_size);
	u8 *ring = rxe_migr_put(buf, NULL, size);
	unsigned long irq;

	if (!ring)
		return;
	spin_lock_irqsave(lock, irq);
	if (q->buf_size == size) {
		rxe_migr_describe_queue((struct roam_rxe_queue *)(buf->data + d), q);
		memcpy(ring, q->buf, size);
	} else {
		buf->err = -EAGAIN;
	}
	spin_unlock_irqrestore(lock, irq);
	rxe_migr_pad(buf);
}

/* rec.len is known when the record's tail is in; start tells where it began. */
void rxe_migr_end(struct rxe_migr_buf *buf, size_t start)
{
	struct roam_rxe_rec *rec;

	if (buf->err)
		return;
	rec = (struct roam_rxe_rec *)(buf->data + start);
	rec->len = buf->len - start;
	rxe_migr_pad(buf);
}

struct roam_rxe_rec rxe_migr_rec(u32 type, const struct ib_uobject *uobj)
{
	return (struct roam_rxe_rec) {
		.type = type,
		.handle = uobj ? uobj->id : ~0U,
		.user_handle = uobj ? uobj->user_handle : 0,
	};
}

static void rxe_migr_dump_pd(struct rxe_migr_buf *buf, struct rxe_pd *pd)
{
	struct roam_rxe_pd d = {
		.rec = rxe_migr_rec(ROAM_RXE_T_PD, pd->ibpd.uobject),
	};
	size_t start = buf->len;

	rxe_migr_put(buf, &d, sizeof(d));
	rxe_migr_end(buf, start);
}

static u32 rxe_migr_unread(struct ib_uverbs_event_queue *evq,
			   struct list_head *events)
{
	unsigned long irq;
	u32 n;

	spin_lock_irqsave(&evq->lock, irq);
	n = list_count_nodes(events);
	spin_unlock_irqrestore(&evq->lock, irq);
	return n;
}

static void rxe_migr_dump_cq(struct rxe_migr_buf *buf, struct rxe_cq *cq)
{
	struct ib_ucq_object *ucq = cq->ibcq.uobject;
	struct ib_uverbs_event_queue *evq = cq->ibcq.cq_context;
	struct roam_rxe_cq d = {
		.rec = rxe_migr_rec(ROAM_RXE_T_CQ, &ucq->uevent.uobject),
		.cqe = cq->ibcq.cqe,
		.notify = cq->notify,
		.async = rxe_migr_file_id(ucq->uevent.event_file),
		.comp_events_reported = ucq->comp_events_reported,
		.async_events_reported = ucq->uevent.events_reported,
	};
	size_t start = buf->len;

	if (evq) {
		d.channel = rxe_migr_file_id(container_of(evq,
				struct ib_uverbs_completion_event_file, ev_queue));
		d.comp_events_pending = rxe_migr_unread(evq, &ucq->comp_list);
	}

	rxe_migr_put(buf, &d, sizeof(d));
	rxe_migr_put_resizable(buf, start + offsetof(typeof(d), q), cq->queue, &cq->cq_lock);
	rxe_migr_end(buf, start);
}

static void rxe_migr_dump_mr(struct rxe_migr_buf *buf, struct rxe_mr *mr)
{
	struct roam_rxe_mr d = {
		.rec = rxe_migr_rec(ROAM_RXE_T_MR, mr->ibmr.uobject),
		.pd_handle = mr->ibmr.pd->uobject->id,
		.access = mr->access,
		.start = mr->umem ? mr->umem->address : mr->migr_start,
		.length = mr->umem ? mr->umem->length : mr->migr_length,
		.iova = mr->ibmr.iova,
		.lkey = mr->lkey,
		.rkey = mr->rkey,
		.state = mr->state,
	};
	size_t start = buf->len;

	rxe_migr_put(buf, &d, sizeof(d));
	rxe_migr_end(buf, start);
}

static int rxe_migr_dump_objects(struct rxe_ucontext *uc, struct rxe_migr_buf *buf,
				 u64 *count, u32 *max_handle)
{
	struct rxe_dev *rxe = to_rdev(uc->ibuc.device);
	struct rxe_pool_elem *elem;
	unsigned long index;
	struct rxe_pd *pd;
	struct rxe_cq *cq;
	struct rxe_mr *mr;
	struct rxe_qp *qp;
	s64 max = -1;
	int err = 0;

	rxe_migr_for_each(uc, &rxe->pd_pool, index, elem, pd, pd->ibpd.uobject) {
		rxe_migr_dump_pd(buf, pd);
		max = max_t(s64, max, pd->ibpd.uobject->id);
		(*count)++;
	}
	rxe_migr_for_each(uc, &rxe->cq_pool, index, elem, cq, rxe_migr_cq_uobj(cq)) {
		rxe_migr_dump_cq(buf, cq);
		max = max_t(s64, max, rxe_migr_cq_uobj(cq)->id);
		(*count)++;
	}
	rxe_migr_dump_srqs(uc, buf, count, &max);
	rxe_migr_dump_ahs(uc, buf, count, &max);
	rxe_migr_for_each(uc, &rxe->mr_pool, index, elem, mr, mr->ibmr.uobject) {
		rxe_migr_dump_mr(buf, mr);
		max = max_t(s64, max, mr->ibmr.uobject->id);
		(*count)++;
	}
	rxe_migr_for_each(uc, &rxe->qp_pool, index, elem, qp, rxe_migr_qp_uobj(qp)) {
		mutex_lock(&qp->migr.mutex);
		if (!(qp->migr.flags & ROAM_RXE_STOPPED))
			err = -EBUSY;
		else
			rxe_migr_dump_qp(buf, qp);
		mutex_unlock(&qp->migr.mutex);
		rxe_migr_dump_groups(buf, qp, count);
		max = max_t(s64, max, rxe_migr_qp_uobj(qp)->id);
		(*count)++;
	}
	rxe_migr_dump_mws(uc, buf, count, &max);

	*max_handle = max < 0 ? ~0U : max;
	return err;
}

/* -EBUSY unless every QP is stopped, -EOPNOTSUPP if CHECK finds anything. */
int rxe_migr_dump(struct rxe_ucontext *uc, struct rxe_migr_buf *buf, u64 *count)
{
	struct ib_device *dev = uc->ibuc.device;
	struct roam_rxe_dump_hdr hdr = {
		.magic = ROAM_RXE_DUMP_MAGIC,
		.version = ROAM_RXE_DUMP_VERSION,
		.num_comp_vectors = dev->num_comp_vectors,
		.watch = rxe_migr_watched(uc),
	};
	struct rxe_migr_buf unsupported = {};
	u64 n = 0;
	int err;

	err = rxe_migr_check(uc, &unsupported, &n);
	rxe_migr_buf_free(&unsupported);
	if (err)
		return err;
	if (n)
		return -EOPNOTSUPP;

	strscpy(hdr.ib_name, dev_name(&dev->dev), sizeof(hdr.ib_name));
	rxe_migr_put(buf, &hdr, sizeof(hdr));
	rxe_migr_dump_files(uc, buf, count);
	err = rxe_migr_dump_objects(uc, buf, count, &hdr.max_handle);
	if (err ?: buf->err)
		return err ?: buf->err;

	hdr.len = buf->len;
	hdr.count = *count;
	memcpy(buf->data, &hdr, sizeof(hdr));
	return 0;
}

static int rxe_migr_put_unsupported(struct rxe_migr_buf *buf, u64 *count, u32 type,
				    u32 id, u32 handle, u32 detail)
{
	struct roam_rxe_unsupported d = {
		.type = type, .id = id, .handle = handle, .detail = detail,
	};

	rxe_migr_put(buf, &d, sizeof(d));
	(*count)++;
	return buf->err;
}

int rxe_migr_check(struct rxe_ucontext *uc, struct rxe_migr_buf *buf, u64 *count)
{
	struct rxe_dev *rxe = to_rdev(uc->ibuc.device);
	struct rxe_pool_elem *elem;
	unsigned long index;
	struct rxe_qp *qp;
	struct rxe_ah *ah;
	struct rxe_mw *mw;
	struct rxe_mr *mr;

	rxe_migr_for_each(uc, &rxe->qp_pool, index, elem, qp, rxe_migr_qp_uobj(qp))
		if (!rxe_migr_movable(qp))
			rxe_migr_put_unsupported(buf, count, ROAM_RXE_T_QP,
				qp_num(qp), rxe_migr_qp_uobj(qp)->id, qp_type(qp));
	/* an old provider copies the address vector into each request */
	rxe_migr_for_each(uc, &rxe->ah_pool, index, elem, ah, ah->ibah.uobject)
		if (!ah->ah_num)
			rxe_migr_put_unsupported(buf, count, ROAM_RXE_T_AH,
				ah->elem.index, ah->ibah.uobject->id, 0);
	rxe_migr_for_each(uc, &rxe->mw_pool, index, elem, mw, mw->ibmw.uobject)
		if (!rxe_migr_mw_movable(uc, mw))
			rxe_migr_put_unsupported(buf, count, ROAM_RXE_T_MW,
				mw->rkey, mw->ibmw.uobject->id, 0);
	/* nothing pins the pages that are behind it, and dirty tracking misses what arrives in them */
	rxe_migr_for_each(uc, &rxe->mr_pool, index, elem, mr, mr->ibmr.uobject)
		if (mr->umem && mr->umem->is_odp)
			rxe_migr_put_unsupported(buf, count, ROAM_RXE_T_ODP,
				mr->rkey, mr->ibmr.uobject->id, 0);

	return buf->err;
}
