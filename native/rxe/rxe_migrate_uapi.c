// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The uverbs ioctl methods of roam_rxe.h.
 */
#include <linux/sched/mm.h>
#include <rdma/uverbs_ioctl.h>

#include "rxe.h"
#include "rxe_migrate_dump.h"

#undef UVERBS_MODULE_NAME
#define UVERBS_MODULE_NAME rxe_migr

#include <rdma/uverbs_named_ioctl.h>

/* A record that RESTORE_* takes: a QP with the largest queues fits easily. */
#define RXE_MIGR_MAX_RECORD	(1ULL << 30)

static int UVERBS_HANDLER(ROAM_RXE_METHOD_QUERY)(struct uverbs_attr_bundle *attrs)
{
	struct rxe_ucontext *uc = rxe_migr_uc(attrs);
	struct roam_rxe_query resp = {
		.abi = ROAM_RXE_ABI_VERSION,
		.dump_version = ROAM_RXE_DUMP_VERSION,
		.module_version = RXE_MIGR_VERSION,
	};
	struct rxe_migr_dev *dev;

	if (IS_ERR(uc))
		return PTR_ERR(uc);

	resp.reservations = rxe_migr_reservations(to_rdev(uc->ibuc.device));
	dev = &to_rdev(uc->ibuc.device)->migr;
	resp.context_state = READ_ONCE(uc->migr.state);
	resp.nak_stopped_sent = atomic64_read(&dev->nak_sent);
	resp.nak_stopped_rcvd = atomic64_read(&dev->nak_rcvd);
	resp.resume_sent = atomic64_read(&dev->resume_sent);
	resp.resume_rcvd = atomic64_read(&dev->resume_rcvd);
	resp.resume_acked = atomic64_read(&dev->resume_acked);
	resp.resume_refused = atomic64_read(&dev->resume_refused);
	resp.resume_forwarded = atomic64_read(&dev->forwarded);
	resp.unauthentic = atomic64_read(&dev->unauthentic);
	resp.key_id = rxe_migr_key_id();

	return uverbs_copy_to(attrs, ROAM_RXE_ATTR_RESP, &resp, sizeof(resp));
}

/* Gives buf to the caller, or tells how much room it needs. Frees buf. */
static int rxe_migr_reply(struct uverbs_attr_bundle *attrs,
			  const struct roam_rxe_buf *req,
			  struct rxe_migr_buf *buf, u64 count, int err)
{
	struct roam_rxe_buf_resp resp = { .needed = buf->len, .count = count };

	err = err ?: buf->err;
	if (err)
		goto out;

	err = uverbs_copy_to(attrs, ROAM_RXE_ATTR_RESP, &resp, sizeof(resp));
	if (err)
		goto out;
	if (buf->len > req->len)
		err = -ENOSPC;
	else if (buf->len &&
		 copy_to_user(u64_to_user_ptr(req->addr), buf->data, buf->len))
		err = -EFAULT;
out:
	rxe_migr_buf_free(buf);
	return err;
}

static int UVERBS_HANDLER(ROAM_RXE_METHOD_LIST)(struct uverbs_attr_bundle *attrs)
{
	struct rxe_ucontext *uc = rxe_migr_uc(attrs);
	struct rxe_migr_buf buf = {};
	struct roam_rxe_buf req;
	struct rxe_dev *rxe;
	u64 count = 0;
	bool whole;
	int err;

	if (IS_ERR(uc))
		return PTR_ERR(uc);
	err = uverbs_copy_from(&req, attrs, ROAM_RXE_ATTR_REQ);
	if (err)
		return err;
	if (req.flags & ~ROAM_RXE_WHOLE_DEVICE)
		return -EINVAL;
	whole = req.flags & ROAM_RXE_WHOLE_DEVICE;
	if (whole && !rxe_migr_privileged())
		return -EPERM;

	rxe = to_rdev(uc->ibuc.device);
	err = rxe_migr_list(rxe, whole ? NULL : uc, &buf, &count);
	return rxe_migr_reply(attrs, &req, &buf, count, err);
}

static int UVERBS_HANDLER(ROAM_RXE_METHOD_CHECK)(struct uverbs_attr_bundle *attrs)
{
	struct rxe_ucontext *uc = rxe_migr_uc(attrs);
	struct rxe_migr_buf buf = {};
	struct roam_rxe_buf req;
	u64 count = 0;
	int err;

	if (IS_ERR(uc))
		return PTR_ERR(uc);
	err = uverbs_copy_from(&req, attrs, ROAM_RXE_ATTR_REQ);
	if (err)
		return err;

	err = rxe_migr_check(uc, &buf, &count);
	return rxe_migr_reply(attrs, &req, &buf, count, err);
}

static int UVERBS_HANDLER(ROAM_RXE_METHOD_DUMP)(struct uverbs_attr_bundle *attrs)
{
	struct rxe_ucontext *uc = rxe_migr_privileged_uc(attrs);
	struct rxe_migr_buf buf = {};
	struct roam_rxe_buf req;
	u64 count = 0;
	int err;

	if (IS_ERR(uc))
		return PTR_ERR(uc);
	err = uverbs_copy_from(&req, attrs, ROAM_RXE_ATTR_REQ);
	if (err)
		return err;

	err = rxe_migr_dump(uc, &buf, &count);
	return rxe_migr_reply(attrs, &req, &buf, count, err);
}

static int UVERBS_HANDLER(ROAM_RXE_METHOD_STOP)(struct uverbs_attr_bundle *attrs)
{
	return rxe_migr_stop(attrs);
}

static int UVERBS_HANDLER(ROAM_RXE_METHOD_GREET)(struct uverbs_attr_bundle *attrs)
{
	int err = rxe_migr_scope(attrs, rxe_migr_greet_qp, true);

	return err == -EAGAIN ? 0 : err;
}

/* One QP that cannot be resumed must not leave the others stopped. */
static int UVERBS_HANDLER(ROAM_RXE_METHOD_RESUME)(struct uverbs_attr_bundle *attrs)
{
	struct rxe_ucontext *uc = rxe_migr_uc(attrs);

	if (IS_ERR(uc))
		return PTR_ERR(uc);
	if (READ_ONCE(uc->migr.state) == ROAM_RXE_CTX_RESTORING)
		return -EBUSY;
	return rxe_migr_scope(attrs, rxe_migr_resume_qp, true);
}

static int rxe_migr_identify(struct uverbs_attr_bundle *attrs, const void *file)
{
	struct roam_rxe_fd_id resp = { .id = rxe_migr_file_id(file) };

	if (!rxe_migr_privileged())
		return -EPERM;
	return uverbs_copy_to(attrs, ROAM_RXE_ATTR_RESP, &resp, sizeof(resp));
}

static int UVERBS_HANDLER(ROAM_RXE_METHOD_IDENTIFY_COMP)(struct uverbs_attr_bundle *attrs)
{
	struct ib_uobject *uobj = uverbs_attr_get_uobject(attrs, ROAM_RXE_ATTR_FD);

	if (IS_ERR(uobj))
		return PTR_ERR(uobj);
	return rxe_migr_identify(attrs, container_of(uobj,
			struct ib_uverbs_completion_event_file, uobj));
}

static int UVERBS_HANDLER(ROAM_RXE_METHOD_IDENTIFY_ASYNC)(struct uverbs_attr_bundle *attrs)
{
	struct ib_uobject *uobj = uverbs_attr_get_uobject(attrs, ROAM_RXE_ATTR_FD);

	if (IS_ERR(uobj))
		return PTR_ERR(uobj);
	return rxe_migr_identify(attrs, container_of(uobj,
			struct ib_uverbs_async_event_file, uobj));
}

static int UVERBS_HANDLER(ROAM_RXE_METHOD_RESTORE_BEGIN)(struct uverbs_attr_bundle *attrs)
{
	struct rxe_ucontext *uc = rxe_migr_privileged_uc(attrs);
	struct roam_rxe_restore req;
	int err;

	if (IS_ERR(uc))
		return PTR_ERR(uc);
	err = uverbs_copy_from(&req, attrs, ROAM_RXE_ATTR_REQ);
	if (err)
		return err;
	if (req.dump_version != ROAM_RXE_DUMP_VERSION)
		return -EINVAL;

	mutex_lock(&uc->migr.lock);
	if (uc->migr.state != ROAM_RXE_CTX_LIVE || uc->migr.mm) {
		err = -EBUSY;
	} else {
		/* the memory that MRs are pinned in, once it is there */
		uc->migr.mm = current->mm;
		mmgrab(uc->migr.mm);
		uc->migr.owner = get_task_pid(current, PIDTYPE_TGID);
		WRITE_ONCE(uc->migr.state, ROAM_RXE_CTX_RESTORING);
	}
	mutex_unlock(&uc->migr.lock);
	return err ?: rxe_migr_watch(uc, req.watch);
}

static int UVERBS_HANDLER(ROAM_RXE_METHOD_RESTORE_NUMBER)(struct uverbs_attr_bundle *attrs)
{
	struct rxe_ucontext *uc = rxe_migr_privileged_uc(attrs);
	struct roam_rxe_number req;
	int err;

	if (IS_ERR(uc))
		return PTR_ERR(uc);
	err = uverbs_copy_from(&req, attrs, ROAM_RXE_ATTR_REQ);
	if (err)
		return err;

	mutex_lock(&uc->migr.lock);
	if (uc->migr.state != ROAM_RXE_CTX_RESTORING)
		err = -EBUSY;
	else if (req.type == ROAM_RXE_T_QP || req.type == ROAM_RXE_T_MR ||
		 req.type == ROAM_RXE_T_SRQ || req.type == ROAM_RXE_T_AH ||
		 req.type == ROAM_RXE_T_MW)
		uc->migr.wanted[req.type] = req.number;
	else
		err = -EINVAL;
	mutex_unlock(&uc->migr.lock);
	return err;
}

void *rxe_migr_record(struct uverbs_attr_bundle *attrs, size_t *len)
{
	struct rxe_ucontext *uc = rxe_migr_privileged_uc(attrs);
	struct roam_rxe_buf req;
	void *data;
	int err;

	if (IS_ERR(uc))
		return ERR_CAST(uc);
	if (READ_ONCE(uc->migr.state) != ROAM_RXE_CTX_RESTORING)
		return ERR_PTR(-EBUSY);
	err = uverbs_copy_from(&req, attrs, ROAM_RXE_ATTR_REQ);
	if (err)
		return ERR_PTR(err);
	if (req.len < sizeof(struct roam_rxe_rec) || req.len > RXE_MIGR_MAX_RECORD)
		return ERR_PTR(-EINVAL);

	data = kvmalloc(req.len, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!data)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(data, u64_to_user_ptr(req.addr), req.len)) {
		kvfree(data);
		return ERR_PTR(-EFAULT);
	}
	*len = req.len;
	return data;
}

static int UVERBS_HANDLER(ROAM_RXE_METHOD_RESTORE_CQ)(struct uverbs_attr_bundle *attrs)
{
	struct ib_cq *cq = uverbs_attr_get_obj(attrs, ROAM_RXE_ATTR_HANDLE);
	size_t len;
	void *data = rxe_migr_record(attrs, &len);
	int err;

	if (IS_ERR(data))
		return PTR_ERR(data);
	err = rxe_migr_restore_cq(to_rcq(cq), data, len);
	kvfree(data);
	return err;
}

/* The keys came with the creation and the pages come with PIN: a check. */
static int UVERBS_HANDLER(ROAM_RXE_METHOD_RESTORE_MR)(struct uverbs_attr_bundle *attrs)
{
	struct rxe_mr *mr = to_rmr(uverbs_attr_get_obj(attrs, ROAM_RXE_ATTR_HANDLE));
	struct roam_rxe_mr *d;
	size_t len;
	void *data = rxe_migr_record(attrs, &len);
	int err = 0;

	if (IS_ERR(data))
		return PTR_ERR(data);
	d = data;
	if (len < sizeof(*d) || d->rec.type != ROAM_RXE_T_MR ||
	    d->lkey != mr->lkey || d->rkey != mr->rkey ||
	    d->iova != mr->ibmr.iova || d->length != mr->ibmr.length)
		err = -EINVAL;
	kvfree(data);
	return err;
}

static int UVERBS_HANDLER(ROAM_RXE_METHOD_RESTORE_QP)(struct uverbs_attr_bundle *attrs)
{
	struct ib_qp *qp = uverbs_attr_get_obj(attrs, ROAM_RXE_ATTR_HANDLE);
	size_t len;
	void *data = rxe_migr_record(attrs, &len);
	int err;

	if (IS_ERR(data))
		return PTR_ERR(data);
	err = rxe_migr_restore_qp(to_rqp(qp), data, len);
	kvfree(data);
	return err;
}

/* After all QPs, CQs and SRQs: their events go to the file in the old order. */
static int UVERBS_HANDLER(ROAM_RXE_METHOD_RESTORE_ASYNC)(struct uverbs_attr_bundle *attrs)
{
	struct ib_uobject *uobj = uverbs_attr_get_uobject(attrs, ROAM_RXE_ATTR_FD);
	size_t len;
	void *data;
	int err;

	if (IS_ERR(uobj))
		return PTR_ERR(uobj);
	data = rxe_migr_record(attrs, &len);
	if (IS_ERR(data))
		return PTR_ERR(data);
	err = rxe_migr_restore_async(rxe_migr_uc(attrs),
				     container_of(uobj, struct ib_uverbs_async_event_file, uobj),
				     data, len);
	kvfree(data);
	return err;
}

static int UVERBS_HANDLER(ROAM_RXE_METHOD_PIN)(struct uverbs_attr_bundle *attrs)
{
	struct rxe_ucontext *uc = rxe_migr_privileged_uc(attrs);
	int err, fd;

	if (IS_ERR(uc))
		return PTR_ERR(uc);
	err = uverbs_get_raw_fd(&fd, attrs, ROAM_RXE_ATTR_FD);
	if (!err)
		err = rxe_migr_adopt_file(uc, fd);
	return err ?: rxe_migr_pin(uc);
}

DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_QUERY,
	RXE_MIGR_RESP(struct roam_rxe_query));
DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_LIST,
	RXE_MIGR_REQ(struct roam_rxe_buf), RXE_MIGR_RESP(struct roam_rxe_buf_resp));
DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_CHECK,
	RXE_MIGR_REQ(struct roam_rxe_buf), RXE_MIGR_RESP(struct roam_rxe_buf_resp));
DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_DUMP,
	RXE_MIGR_REQ(struct roam_rxe_buf), RXE_MIGR_RESP(struct roam_rxe_buf_resp));
DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_STOP,
	RXE_MIGR_REQ(struct roam_rxe_scope));
DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_RESUME,
	RXE_MIGR_REQ(struct roam_rxe_scope));
DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_GREET,
	RXE_MIGR_REQ(struct roam_rxe_scope));
DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_IDENTIFY_COMP,
	UVERBS_ATTR_FD(ROAM_RXE_ATTR_FD, UVERBS_OBJECT_COMP_CHANNEL,
		       UVERBS_ACCESS_READ, UA_MANDATORY),
	RXE_MIGR_RESP(struct roam_rxe_fd_id));
DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_IDENTIFY_ASYNC,
	UVERBS_ATTR_FD(ROAM_RXE_ATTR_FD, UVERBS_OBJECT_ASYNC_EVENT,
		       UVERBS_ACCESS_READ, UA_MANDATORY),
	RXE_MIGR_RESP(struct roam_rxe_fd_id));
DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_RESTORE_BEGIN,
	RXE_MIGR_REQ(struct roam_rxe_restore));
DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_RESTORE_NUMBER,
	RXE_MIGR_REQ(struct roam_rxe_number));
DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_RESTORE_CQ,
	UVERBS_ATTR_IDR(ROAM_RXE_ATTR_HANDLE, UVERBS_OBJECT_CQ,
			UVERBS_ACCESS_WRITE, UA_MANDATORY),
	RXE_MIGR_REQ(struct roam_rxe_buf));
DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_RESTORE_MR,
	UVERBS_ATTR_IDR(ROAM_RXE_ATTR_HANDLE, UVERBS_OBJECT_MR,
			UVERBS_ACCESS_WRITE, UA_MANDATORY),
	RXE_MIGR_REQ(struct roam_rxe_buf));
DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_RESTORE_QP,
	UVERBS_ATTR_IDR(ROAM_RXE_ATTR_HANDLE, UVERBS_OBJECT_QP,
			UVERBS_ACCESS_WRITE, UA_MANDATORY),
	RXE_MIGR_REQ(struct roam_rxe_buf));
DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_RESTORE_ASYNC,
	UVERBS_ATTR_FD(ROAM_RXE_ATTR_FD, UVERBS_OBJECT_ASYNC_EVENT,
		       UVERBS_ACCESS_READ, UA_MANDATORY),
	RXE_MIGR_REQ(struct roam_rxe_buf));
DECLARE_UVERBS_NAMED_METHOD(ROAM_RXE_METHOD_PIN,
	UVERBS_ATTR_RAW_FD(ROAM_RXE_ATTR_FD, UA_MANDATORY));

DECLARE_UVERBS_GLOBAL_METHODS(ROAM_RXE_OBJECT_MIGR,
	&UVERBS_METHOD(ROAM_RXE_METHOD_QUERY),
	&UVERBS_METHOD(ROAM_RXE_METHOD_LIST),
	&UVERBS_METHOD(ROAM_RXE_METHOD_CHECK),
	&UVERBS_METHOD(ROAM_RXE_METHOD_STOP),
	&UVERBS_METHOD(ROAM_RXE_METHOD_RESUME),
	&UVERBS_METHOD(ROAM_RXE_METHOD_DUMP),
	&UVERBS_METHOD(ROAM_RXE_METHOD_IDENTIFY_COMP),
	&UVERBS_METHOD(ROAM_RXE_METHOD_IDENTIFY_ASYNC));

DECLARE_UVERBS_GLOBAL_METHODS(ROAM_RXE_OBJECT_RESTORE,
	&UVERBS_METHOD(ROAM_RXE_METHOD_RESTORE_BEGIN),
	&UVERBS_METHOD(ROAM_RXE_METHOD_RESTORE_NUMBER),
	&UVERBS_METHOD(ROAM_RXE_METHOD_RESTORE_CQ),
	&UVERBS_METHOD(ROAM_RXE_METHOD_RESTORE_MR),
	&UVERBS_METHOD(ROAM_RXE_METHOD_RESTORE_QP),
	&UVERBS_METHOD(ROAM_RXE_METHOD_PIN),
	&UVERBS_METHOD(ROAM_RXE_METHOD_RESTORE_ASYNC));

DECLARE_UVERBS_GLOBAL_METHODS(ROAM_RXE_OBJECT_GREET,
	&UVERBS_METHOD(ROAM_RXE_METHOD_GREET));

const struct uapi_definition rxe_migr_uapi_defs[] = {
	UAPI_DEF_CHAIN_OBJ_TREE_NAMED(ROAM_RXE_OBJECT_GREET),
	UAPI_DEF_CHAIN_OBJ_TREE_NAMED(ROAM_RXE_OBJECT_MIGR),
	UAPI_DEF_CHAIN_OBJ_TREE_NAMED(ROAM_RXE_OBJECT_RESTORE),
	UAPI_DEF_CHAIN(rxe_migr_watch_defs),
	UAPI_DEF_CHAIN(rxe_migr_track_defs),
	UAPI_DEF_CHAIN(rxe_migr_reserve_defs),
	UAPI_DEF_CHAIN(rxe_migr_restore_more_defs),
	{},
};
