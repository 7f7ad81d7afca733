// SPDX-License-Identifier: (GPL-2.0 OR MIT)
#include "uverbs_cmd.h"

#include <stddef.h>
#include <string.h>

#include <rdma/rdma_user_rxe.h>

#include "uverbs_ioctl.h"

/* A command of the write interface; its own response pointer stays unused. */
static void init_write(struct uverbs_cmd *cmd, enum ib_uverbs_write_cmds number, const void *in,
		       uint16_t in_len, void *out, uint16_t out_len)
{
	uverbs_cmd_init(cmd, UVERBS_OBJECT_DEVICE, UVERBS_METHOD_INVOKE_WRITE);
	uverbs_cmd_in64(cmd, UVERBS_ATTR_WRITE_CMD, number);
	uverbs_cmd_in(cmd, UVERBS_ATTR_CORE_IN, in, in_len);
	if (out)
		uverbs_cmd_out(cmd, UVERBS_ATTR_CORE_OUT, out, out_len);
}

int uverbs_get_context(int fd, uint32_t *num_comp_vectors)
{
	uint64_t core_support = 0;
	uint32_t vectors = 0;
	struct uverbs_cmd cmd;
	int ret;

	uverbs_cmd_init(&cmd, UVERBS_OBJECT_DEVICE, UVERBS_METHOD_GET_CONTEXT);
	uverbs_cmd_out(&cmd, UVERBS_ATTR_GET_CONTEXT_NUM_COMP_VECTORS, &vectors, sizeof(vectors));
	uverbs_cmd_out(&cmd, UVERBS_ATTR_GET_CONTEXT_CORE_SUPPORT, &core_support,
		       sizeof(core_support));
	ret = uverbs_cmd_run(fd, &cmd);
	if (!ret && num_comp_vectors)
		*num_comp_vectors = vectors;
	return ret;
}

int uverbs_alloc_async(int fd, int *event_fd)
{
	struct uverbs_cmd cmd;
	unsigned int at;
	int ret;

	uverbs_cmd_init(&cmd, UVERBS_OBJECT_ASYNC_EVENT, UVERBS_METHOD_ASYNC_EVENT_ALLOC);
	at = uverbs_cmd_new(&cmd, UVERBS_ATTR_ASYNC_EVENT_ALLOC_FD_HANDLE);
	ret = uverbs_cmd_run(fd, &cmd);
	*event_fd = ret ? -1 : (int)uverbs_cmd_created(&cmd, at);
	return ret;
}

int uverbs_create_comp_channel(int fd, int *event_fd)
{
	struct ib_uverbs_create_comp_channel req = { 0 };
	struct ib_uverbs_create_comp_channel_resp resp = { 0 };
	struct uverbs_cmd cmd;
	int ret;

	init_write(&cmd, IB_USER_VERBS_CMD_CREATE_COMP_CHANNEL, &req, sizeof(req), &resp,
		   sizeof(resp));
	ret = uverbs_cmd_run(fd, &cmd);
	*event_fd = ret ? -1 : (int)resp.fd;
	return ret;
}

int uverbs_alloc_pd(int fd, uint32_t *handle)
{
	struct ib_uverbs_alloc_pd req = { 0 };
	struct ib_uverbs_alloc_pd_resp resp = { 0 };
	struct uverbs_cmd cmd;
	int ret;

	init_write(&cmd, IB_USER_VERBS_CMD_ALLOC_PD, &req, sizeof(req), &resp, sizeof(resp));
	ret = uverbs_cmd_run(fd, &cmd);
	*handle = resp.pd_handle;
	return ret;
}

int uverbs_dealloc_pd(int fd, uint32_t handle)
{
	struct uverbs_cmd cmd;

	uverbs_cmd_init(&cmd, UVERBS_OBJECT_PD, UVERBS_METHOD_PD_DESTROY);
	uverbs_cmd_handle(&cmd, UVERBS_ATTR_DESTROY_PD_HANDLE, handle);
	return uverbs_cmd_run(fd, &cmd);
}

static struct uverbs_queue_map queue_map(const struct mminfo *mi)
{
	return (struct uverbs_queue_map){ .offset = mi->offset, .size = mi->size };
}

int uverbs_create_cq(int fd, const struct uverbs_cq_init *init, struct uverbs_cq *cq)
{
	struct rxe_create_cq_resp uhw = { 0 };
	struct uverbs_cmd cmd;
	unsigned int at;
	int ret;

	*cq = (struct uverbs_cq){ 0 };
	uverbs_cmd_init(&cmd, UVERBS_OBJECT_CQ, UVERBS_METHOD_CQ_CREATE);
	at = uverbs_cmd_new(&cmd, UVERBS_ATTR_CREATE_CQ_HANDLE);
	uverbs_cmd_in(&cmd, UVERBS_ATTR_CREATE_CQ_CQE, &init->cqe, sizeof(init->cqe));
	uverbs_cmd_in64(&cmd, UVERBS_ATTR_CREATE_CQ_USER_HANDLE, init->user_handle);
	uverbs_cmd_in(&cmd, UVERBS_ATTR_CREATE_CQ_COMP_VECTOR, &init->comp_vector,
		      sizeof(init->comp_vector));
	if (init->channel_fd >= 0)
		uverbs_cmd_fd(&cmd, UVERBS_ATTR_CREATE_CQ_COMP_CHANNEL, init->channel_fd);
	if (init->async_fd >= 0)
		uverbs_cmd_fd(&cmd, UVERBS_ATTR_CREATE_CQ_EVENT_FD, init->async_fd);
	uverbs_cmd_out(&cmd, UVERBS_ATTR_CREATE_CQ_RESP_CQE, &cq->cqe, sizeof(cq->cqe));
	uverbs_cmd_out(&cmd, UVERBS_ATTR_UHW_OUT, &uhw, sizeof(uhw));
	ret = uverbs_cmd_run(fd, &cmd);
	if (ret)
		return ret;
	cq->handle = (uint32_t)uverbs_cmd_created(&cmd, at);
	cq->queue = queue_map(&uhw.mi);
	return 0;
}

int uverbs_reg_mr(int fd, const struct uverbs_mr_init *init, struct uverbs_mr *mr)
{
	struct ib_uverbs_reg_mr req = {
		.start = init->start,
		.length = init->length,
		.hca_va = init->iova,
		.pd_handle = init->pd_handle,
		.access_flags = init->access,
	};
	struct ib_uverbs_reg_mr_resp resp = { 0 };
	struct uverbs_cmd cmd;
	int ret;

	init_write(&cmd, IB_USER_VERBS_CMD_REG_MR, &req, sizeof(req), &resp, sizeof(resp));
	ret = uverbs_cmd_run(fd, &cmd);
	*mr = (struct uverbs_mr){ .handle = resp.mr_handle, .lkey = resp.lkey, .rkey = resp.rkey };
	return ret;
}

int uverbs_create_srq(int fd, const struct uverbs_srq_init *init, struct uverbs_srq *srq)
{
	uint32_t limit = 0, max_wr, max_sge;
	struct rxe_create_srq_resp uhw = { 0 };
	struct uverbs_cmd cmd;
	unsigned int at;
	int ret;

	*srq = (struct uverbs_srq){ 0 };
	uverbs_cmd_init(&cmd, UVERBS_OBJECT_SRQ, UVERBS_METHOD_SRQ_CREATE);
	at = uverbs_cmd_new(&cmd, UVERBS_ATTR_CREATE_SRQ_HANDLE);
	uverbs_cmd_handle(&cmd, UVERBS_ATTR_CREATE_SRQ_PD_HANDLE, init->pd_handle);
	uverbs_cmd_in64(&cmd, UVERBS_ATTR_CREATE_SRQ_TYPE, IB_UVERBS_SRQT_BASIC);
	uverbs_cmd_in64(&cmd, UVERBS_ATTR_CREATE_SRQ_USER_HANDLE, init->user_handle);
	uverbs_cmd_in(&cmd, UVERBS_ATTR_CREATE_SRQ_MAX_WR, &init->max_wr, sizeof(init->max_wr));
	uverbs_cmd_in(&cmd, UVERBS_ATTR_CREATE_SRQ_MAX_SGE, &init->max_sge, sizeof(init->max_sge));
	uverbs_cmd_in(&cmd, UVERBS_ATTR_CREATE_SRQ_LIMIT, &limit, sizeof(limit));
	if (init->async_fd >= 0)
		uverbs_cmd_fd(&cmd, UVERBS_ATTR_CREATE_SRQ_EVENT_FD, init->async_fd);
	uverbs_cmd_out(&cmd, UVERBS_ATTR_CREATE_SRQ_RESP_MAX_WR, &max_wr, sizeof(max_wr));
	uverbs_cmd_out(&cmd, UVERBS_ATTR_CREATE_SRQ_RESP_MAX_SGE, &max_sge, sizeof(max_sge));
	uverbs_cmd_out(&cmd, UVERBS_ATTR_UHW_OUT, &uhw, sizeof(uhw));
	ret = uverbs_cmd_run(fd, &cmd);
	if (ret)
		return ret;
	srq->handle = (uint32_t)uverbs_cmd_created(&cmd, at);
	srq->number = uhw.srq_num;
	srq->queue = queue_map(&uhw.mi);
	return 0;
}

int uverbs_create_ah(int fd, uint64_t user_handle, uint32_t pd_handle,
		     const struct ib_uverbs_ah_attr *attr, struct uverbs_ah *ah)
{
	struct ib_uverbs_create_ah req = {
		.user_handle = user_handle,
		.pd_handle = pd_handle,
		.attr = *attr,
	};
	struct ib_uverbs_create_ah_resp resp = { 0 };
	struct rxe_create_ah_resp uhw = { 0 };
	struct uverbs_cmd cmd;
	int ret;

	init_write(&cmd, IB_USER_VERBS_CMD_CREATE_AH, &req, sizeof(req), &resp, sizeof(resp));
	uverbs_cmd_out(&cmd, UVERBS_ATTR_UHW_OUT, &uhw, sizeof(uhw));
	ret = uverbs_cmd_run(fd, &cmd);
	*ah = (struct uverbs_ah){ .handle = resp.ah_handle, .number = uhw.ah_num };
	return ret;
}

int uverbs_alloc_mw(int fd, uint32_t pd_handle, uint8_t type, uint32_t *handle, uint32_t *rkey)
{
	struct ib_uverbs_alloc_mw req = { .pd_handle = pd_handle, .mw_type = type };
	struct ib_uverbs_alloc_mw_resp resp = { 0 };
	struct uverbs_cmd cmd;
	int ret;

	init_write(&cmd, IB_USER_VERBS_CMD_ALLOC_MW, &req, sizeof(req), &resp, sizeof(resp));
	ret = uverbs_cmd_run(fd, &cmd);
	*handle = resp.mw_handle;
	*rkey = resp.rkey;
	return ret;
}

int uverbs_create_qp(int fd, const struct uverbs_qp_init *init, struct uverbs_qp *qp)
{
	uint32_t flags = init->sq_sig_all ? IB_UVERBS_QP_CREATE_SQ_SIG_ALL : 0;
	struct rxe_create_qp_resp uhw = { 0 };
	struct uverbs_cmd cmd;
	unsigned int at;
	int ret;

	*qp = (struct uverbs_qp){ 0 };
	uverbs_cmd_init(&cmd, UVERBS_OBJECT_QP, UVERBS_METHOD_QP_CREATE);
	at = uverbs_cmd_new(&cmd, UVERBS_ATTR_CREATE_QP_HANDLE);
	uverbs_cmd_handle(&cmd, UVERBS_ATTR_CREATE_QP_PD_HANDLE, init->pd_handle);
	uverbs_cmd_handle(&cmd, UVERBS_ATTR_CREATE_QP_SEND_CQ_HANDLE, init->send_cq);
	uverbs_cmd_handle(&cmd, UVERBS_ATTR_CREATE_QP_RECV_CQ_HANDLE, init->recv_cq);
	if (init->srq != UVERBS_NO_HANDLE)
		uverbs_cmd_handle(&cmd, UVERBS_ATTR_CREATE_QP_SRQ_HANDLE, init->srq);
	uverbs_cmd_in64(&cmd, UVERBS_ATTR_CREATE_QP_USER_HANDLE, init->user_handle);
	uverbs_cmd_in(&cmd, UVERBS_ATTR_CREATE_QP_CAP, &init->cap, sizeof(init->cap));
	uverbs_cmd_in64(&cmd, UVERBS_ATTR_CREATE_QP_TYPE, init->type);
	uverbs_cmd_in(&cmd, UVERBS_ATTR_CREATE_QP_FLAGS, &flags, sizeof(flags));
	if (init->async_fd >= 0)
		uverbs_cmd_fd(&cmd, UVERBS_ATTR_CREATE_QP_EVENT_FD, init->async_fd);
	uverbs_cmd_out(&cmd, UVERBS_ATTR_CREATE_QP_RESP_CAP, &qp->cap, sizeof(qp->cap));
	uverbs_cmd_out(&cmd, UVERBS_ATTR_CREATE_QP_RESP_QP_NUM, &qp->qpn, sizeof(qp->qpn));
	uverbs_cmd_out(&cmd, UVERBS_ATTR_UHW_OUT, &uhw, sizeof(uhw));
	ret = uverbs_cmd_run(fd, &cmd);
	if (ret)
		return ret;
	qp->handle = (uint32_t)uverbs_cmd_created(&cmd, at);
	qp->rq = queue_map(&uhw.rq_mi);
	qp->sq = queue_map(&uhw.sq_mi);
	return 0;
}

int uverbs_modify_qp(int fd, const struct ib_uverbs_modify_qp *cmd)
{
	struct uverbs_cmd buf;

	init_write(&buf, IB_USER_VERBS_CMD_MODIFY_QP, cmd, sizeof(*cmd), NULL, 0);
	return uverbs_cmd_run(fd, &buf);
}

int uverbs_attach_mcast(int fd, uint32_t qp_handle, const uint8_t gid[16], uint16_t lid)
{
	struct ib_uverbs_attach_mcast req = { .qp_handle = qp_handle, .mlid = lid };
	struct uverbs_cmd cmd;

	memcpy(req.gid, gid, sizeof(req.gid));
	init_write(&cmd, IB_USER_VERBS_CMD_ATTACH_MCAST, &req, sizeof(req), NULL, 0);
	return uverbs_cmd_run(fd, &cmd);
}
