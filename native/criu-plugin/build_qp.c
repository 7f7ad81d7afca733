// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <stdio.h>

#include <infiniband/verbs.h>

#include "build.h"
#include "gid.h"
#include "log.h"
#include "roam_rxe_client.h"

static void gid_text(const uint8_t gid[16], char text[INET6_ADDRSTRLEN])
{
	inet_ntop(AF_INET6, gid, text, INET6_ADDRSTRLEN);
}

static int set_address(struct build *b, const struct roam_rxe_qp *qp,
		       struct ib_uverbs_qp_dest *dest)
{
	char old[INET6_ADDRSTRLEN], peer[INET6_ADDRSTRLEN];
	int index = gid_choose(b->device->name, qp->port_num, qp->sgid, qp->dgid);

	if (index < 0) {
		gid_text(qp->sgid, old);
		gid_text(qp->dgid, peer);
		pr_err("QP %u: device %s has neither its address %s nor another from which to reach %s: %s",
		       qp->qpn, b->device->name, old, peer, strerror(-index));
		return index;
	}
	*dest = (struct ib_uverbs_qp_dest){
		.flow_label = qp->flow_label,
		.sgid_index = (uint8_t)index,
		.hop_limit = (uint8_t)qp->hop_limit,
		.traffic_class = (uint8_t)qp->traffic_class,
		.sl = (uint8_t)qp->sl,
		.is_global = 1,
		.port_num = (uint8_t)qp->port_num,
	};
	memcpy(dest->dgid, qp->dgid, sizeof(dest->dgid));
	return 0;
}

static int modify(struct build *b, const struct roam_rxe_qp *qp, struct ib_uverbs_modify_qp *cmd,
		  uint32_t mask)
{
	char peer[INET6_ADDRSTRLEN];
	int ret;

	cmd->attr_mask = mask | IBV_QP_STATE;
	ret = uverbs_modify_qp(b->fd, cmd);
	if (ret) {
		gid_text(qp->dgid, peer);
		pr_err("can't bring QP %u to %s (peer %s, QP %u): %s", qp->qpn,
		       rxe_client_qp_state_name(cmd->qp_state), peer, qp->dest_qpn,
		       strerror(-ret));
	}
	return ret;
}

/* What an application gives at a transition, by the type of the QP. */
struct masks {
	uint32_t init, rtr, rts;
};

static struct masks masks_of(uint32_t qp_type)
{
	struct masks masks = {
		.init = IBV_QP_PKEY_INDEX | IBV_QP_PORT,
		.rts = IBV_QP_SQ_PSN,
	};

	if (qp_type == IBV_QPT_UD) {
		masks.init |= IBV_QP_QKEY;
		return masks;
	}
	masks.init |= IBV_QP_ACCESS_FLAGS;
	masks.rtr = IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN;
	if (qp_type == IBV_QPT_RC) {
		masks.rtr |= IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER;
		masks.rts |= IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY |
			     IBV_QP_MAX_QP_RD_ATOMIC;
	}
	return masks;
}

/* By the transitions that an application takes.  RESTORE_QP goes on from there
 * to SQD and SQE, and to ERR from RESET. */
static int bring_to_state(struct build *b, const struct roam_rxe_qp *qp)
{
	struct ib_uverbs_modify_qp cmd = {
		.qp_handle = qp->rec.handle,
		.qkey = qp->qkey,
		.rq_psn = qp->rq_psn,
		.sq_psn = qp->sq_psn,
		.dest_qp_num = qp->dest_qpn,
		.qp_access_flags = qp->access_flags,
		.pkey_index = (uint16_t)qp->pkey_index,
		.path_mtu = (uint8_t)qp->path_mtu,
		.max_rd_atomic = (uint8_t)qp->max_rd_atomic,
		.max_dest_rd_atomic = (uint8_t)qp->max_dest_rd_atomic,
		.min_rnr_timer = (uint8_t)qp->min_rnr_timer,
		.port_num = (uint8_t)qp->port_num,
		.timeout = (uint8_t)qp->timeout,
		.retry_cnt = (uint8_t)qp->retry_cnt,
		.rnr_retry = (uint8_t)qp->rnr_retry,
	};
	struct masks masks = masks_of(qp->qp_type);
	int ret;

	if (qp->state == IBV_QPS_RESET || qp->state == IBV_QPS_ERR)
		return 0;
	cmd.qp_state = IBV_QPS_INIT;
	ret = modify(b, qp, &cmd, masks.init);
	if (ret || qp->state == IBV_QPS_INIT)
		return ret;
	ret = masks.rtr & IBV_QP_AV ? set_address(b, qp, &cmd.dest) : 0;
	if (ret)
		return ret;
	cmd.qp_state = IBV_QPS_RTR;
	ret = modify(b, qp, &cmd, masks.rtr);
	if (ret || qp->state == IBV_QPS_RTR)
		return ret;
	cmd.qp_state = IBV_QPS_RTS;
	return modify(b, qp, &cmd, masks.rts);
}

static int create(struct build *b, const struct roam_rxe_qp *qp, struct uverbs_qp *made)
{
	struct uverbs_qp_init init = {
		.user_handle = qp->rec.user_handle,
		.pd_handle = qp->pd_handle,
		.send_cq = qp->send_cq,
		.recv_cq = qp->recv_cq,
		.srq = qp->srq,
		.type = qp->qp_type,
		.sq_sig_all = qp->sq_sig_all,
		.async_fd = build_event_file(b, IMG_FD_ASYNC, qp->async),
		.cap = {
			.max_send_wr = qp->max_send_wr,
			.max_recv_wr = qp->max_recv_wr,
			.max_send_sge = qp->max_send_sge,
			.max_recv_sge = qp->max_recv_sge,
			.max_inline_data = qp->max_inline,
		},
	};
	int ret = rxe_client_restore_number(b->fd, ROAM_RXE_T_QP, qp->qpn);

	if (!ret)
		ret = uverbs_create_qp(b->fd, &init, made);
	if (ret == -EBUSY)
		pr_err("QPN %u is taken on device %s of this host", qp->qpn, b->device->name);
	else if (ret)
		pr_err("can't create QP %u (%u send and %u receive WRs): %s", qp->qpn,
		       qp->max_send_wr, qp->max_recv_wr, strerror(-ret));
	else if (made->qpn != qp->qpn) {
		pr_err("a QP got number %u instead of %u", made->qpn, qp->qpn);
		ret = -EBADSLT;
	}
	return ret;
}

int build_qp(struct build *b, const struct roam_rxe_qp *qp)
{
	struct uverbs_qp made;
	int ret = build_make_room(b, &qp->rec);

	if (!ret)
		ret = create(b, qp, &made);
	if (!ret)
		ret = build_check_handle(&qp->rec, made.handle);
	if (!ret)
		ret = build_note_queue(b, &qp->rec, "send", &qp->sq, &made.sq);
	if (!ret)
		ret = build_note_queue(b, &qp->rec, "receive", &qp->rq, &made.rq);
	if (!ret)
		ret = bring_to_state(b, qp);
	if (ret)
		return ret;
	ret = rxe_client_restore_qp(b->fd, made.handle, qp, qp->rec.len);
	if (ret)
		pr_err("can't fill QP %u (%s): %s", qp->qpn, rxe_client_qp_state_name(qp->state),
		       strerror(-ret));
	else
		pr_info("QP %u is restored in %s", qp->qpn, rxe_client_qp_state_name(qp->state));
	return ret;
}
