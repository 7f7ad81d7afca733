// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Registered memory and the kernel's dirty tracking (pre-copy).
 *
 * The kernel never takes the soft-dirty bit from a small page that is pinned, because a device may write to it
 * unseen. It does take that of a huge page. So the huge pages of registered memory are mapped by small entries
 * for as long as they are tracked; that a page is pinned keeps khugepaged from joining them again.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <rdma/ib_umem.h>

#include "rxe.h"
#include "rxe_migrate_dump.h"

#undef UVERBS_MODULE_NAME
#define UVERBS_MODULE_NAME rxe_migr_track

#include <rdma/uverbs_named_ioctl.h>

/* What is not mapped has nothing to split: its errors mean nothing here. */
static void rxe_migr_split(struct ib_umem *umem)
{
	struct mm_struct *mm = umem->owning_mm;
	unsigned long addr = umem->address & PAGE_MASK;
	unsigned long end = PAGE_ALIGN(umem->address + umem->length);

	if (!umem->length || !mmget_not_zero(mm))
		return;

	/* The last huge page may end at the end of the address space. */
	while (addr < end) {
		unsigned long next = (addr & PMD_MASK) + PMD_SIZE;
		struct page *page;

		if (mmap_read_lock_killable(mm))
			break;
		if (get_user_pages_remote(mm, addr, 1, FOLL_SPLIT_PMD, &page, NULL) == 1)
			put_page(page);
		mmap_read_unlock(mm);
		cond_resched();
		if (next <= addr)
			break;
		addr = next;
	}
	mmput(mm);
}

/* A new MR of a device whose memory is tracked. */
void rxe_migr_track_mr(struct rxe_dev *rxe, struct rxe_mr *mr)
{
	if (unlikely(READ_ONCE(rxe->migr.tracked)) && mr->umem)
		rxe_migr_split(mr->umem);
}

/* For good: an MR that is registered after this, in any context, is tracked from its birth. */
static void rxe_migr_track(struct rxe_ucontext *uc)
{
	struct rxe_dev *rxe = to_rdev(uc->ibuc.device);
	struct rxe_pool_elem *elem;
	unsigned long index;
	struct rxe_mr *mr;

	WRITE_ONCE(rxe->migr.tracked, true);
	rxe_migr_for_each(uc, &rxe->mr_pool, index, elem, mr, mr->ibmr.uobject)
		rxe_migr_track_mr(rxe, mr);
}

static int UVERBS_HANDLER(ROAM_RXE_METHOD_TRACK)(struct uverbs_attr_bundle *attrs)
{
	struct rxe_ucontext *uc = rxe_migr_privileged_uc(attrs);

	if (IS_ERR(uc))
		return PTR_ERR(uc);
	rxe_migr_track(uc);
	return 0;
}

DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_TRACK);

DECLARE_UVERBS_GLOBAL_METHODS(ROAM_RXE_OBJECT_TRACK,
	&UVERBS_METHOD(ROAM_RXE_METHOD_TRACK));

const struct uapi_definition rxe_migr_track_defs[] = {
	UAPI_DEF_CHAIN_OBJ_TREE_NAMED(ROAM_RXE_OBJECT_TRACK),
	{},
};
