// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Telling a program about its migration: async events that it has asked for.
 */
#include "rxe.h"
#include "rxe_migrate_dump.h"

#undef UVERBS_MODULE_NAME
#define UVERBS_MODULE_NAME rxe_migr_watch

#include <rdma/uverbs_named_ioctl.h>

/* Of uc->migr.watch; armed by WATCH and spent by the first change. */
#define RXE_MIGR_BIT_QPS	0
#define RXE_MIGR_BIT_MOVES	1

static_assert(BIT(RXE_MIGR_BIT_QPS) == ROAM_RXE_WATCH_QPS);
static_assert(BIT(RXE_MIGR_BIT_MOVES) == ROAM_RXE_WATCH_MOVES);

/* uverbs keeps the file longer than any object of the context. Softirq too. */
static void rxe_migr_event(struct rxe_ucontext *uc, u32 type)
{
	struct ib_uverbs_async_event_file *file =
		smp_load_acquire(&uc->ibuc.ufile->default_async_file);
	struct ib_event event = { .device = uc->ibuc.device, .event = type };
	void (*handler)(struct ib_event_handler *, struct ib_event *);

	/* uverbs makes the file known before it has its handler */
	handler = file ? READ_ONCE(file->event_handler.handler) : NULL;
	if (handler)
		handler(&file->event_handler, &event);
}

/* The migration state of a QP that the caller holds is another one now. */
void rxe_migr_changed(struct rxe_qp *qp)
{
	struct ib_uobject *uobj = rxe_migr_qp_uobj(qp);
	struct rxe_ucontext *uc;

	if (!uobj)
		return;
	uc = to_ruc(uobj->context);
	if (test_and_clear_bit(RXE_MIGR_BIT_QPS, &uc->migr.watch))
		rxe_migr_event(uc, ROAM_RXE_EVENT_QPS);
}

/* The context is whole again. Its program has not run yet. */
void rxe_migr_moved(struct rxe_ucontext *uc)
{
	if (test_bit(RXE_MIGR_BIT_MOVES, &uc->migr.watch))
		rxe_migr_event(uc, ROAM_RXE_EVENT_MOVED);
}

int rxe_migr_watch(struct rxe_ucontext *uc, u32 flags)
{
	if (flags & ~ROAM_RXE_WATCH_ALL)
		return -EINVAL;

	mutex_lock(&uc->migr.lock);
	assign_bit(RXE_MIGR_BIT_QPS, &uc->migr.watch, flags & ROAM_RXE_WATCH_QPS);
	assign_bit(RXE_MIGR_BIT_MOVES, &uc->migr.watch, flags & ROAM_RXE_WATCH_MOVES);
	if (!(flags & ROAM_RXE_WATCH_MOVES))
		uc->migr.awaited = false;
	mutex_unlock(&uc->migr.lock);
	return 0;
}

u32 rxe_migr_watched(struct rxe_ucontext *uc)
{
	return READ_ONCE(uc->migr.watch);
}

/* Returns whether the program has still to say that it is ready. */
static int rxe_migr_announce(struct rxe_ucontext *uc, u32 what)
{
	int awaited;

	mutex_lock(&uc->migr.lock);
	switch (what) {
	case ROAM_RXE_ANNOUNCE_NOTHING:
		break;
	case ROAM_RXE_ANNOUNCE_MOVE:
		if (uc->migr.awaited || !test_bit(RXE_MIGR_BIT_MOVES, &uc->migr.watch))
			break;
		uc->migr.awaited = true;
		rxe_migr_event(uc, ROAM_RXE_EVENT_MOVES);
		break;
	case ROAM_RXE_ANNOUNCE_STAY:
		uc->migr.awaited = false;
		if (test_bit(RXE_MIGR_BIT_MOVES, &uc->migr.watch))
			rxe_migr_event(uc, ROAM_RXE_EVENT_STAYS);
		break;
	default:
		mutex_unlock(&uc->migr.lock);
		return -EINVAL;
	}
	awaited = uc->migr.awaited;
	mutex_unlock(&uc->migr.lock);
	return awaited;
}

static void rxe_migr_ready(struct rxe_ucontext *uc)
{
	mutex_lock(&uc->migr.lock);
	uc->migr.awaited = false;
	mutex_unlock(&uc->migr.lock);
}

static int UVERBS_HANDLER(ROAM_RXE_METHOD_WATCH)(struct uverbs_attr_bundle *attrs)
{
	struct rxe_ucontext *uc = rxe_migr_uc(attrs);
	struct roam_rxe_watch req;
	int err;

	if (IS_ERR(uc))
		return PTR_ERR(uc);
	err = uverbs_copy_from(&req, attrs, ROAM_RXE_ATTR_REQ);
	return err ?: rxe_migr_watch(uc, req.flags);
}

static int UVERBS_HANDLER(ROAM_RXE_METHOD_ANNOUNCE)(struct uverbs_attr_bundle *attrs)
{
	struct rxe_ucontext *uc = rxe_migr_privileged_uc(attrs);
	struct roam_rxe_announced resp = {};
	struct roam_rxe_announce req;
	int ret;

	if (IS_ERR(uc))
		return PTR_ERR(uc);
	ret = uverbs_copy_from(&req, attrs, ROAM_RXE_ATTR_REQ);
	if (ret)
		return ret;
	ret = rxe_migr_announce(uc, req.what);
	if (ret < 0)
		return ret;
	resp.awaited = ret;
	return uverbs_copy_to(attrs, ROAM_RXE_ATTR_RESP, &resp, sizeof(resp));
}

static int UVERBS_HANDLER(ROAM_RXE_METHOD_READY)(struct uverbs_attr_bundle *attrs)
{
	struct rxe_ucontext *uc = rxe_migr_uc(attrs);

	if (IS_ERR(uc))
		return PTR_ERR(uc);
	rxe_migr_ready(uc);
	return 0;
}

DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_WATCH,
	RXE_MIGR_REQ(struct roam_rxe_watch));
DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_ANNOUNCE,
	RXE_MIGR_REQ(struct roam_rxe_announce), RXE_MIGR_RESP(struct roam_rxe_announced));
DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_READY);

DECLARE_UVERBS_GLOBAL_METHODS(ROAM_RXE_OBJECT_WATCH,
	&UVERBS_METHOD(ROAM_RXE_METHOD_WATCH),
	&UVERBS_METHOD(ROAM_RXE_METHOD_ANNOUNCE),
	&UVERBS_METHOD(ROAM_RXE_METHOD_READY));

const struct uapi_definition rxe_migr_watch_defs[] = {
	UAPI_DEF_CHAIN_OBJ_TREE_NAMED(ROAM_RXE_OBJECT_WATCH),
	{},
};
