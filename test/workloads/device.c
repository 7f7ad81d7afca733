// SPDX-License-Identifier: MIT
#include "common.h"

#include <arpa/inet.h>
#include <string.h>

struct ibv_context *device_open(const char *name)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_context *ctx = NULL;

	for (int i = 0; list && list[i]; i++)
		if (!name || !strcmp(name, ibv_get_device_name(list[i]))) {
			ctx = ibv_open_device(list[i]);
			break;
		}
	if (!ctx)
		die("RDMA device %s cannot be opened: %m", name ? name : "(first)");
	ibv_free_device_list(list);
	return ctx;
}

int device_gid(struct ibv_context *ctx, const struct options *o, union ibv_gid *gid)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct ibv_port_attr port;
	struct in_addr addr = { 0 };

	if (o->gid_index >= 0) {
		if (ibv_query_gid(ctx, 1, o->gid_index, gid))
			die("no GID %d: %m", o->gid_index);
		return o->gid_index;
	}
	if (o->gid_addr && !inet_aton(o->gid_addr, &addr))
		die("%s is not an IPv4 address", o->gid_addr);
	if (ibv_query_port(ctx, 1, &port))
		die("ibv_query_port: %m");
	for (int i = 0; i < port.gid_tbl_len; i++)
		if (!ibv_query_gid(ctx, 1, i, gid) && !memcmp(gid->raw, mapped, 12) &&
		    (!o->gid_addr || !memcmp(gid->raw + 12, &addr, 4)))
			return i;
	die("no GID of %s on this device", o->gid_addr ? o->gid_addr : "an IPv4 address");
}

struct ibv_qp *rc_create(struct ibv_pd *pd, struct ibv_cq *cq)
{
	struct ibv_qp_init_attr init = {
		.send_cq = cq, .recv_cq = cq, .qp_type = IBV_QPT_RC,
		.cap = { .max_send_wr = 16, .max_recv_wr = 16, .max_send_sge = 1, .max_recv_sge = 1 },
	};
	struct ibv_qp *qp = ibv_create_qp(pd, &init);

	if (!qp || rc_to_init(qp))
		die("QP: %m");
	return qp;
}

int rc_to_init(struct ibv_qp *qp)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_INIT,
		.port_num = 1,
		.qp_access_flags = IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ |
				   IBV_ACCESS_REMOTE_ATOMIC | IBV_ACCESS_LOCAL_WRITE,
	};

	return ibv_modify_qp(qp, &attr,
			     IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS);
}

int rc_to_rtr(struct ibv_qp *qp, const struct rc_path *p)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_RTR,
		.path_mtu = p->mtu,
		.dest_qp_num = p->dest_qpn,
		.rq_psn = p->rq_psn,
		.max_dest_rd_atomic = 8,
		.min_rnr_timer = 12,
		.ah_attr = {
			.is_global = 1,
			.port_num = 1,
			.grh = { .dgid = p->dgid, .sgid_index = p->sgid_index, .hop_limit = 64 },
		},
	};

	return ibv_modify_qp(qp, &attr,
			     IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN |
			     IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER);
}

int rc_to_rts(struct ibv_qp *qp, const struct rc_path *p)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_RTS,
		.sq_psn = p->sq_psn,
		.timeout = p->timeout,
		.retry_cnt = p->retry,
		.rnr_retry = 7,
		.max_rd_atomic = 8,
	};

	return ibv_modify_qp(qp, &attr,
			     IBV_QP_STATE | IBV_QP_SQ_PSN | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
			     IBV_QP_RNR_RETRY | IBV_QP_MAX_QP_RD_ATOMIC);
}
