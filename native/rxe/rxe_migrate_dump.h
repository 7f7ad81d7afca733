/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef RXE_MIGRATE_DUMP_H
#define RXE_MIGRATE_DUMP_H

#include "rxe_migrate.h"

/* rdma-core's uverbs objects: event counters and files that no exported
 * function tells. From the same source package as the running kernel.
 */
#include "../../core/uverbs.h"

/* Any number can wait that nobody reads, but each costs memory at a restore. */
#define RXE_MIGR_MAX_EVENTS	(1U << 20)

/* A buffer that grows. After an error nothing more is added. */
struct rxe_migr_buf {
	u8	*data;
	size_t	len;
	size_t	size;
	int	err;
};

void *rxe_migr_put(struct rxe_migr_buf *buf, const void *data, size_t len);
void rxe_migr_pad(struct rxe_migr_buf *buf);
void rxe_migr_buf_free(struct rxe_migr_buf *buf);

/* Calls one for every object of a pool that belongs to uc, holding it. */
#define rxe_migr_for_each(uc, pool, index, elem, obj, uobj_of)			\
	xa_for_each(&(pool)->xa, index, elem)					\
		for (obj = rxe_migr_get(pool, index); obj;		\
		     rxe_put(obj), obj = NULL)					\
			if (rxe_migr_owns(uc, uobj_of))

#define rxe_migr_cq_uobj(cq) \
	((cq)->ibcq.uobject ? &(cq)->ibcq.uobject->uevent.uobject : NULL)
#define rxe_migr_qp_uobj(qp) \
	((qp)->ibqp.uobject ? &(qp)->ibqp.uobject->uevent.uobject : NULL)

struct roam_rxe_rec rxe_migr_rec(u32 type, const struct ib_uobject *uobj);
void rxe_migr_end(struct rxe_migr_buf *buf, size_t start);

#define rxe_migr_srq_uobj(srq) \
	((srq)->ibsrq.uobject ? &(srq)->ibsrq.uobject->uevent.uobject : NULL)

u64 rxe_migr_file_id(const void *file);
void rxe_migr_dump_files(struct rxe_ucontext *uc, struct rxe_migr_buf *buf, u64 *count);

void rxe_migr_dump_qp(struct rxe_migr_buf *buf, struct rxe_qp *qp);
void rxe_migr_put_queue(struct rxe_migr_buf *buf, struct rxe_queue *q);
void rxe_migr_put_resizable(struct rxe_migr_buf *buf, size_t d, struct rxe_queue *q,
			    spinlock_t *lock);
void rxe_migr_describe_queue(struct roam_rxe_queue *d, struct rxe_queue *q);

void rxe_migr_gid(u8 *gid, struct rxe_av *av, bool source);

/* rxe_migrate_dump_more.c: SRQs, AHs and MWs */
void rxe_migr_dump_srqs(struct rxe_ucontext *uc, struct rxe_migr_buf *buf,
			u64 *count, s64 *max);
void rxe_migr_dump_ahs(struct rxe_ucontext *uc, struct rxe_migr_buf *buf,
		       u64 *count, s64 *max);
void rxe_migr_dump_mws(struct rxe_ucontext *uc, struct rxe_migr_buf *buf,
		       u64 *count, s64 *max);
/* rxe_migrate_mcast.c */
void rxe_migr_dump_groups(struct rxe_migr_buf *buf, struct rxe_qp *qp, u64 *count);

bool rxe_migr_mw_movable(struct rxe_ucontext *uc, struct rxe_mw *mw);

/* Reads through a record; left never exceeds what there is. */
struct rxe_migr_cursor {
	const u8	*pos;
	size_t		left;
};

const void *rxe_migr_take(struct rxe_migr_cursor *c, size_t len);
const void *rxe_migr_open(struct rxe_migr_cursor *c, const void *data,
			  size_t len, u32 type, size_t size);
const struct rxe_queue_buf *
rxe_migr_take_ring(struct rxe_migr_cursor *c, const struct roam_rxe_queue *d,
		   const struct rxe_queue *q);
void rxe_migr_fill_ring(struct rxe_queue *q, const struct rxe_queue_buf *ring,
			u32 index);

/* The one record behind REQ, in kernel memory; to be freed with kvfree(). */
void *rxe_migr_record(struct uverbs_attr_bundle *attrs, size_t *len);

int rxe_migr_list(struct rxe_dev *rxe, struct rxe_ucontext *uc,
		  struct rxe_migr_buf *buf, u64 *count);
int rxe_migr_restore_async(struct rxe_ucontext *uc, struct ib_uverbs_async_event_file *file,
			   const void *data, size_t len);
int rxe_migr_check(struct rxe_ucontext *uc, struct rxe_migr_buf *buf, u64 *count);

#endif /* RXE_MIGRATE_DUMP_H */
