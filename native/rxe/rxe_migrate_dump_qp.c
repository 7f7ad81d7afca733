// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A QP's record in a dump, and what LIST and rdma-tool tell of QPs.
 */
#include <rdma/rdma_netlink.h>
#include <rdma/restrack.h>

#include "rxe.h"
#include "rxe_queue.h"
#include "rxe_migrate_dump.h"

void rxe_migr_gid(u8 *gid, struct rxe_av *av, bool source)
{
	if (av->network_type == RXE_NETWORK_TYPE_IPV4)
		ipv6_addr_set_v4mapped(source ?
			av->sgid_addr._sockaddr_in.sin_addr.s_addr :
			av->dgid_addr._sockaddr_in.sin_addr.s_addr,
			(struct in6_addr *)gid);
	else if (av->network_type == RXE_NETWORK_TYPE_IPV6)
		memcpy(gid, source ? &av->sgid_addr._sockaddr_in6.sin6_addr :
		       &av->dgid_addr._sockaddr_in6.sin6_addr, 16);
}

static void rxe_migr_fill_attr(struct roam_rxe_qp *d, struct rxe_qp *qp)
{
	struct rxe_av *av = &qp->pri_av;

	d->max_send_wr = qp->sq.max_wr;
	d->max_recv_wr = qp->rq.max_wr;
	d->max_send_sge = qp->sq.max_sge;
	d->max_recv_sge = qp->rq.max_sge;
	d->max_inline = qp->sq.max_inline;
	d->state = qp_state(qp);
	d->path_mtu = qp->attr.path_mtu;
	d->pkey_index = qp->attr.pkey_index;
	d->port_num = qp->attr.port_num;
	d->access_flags = qp->attr.qp_access_flags;
	d->qkey = qp->attr.qkey;
	d->rq_psn = qp->resp.psn;
	d->sq_psn = qp->req.psn;
	d->dest_qpn = qp->attr.dest_qp_num;
	d->max_rd_atomic = qp->attr.max_rd_atomic;
	d->max_dest_rd_atomic = qp->attr.max_dest_rd_atomic;
	d->min_rnr_timer = qp->attr.min_rnr_timer;
	d->timeout = qp->attr.timeout;
	d->retry_cnt = qp->attr.retry_cnt;
	d->rnr_retry = qp->attr.rnr_retry;
	d->sq_draining = qp->attr.sq_draining;
	rxe_migr_gid(d->dgid, av, false);
	rxe_migr_gid(d->sgid, av, true);
	d->flow_label = av->grh.flow_label;
	d->sgid_index = av->grh.sgid_index;
	d->hop_limit = av->grh.hop_limit;
	d->traffic_class = av->grh.traffic_class;
	d->gid_type = IB_GID_TYPE_ROCE_UDP_ENCAP;
	d->src_port = qp->src_port;
}

static void rxe_migr_fill_protocol(struct roam_rxe_qp *d, struct rxe_qp *qp)
{
	d->req_wqe_index = qp->req.wqe_index;
	d->req_psn = qp->req.psn;
	d->req_opcode = qp->req.opcode;
	d->req_rd_atomic = atomic_read(&qp->req.rd_atomic);
	d->req_wait_fence = qp->req.wait_fence;
	d->req_need_rd_atomic = qp->req.need_rd_atomic;
	d->req_wait_psn = qp->req.wait_psn;
	d->req_need_retry = qp->req.need_retry;
	d->req_noack_pkts = qp->req.noack_pkts;
	d->comp_psn = qp->comp.psn;
	d->comp_opcode = qp->comp.opcode;
	d->comp_retry_cnt = qp->comp.retry_cnt;
	d->comp_rnr_retry = qp->comp.rnr_retry;
	d->comp_started_retry = qp->comp.started_retry;
	d->ssn = atomic_read(&qp->ssn);
	d->resp_msn = qp->resp.msn;
	d->resp_psn = qp->resp.psn;
	d->resp_ack_psn = qp->resp.ack_psn;
	d->resp_opcode = qp->resp.opcode;
	d->resp_drop_msg = qp->resp.drop_msg;
	d->resp_goto_error = qp->resp.goto_error;
	d->resp_sent_psn_nak = qp->resp.sent_psn_nak;
	d->resp_status = qp->resp.status;
	d->resp_aeth_syndrome = qp->resp.aeth_syndrome;
	d->resp_rkey = qp->resp.rkey;
	d->resp_length = qp->resp.length;
	d->resp_resid = qp->resp.resid;
	d->resp_va = qp->resp.va;
	d->resp_offset = qp->resp.offset;
	d->res_head = qp->resp.res_head;
	d->res_tail = qp->resp.res_tail;
}

static void rxe_migr_put_res(struct rxe_migr_buf *buf, struct resp_res *res)
{
	struct roam_rxe_res d = {
		.type = res->type,
		.replay = res->replay,
		.first_psn = res->first_psn,
		.last_psn = res->last_psn,
		.cur_psn = res->cur_psn,
		.state = res->state,
	};

	switch (res->type) {
	case RXE_READ_MASK:
		d.va_org = res->read.va_org;
		d.va = res->read.va;
		d.rkey = res->read.rkey;
		d.length = res->read.length;
		d.resid = res->read.resid;
		break;
	case RXE_ATOMIC_MASK:
		d.va_org = res->atomic.orig_val;
		break;
	case RXE_FLUSH_MASK:
		d.va = res->flush.va;
		d.length = res->flush.length;
		d.flush_type = res->flush.type;
		d.flush_level = res->flush.level;
		break;
	}
	rxe_migr_put(buf, &d, sizeof(d));
}

void rxe_migr_dump_qp(struct rxe_migr_buf *buf, struct rxe_qp *qp)
{
	struct ib_uqp_object *uqp = qp->ibqp.uobject;
	u32 max_sge = qp->srq ? qp->srq->rq.max_sge : qp->rq.max_sge;
	struct rxe_recv_wqe *wqe = qp->resp.wqe;
	u32 num_sge = wqe ? READ_ONCE(wqe->dma.num_sge) : 0;
	struct roam_rxe_qp d = {
		.rec = {
			.type = ROAM_RXE_T_QP,
			.handle = uqp->uevent.uobject.id,
			.user_handle = uqp->uevent.uobject.user_handle,
		},
		.qpn = qp_num(qp),
		.qp_type = qp_type(qp),
		.pd_handle = qp->ibqp.pd->uobject->id,
		.send_cq = qp->ibqp.send_cq->uobject->uevent.uobject.id,
		.recv_cq = qp->ibqp.recv_cq->uobject->uevent.uobject.id,
		.sq_sig_all = qp->sq_sig_type == IB_SIGNAL_ALL_WR,
		.async = rxe_migr_file_id(uqp->uevent.event_file),
		.events_reported = uqp->uevent.events_reported,
		.res_count = qp->resp.resources ? qp->attr.max_dest_rd_atomic : 0,
		.migr_state = qp->migr.flags & RXE_MIGR_STATES,
		.epoch = qp->migr.epoch,
		.peer_epoch = qp->migr.peer_epoch,
		.nak_epoch = qp->migr.nak_epoch,
		.peer_aware = qp->migr.aware,
		.srq = qp->srq ? qp->ibqp.srq->uobject->uevent.uobject.id : ~0U,
	};
	size_t start = buf->len;
	u32 i;

	rxe_migr_fill_attr(&d, qp);
	rxe_migr_fill_protocol(&d, qp);
	rxe_migr_describe_queue(&d.sq, qp->sq.queue);
	rxe_migr_describe_queue(&d.rq, qp->rq.queue);
	/* in memory that the application can write, at any moment: read once */
	if (num_sge > max_sge || num_sge > RXE_MAX_SGE) {
		buf->err = -EINVAL;
		return;
	}
	if (wqe) {
		d.has_recv_wqe = 1;
		d.recv_wqe_len = sizeof(*wqe) + num_sge * sizeof(struct rxe_sge);
	}

	rxe_migr_put(buf, &d, sizeof(d));
	for (i = 0; i < d.res_count; i++)
		rxe_migr_put_res(buf, &qp->resp.resources[i]);
	if (wqe) {
		rxe_migr_put(buf, wqe, d.recv_wqe_len);
		rxe_migr_pad(buf);
	}
	rxe_migr_put_queue(buf, qp->sq.queue);
	rxe_migr_put_queue(buf, qp->rq.queue);
	if (!buf->err)
		((struct roam_rxe_rec *)(buf->data + start))->len = buf->len - start;
}

static void rxe_migr_list_qp(struct rxe_migr_buf *buf, struct rxe_qp *qp)
{
	struct ib_uqp_object *uqp = qp->ibqp.uobject;
	struct roam_rxe_qp_info d = {
		.qpn = qp_num(qp),
		.dest_qpn = qp->attr.dest_qp_num,
		.qp_type = qp_type(qp),
		.qp_state = qp_state(qp),
		.migr_state = READ_ONCE(qp->migr.flags) & RXE_MIGR_STATES,
		.pid = uqp && qp->ibqp.res.task ? task_tgid_nr(qp->ibqp.res.task) : 0,
		.req_psn = qp->req.psn,
		.comp_psn = qp->comp.psn,
		.resp_psn = qp->resp.psn,
		.msn = qp->resp.msn,
		.uobject = uqp ? uqp->uevent.uobject.id : ~0U,
		.epoch = READ_ONCE(qp->migr.epoch),
		.peer_aware = READ_ONCE(qp->migr.aware),
		.rnr_timer = rxe_migr_rnr_timer(qp),
	};

	rxe_migr_gid(d.sgid, &qp->pri_av, true);
	rxe_migr_gid(d.dgid, &qp->pri_av, false);
	rxe_migr_put(buf, &d, sizeof(d));
}

/* uc NULL: of the whole device */
int rxe_migr_list(struct rxe_dev *rxe, struct rxe_ucontext *uc,
		  struct rxe_migr_buf *buf, u64 *count)
{
	struct rxe_pool_elem *elem;
	unsigned long index;

	xa_for_each(&rxe->qp_pool.xa, index, elem) {
		struct rxe_qp *qp = rxe_migr_get(&rxe->qp_pool, index);

		if (!qp)
			continue;
		if (!uc || (qp->ibqp.uobject &&
			    rxe_migr_owns(uc, &qp->ibqp.uobject->uevent.uobject))) {
			rxe_migr_list_qp(buf, qp);
			(*count)++;
		}
		rxe_put(qp);
	}

	return buf->err;
}

int rxe_migr_fill_res_qp(struct sk_buff *msg, struct ib_qp *ibqp)
{
	struct rxe_qp *qp = to_rqp(ibqp);
	unsigned long flags = READ_ONCE(qp->migr.flags);
	struct nlattr *table;
	const char *state;

	state = flags & ROAM_RXE_STOPPED ? "stopped" :
		flags & ROAM_RXE_PAUSED ? "paused" :
		flags & ROAM_RXE_RESUMING ? "resuming" : "running";

	table = nla_nest_start(msg, RDMA_NLDEV_ATTR_DRIVER);
	if (!table)
		return -EMSGSIZE;
	if (rdma_nl_put_driver_string(msg, "migration", state) ||
	    rdma_nl_put_driver_u32(msg, "migration_epoch", qp->migr.epoch)) {
		nla_nest_cancel(msg, table);
		return -EMSGSIZE;
	}
	nla_nest_end(msg, table);
	return 0;
}
