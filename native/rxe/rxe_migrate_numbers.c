// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Objects of a context that is being restored: those that are born with the
 * numbers that they had, MRs whose pages come later, queues that may be
 * mapped through another restored context's descriptor.
 */
#include <linux/kthread.h>
#include <linux/sched/mm.h>

#include "rxe.h"
#include "rxe_migrate.h"

/* As __rxe_add_to_pool(), at one index, which may be of another host's range.
 * The index stays reserved, and not found by lookups, until rxe_finalize().
 */
static int rxe_migr_add_at(struct rxe_pool *pool, struct rxe_pool_elem *elem,
			   u32 index, u32 min, u32 max)
{
	int err;

	if (index < min || index > max)
		return -EINVAL;

	if (atomic_inc_return(&pool->num_elem) > pool->max_elem) {
		err = -EINVAL;
		goto err_count;
	}

	elem->pool = pool;
	elem->obj = (u8 *)elem - pool->elem_offset;
	kref_init(&elem->ref_cnt);
	init_completion(&elem->complete);

	err = xa_insert_irq(&pool->xa, index, NULL, GFP_KERNEL);
	if (err)
		goto err_count;

	elem->index = index;
	return 0;

err_count:
	atomic_dec(&pool->num_elem);
	return err;
}

#define RXE_MIGR_ADD_AT(pool, elem, index, type)			\
	rxe_migr_add_at(pool, elem, index, RXE_MIN_##type##_INDEX, RXE_MAX_##type##_INDEX)

static_assert(ROAM_RXE_T_OTHER < RXE_MIGR_NR_TYPES);

/* What RESTORE_NUMBER said for the next object of a type; 0: nothing. */
static u32 rxe_migr_wanted(struct ib_udata *udata, u32 type, bool *restoring)
{
	struct rxe_ucontext *uc = rxe_migr_udata_ctx(udata);
	u32 wanted = 0;

	*restoring = false;
	if (!uc)
		return 0;

	mutex_lock(&uc->migr.lock);
	if (uc->migr.state == ROAM_RXE_CTX_RESTORING) {
		*restoring = true;
		swap(wanted, uc->migr.wanted[type]);
	}
	mutex_unlock(&uc->migr.lock);
	return wanted;
}

int rxe_migr_add_qp(struct rxe_dev *rxe, struct rxe_qp *qp,
		    struct ib_udata *udata)
{
	bool restoring;
	u32 wanted = rxe_migr_wanted(udata, ROAM_RXE_T_QP, &restoring);

	if (restoring)
		qp->migr.flags = ROAM_RXE_STOPPED;
	return wanted ? RXE_MIGR_ADD_AT(&rxe->qp_pool, &qp->elem, wanted, QP)
		      : rxe_add_to_pool(&rxe->qp_pool, qp);
}

int rxe_migr_add_mr(struct rxe_dev *rxe, struct rxe_mr *mr,
		    struct ib_udata *udata)
{
	bool restoring;
	u32 key = rxe_migr_wanted(udata, ROAM_RXE_T_MR, &restoring);

	if (restoring)
		mr->migr_restoring = true;
	mr->migr_key = key;
	return key ? RXE_MIGR_ADD_AT(&rxe->mr_pool, &mr->elem, key >> 8, MR)
		   : rxe_add_to_pool(&rxe->mr_pool, mr);
}

int rxe_migr_add_srq(struct rxe_dev *rxe, struct rxe_srq *srq,
		     struct ib_udata *udata)
{
	bool restoring;
	u32 wanted = rxe_migr_wanted(udata, ROAM_RXE_T_SRQ, &restoring);

	return wanted ? RXE_MIGR_ADD_AT(&rxe->srq_pool, &srq->elem, wanted, SRQ)
		      : rxe_add_to_pool(&rxe->srq_pool, srq);
}

/* Its rkey's last byte comes with RESTORE_MW. */
int rxe_migr_add_mw(struct rxe_dev *rxe, struct rxe_mw *mw,
		    struct ib_udata *udata)
{
	bool restoring;
	u32 key = rxe_migr_wanted(udata, ROAM_RXE_T_MW, &restoring);

	return key ? RXE_MIGR_ADD_AT(&rxe->mw_pool, &mw->elem, key >> 8, MW)
		   : rxe_add_to_pool(&rxe->mw_pool, mw);
}

/* Only the kernel's own, which have no udata, may not be allowed to sleep. */
int rxe_migr_add_ah(struct rxe_dev *rxe, struct rxe_ah *ah, bool sleepable,
		    struct ib_udata *udata)
{
	bool restoring;
	u32 wanted = sleepable ?
		     rxe_migr_wanted(udata, ROAM_RXE_T_AH, &restoring) : 0;

	return wanted ? RXE_MIGR_ADD_AT(&rxe->ah_pool, &ah->elem, wanted, AH)
		      : rxe_add_to_pool_ah(&rxe->ah_pool, ah, sleepable);
}

/* The MR stays in RXE_MR_STATE_INVALID, which no lookup accepts, until PIN. */
int rxe_migr_mr_init(struct rxe_dev *rxe, u64 start, u64 length, int access,
		     struct rxe_mr *mr, struct ib_udata *udata)
{
	u32 key;
	int err;

	if (likely(!mr->migr_restoring)) {
		err = rxe_mr_init_user(rxe, start, length, access, mr);
		if (!err)
			rxe_migr_track_mr(rxe, mr);
		return err;
	}

	if (start + length < start || PAGE_ALIGN(start + length) < start + length)
		return -EINVAL;

	key = mr->migr_key ?: (mr->elem.index << 8 | rxe_get_next_key(-1));
	mr->lkey = mr->ibmr.lkey = key;
	mr->rkey = mr->ibmr.rkey = key;
	mr->access = access;
	mr->ibmr.page_size = PAGE_SIZE;
	mr->page_mask = PAGE_MASK;
	mr->page_shift = PAGE_SHIFT;
	mr->ibmr.type = IB_MR_TYPE_USER;
	mr->state = RXE_MR_STATE_INVALID;
	mr->migr_start = start;
	mr->migr_length = length;
	return 0;
}

static bool rxe_migr_restored(struct ib_ucontext *context)
{
	return READ_ONCE(to_ruc(context)->migr.state) == ROAM_RXE_CTX_RESTORING;
}

/* A queue of one restored context may be mapped through another's descriptor:
 * CRIU opens one descriptor for consecutive mappings of the same device file.
 */
bool rxe_migr_mmap_ok(struct ib_ucontext *a, struct ib_ucontext *b)
{
	return a == b || (rxe_migr_restored(a) && rxe_migr_restored(b));
}

/* A queue that a process and its child share is mapped once for each. */
bool rxe_migr_mmap_keep(struct ib_ucontext *context)
{
	return rxe_migr_restored(context);
}

/* No QP of the context runs yet, so that nobody looks up the MR meanwhile. */
static int rxe_migr_pin_mr(struct rxe_dev *rxe, struct rxe_mr *mr)
{
	u32 key = mr->rkey;
	int err;

	/* an attempt that failed left the count of pages that it freed */
	mr->num_buf = 0;
	err = rxe_mr_init_user(rxe, mr->migr_start, mr->migr_length,
			       mr->access, mr);
	/* that made up a key */
	mr->ibmr.lkey = key;
	mr->ibmr.rkey = key;
	WRITE_ONCE(mr->lkey, key);
	WRITE_ONCE(mr->rkey, key);
	if (err)
		return err;

	mr->migr_restoring = false;
	rxe_migr_track_mr(rxe, mr);
	return 0;
}

struct rxe_migr_pin_job {
	struct work_struct	work;
	struct rxe_ucontext	*uc;
	int			err;
};

/* In a kernel thread, because only that can borrow another process's mm. */
static void rxe_migr_pin_work(struct work_struct *work)
{
	struct rxe_migr_pin_job *job = container_of(work, typeof(*job), work);
	struct rxe_dev *rxe = to_rdev(job->uc->ibuc.device);
	struct mm_struct *mm = job->uc->migr.mm;
	struct rxe_pool_elem *elem;
	unsigned long index;

	if (!mm || !mmget_not_zero(mm)) {
		job->err = -ESRCH;
		return;
	}

	kthread_use_mm(mm);
	xa_for_each(&rxe->mr_pool.xa, index, elem) {
		struct rxe_mr *mr = rxe_migr_get(&rxe->mr_pool, index);

		if (!mr)
			continue;
		if (rxe_migr_owns(job->uc, mr->ibmr.uobject) && mr->migr_restoring)
			job->err = rxe_migr_pin_mr(rxe, mr);
		if (job->err)
			rxe_err_mr(mr, "cannot pin %llu bytes at %#llx: %d\n",
				   mr->migr_length, mr->migr_start, job->err);
		rxe_put(mr);
		if (job->err)
			break;
	}
	kthread_unuse_mm(mm);
	mmput(mm);
}

int rxe_migr_pin(struct rxe_ucontext *uc)
{
	struct rxe_migr_pin_job job = { .uc = uc };

	mutex_lock(&uc->migr.lock);
	if (uc->migr.state != ROAM_RXE_CTX_RESTORING) {
		job.err = uc->migr.state == ROAM_RXE_CTX_PINNED ? 0 : -EINVAL;
		goto out;
	}

	INIT_WORK_ONSTACK(&job.work, rxe_migr_pin_work);
	queue_work(RXE_MIGR_WQ, &job.work);
	flush_work(&job.work);
	destroy_work_on_stack(&job.work);

	if (!job.err) {
		WRITE_ONCE(uc->migr.state, ROAM_RXE_CTX_PINNED);
		mmdrop(uc->migr.mm);
		uc->migr.mm = NULL;
		rxe_migr_moved(uc);
	}
out:
	mutex_unlock(&uc->migr.lock);
	return job.err;
}
