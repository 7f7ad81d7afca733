// SPDX-License-Identifier: MIT
/* Objects that come and go by the standard uverbs commands, and the module's sysctls. */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common.h"
#include "roam_rxe_client.h"
#include "uverbs_cmd.h"
#include "uverbs_ioctl.h"

void fuzz_open(struct fuzz_thread *t)
{
	int fd = rxe_client_open_context("rxe0"), channel = -1, async = -1;

	if (fd < 0)
		return;
	if (!one_in(&t->rng, 4))
		uverbs_alloc_async(fd, &async);
	if (one_in(&t->rng, 2))
		uverbs_create_comp_channel(fd, &channel);
	if (t->world->root && one_in(&t->rng, 2))
		fuzz_count(t, ROAM_RXE_OBJECT_RESTORE, ROAM_RXE_METHOD_RESTORE_BEGIN,
			   rxe_client_restore_begin(fd, below(&t->rng, 4)));
	fuzz_share(t, fd, channel, async);
}

static const struct { uint16_t object, method, attr, resp, resp_len; } destroys[] = {
	{ UVERBS_OBJECT_PD, UVERBS_METHOD_PD_DESTROY, UVERBS_ATTR_DESTROY_PD_HANDLE, 0, 0 },
	{ UVERBS_OBJECT_MR, UVERBS_METHOD_MR_DESTROY, UVERBS_ATTR_DESTROY_MR_HANDLE, 0, 0 },
	{ UVERBS_OBJECT_MW, UVERBS_METHOD_MW_DESTROY, UVERBS_ATTR_DESTROY_MW_HANDLE, 0, 0 },
	{ UVERBS_OBJECT_AH, UVERBS_METHOD_AH_DESTROY, UVERBS_ATTR_DESTROY_AH_HANDLE, 0, 0 },
	{ UVERBS_OBJECT_QP, UVERBS_METHOD_QP_DESTROY, UVERBS_ATTR_DESTROY_QP_HANDLE,
	  UVERBS_ATTR_DESTROY_QP_RESP, sizeof(struct ib_uverbs_destroy_qp_resp) },
	{ UVERBS_OBJECT_CQ, UVERBS_METHOD_CQ_DESTROY, UVERBS_ATTR_DESTROY_CQ_HANDLE,
	  UVERBS_ATTR_DESTROY_CQ_RESP, sizeof(struct ib_uverbs_destroy_cq_resp) },
	{ UVERBS_OBJECT_SRQ, UVERBS_METHOD_SRQ_DESTROY, UVERBS_ATTR_DESTROY_SRQ_HANDLE,
	  UVERBS_ATTR_DESTROY_SRQ_RESP, sizeof(struct ib_uverbs_destroy_srq_resp) },
};

static void destroy(struct fuzz_thread *t, int fd)
{
	uint32_t i = below(&t->rng, ARRAY_SIZE(destroys));
	struct uverbs_cmd cmd;
	uint8_t resp[32];

	uverbs_cmd_init(&cmd, destroys[i].object, destroys[i].method);
	uverbs_cmd_handle(&cmd, destroys[i].attr, below(&t->rng, 16));
	if (destroys[i].resp)
		uverbs_cmd_out(&cmd, destroys[i].resp, resp, destroys[i].resp_len);
	uverbs_cmd_run(fd, &cmd);
}

/* Sometimes mapped, for as long as the process lives or not even while it is being done. */
static void map(struct fuzz_thread *t, int fd, const struct uverbs_queue_map *q)
{
	void *p;

	if (one_in(&t->rng, 2))
		return;
	p = mmap(NULL, q->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)q->offset);
	if (p != MAP_FAILED && one_in(&t->rng, 2))
		munmap(p, q->size);
}

/* By the transitions to a state, towards somebody or like a QP of a dump. */
int fuzz_connect(int fd, struct fuzz_thread *t, uint32_t handle, uint32_t state,
		 const struct roam_rxe_qp *like)
{
	struct ib_uverbs_modify_qp cmd = {
		.qp_handle = handle, .attr_mask = IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
						  IBV_QP_ACCESS_FLAGS,
		.qp_state = IBV_QPS_INIT, .port_num = 1, .qp_access_flags = 15,
		.path_mtu = like ? like->path_mtu : 1 + below(&t->rng, 5),
		.dest_qp_num = like ? like->dest_qpn : FUZZ_QPN + below(&t->rng, FUZZ_QPNS),
		.rq_psn = like ? like->rq_psn : below(&t->rng, 64),
		.sq_psn = like ? like->sq_psn : below(&t->rng, 64),
		.max_dest_rd_atomic = like ? like->max_dest_rd_atomic : below(&t->rng, 20),
		.max_rd_atomic = like ? like->max_rd_atomic : below(&t->rng, 20),
		.timeout = below(&t->rng, 14), .retry_cnt = below(&t->rng, 8),
		.rnr_retry = below(&t->rng, 8), .min_rnr_timer = 1,
		.qkey = 1,
	};
	int ret;

	memcpy(cmd.dest.dgid, one_in(&t->rng, 2) ? &t->world->peer_gid : &t->world->gid, 16);
	cmd.dest.sgid_index = t->world->gid_index;
	cmd.dest.is_global = 1;
	cmd.dest.hop_limit = 64;
	cmd.dest.port_num = 1;

	if (state == IBV_QPS_RESET)
		return 0;
	if (like && like->qp_type == IBV_QPT_UD)
		cmd.attr_mask ^= IBV_QP_ACCESS_FLAGS | IBV_QP_QKEY;
	ret = uverbs_modify_qp(fd, &cmd);
	if (ret || state == IBV_QPS_INIT)
		return ret;
	cmd.qp_state = IBV_QPS_RTR;
	cmd.attr_mask = IBV_QP_STATE;
	if (!like || like->qp_type != IBV_QPT_UD)
		cmd.attr_mask |= IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN;
	if (!like || like->qp_type == IBV_QPT_RC)
		cmd.attr_mask |= IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER;
	ret = uverbs_modify_qp(fd, &cmd);
	if (ret || state == IBV_QPS_RTR)
		return ret;
	cmd.qp_state = IBV_QPS_RTS;
	cmd.attr_mask = IBV_QP_STATE | IBV_QP_SQ_PSN;
	if (!like || like->qp_type == IBV_QPT_RC)
		cmd.attr_mask |= IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY |
				 IBV_QP_MAX_QP_RD_ATOMIC;
	return uverbs_modify_qp(fd, &cmd);
}

static void create_qp(struct fuzz_thread *t, int fd)
{
	struct uverbs_qp_init init = {
		.pd_handle = below(&t->rng, 8), .send_cq = below(&t->rng, 8),
		.recv_cq = below(&t->rng, 8),
		.srq = one_in(&t->rng, 4) ? below(&t->rng, 8) : UVERBS_NO_HANDLE,
		.type = one_in(&t->rng, 3) ? IBV_QPT_UC + below(&t->rng, 2) : IBV_QPT_RC,
		.async_fd = -1,
		.cap = { .max_send_wr = 1 + below(&t->rng, 16), .max_recv_wr = 1 + below(&t->rng, 16),
			 .max_send_sge = 1, .max_recv_sge = 1 + below(&t->rng, 4) },
	};
	struct uverbs_qp qp;

	if (uverbs_create_qp(fd, &init, &qp))
		return;
	map(t, fd, &qp.sq);
	fuzz_connect(fd, t, qp.handle, below(&t->rng, 4), NULL);
}

static void modify(struct fuzz_thread *t, int fd)
{
	static const uint8_t states[] = { IBV_QPS_RESET, IBV_QPS_ERR, IBV_QPS_SQD, IBV_QPS_RTS };
	struct ib_uverbs_modify_qp cmd = {
		.qp_handle = below(&t->rng, 16), .attr_mask = IBV_QP_STATE,
		.qp_state = states[below(&t->rng, ARRAY_SIZE(states))],
	};

	uverbs_modify_qp(fd, &cmd);
	if (cmd.qp_state == IBV_QPS_RESET)
		fuzz_connect(fd, t, cmd.qp_handle, below(&t->rng, 4), NULL);
}

static void create(struct fuzz_thread *t, int fd)
{
	uint32_t pd = below(&t->rng, 8), handle, rkey;
	int file;

	switch (below(&t->rng, 8)) {
	case 0:
		uverbs_alloc_pd(fd, &handle);
		break;
	case 1: {
		struct uverbs_cq_init init = { .cqe = 1 + below(&t->rng, 64), .channel_fd = -1, .async_fd = -1 };
		struct uverbs_cq cq;

		if (one_in(&t->rng, 3) && !uverbs_create_comp_channel(fd, &file))
			init.channel_fd = file;
		if (!uverbs_create_cq(fd, &init, &cq))
			map(t, fd, &cq.queue);
		/* the CQ holds it, or nobody */
		if (init.channel_fd >= 0)
			close(init.channel_fd);
		break;
	}
	case 2: {
		struct uverbs_mr_init init = { .start = (uintptr_t)t->scratch, .iova = (uintptr_t)t->scratch,
					       .length = below(&t->rng, FUZZ_SCRATCH), .pd_handle = pd,
					       .access = 15 | one_in(&t->rng, 2) << 4 };
		struct uverbs_mr mr;

		uverbs_reg_mr(fd, &init, &mr);
		break;
	}
	case 3: {
		struct uverbs_srq_init init = { .pd_handle = pd, .max_wr = 1 + below(&t->rng, 32), .max_sge = 1,
						.async_fd = -1 };
		struct uverbs_srq srq;

		if (!uverbs_create_srq(fd, &init, &srq))
			map(t, fd, &srq.queue);
		break;
	}
	case 4: {
		struct ib_uverbs_ah_attr attr = { .is_global = 1, .port_num = 1 };
		struct uverbs_ah ah;

		memcpy(attr.grh.dgid, &t->world->gid, 16);
		attr.grh.sgid_index = t->world->gid_index;
		uverbs_create_ah(fd, 0, pd, &attr, &ah);
		break;
	}
	case 5:
		uverbs_alloc_mw(fd, pd, 1 + below(&t->rng, 2), &handle, &rkey);
		break;
	default:
		create_qp(t, fd);
	}
}

void fuzz_object(struct fuzz_thread *t)
{
	int fd = fuzz_slot(t, NULL);

	if (fd < 0 || one_in(&t->rng, 30))
		fuzz_open(t);
	else if (one_in(&t->rng, 3))
		destroy(t, fd);
	else if (one_in(&t->rng, 3))
		modify(t, fd);
	else
		create(t, fd);
}

/* Numbers of QPs are kept low all the while, for the guesses of the others. */
void fuzz_sysctl(struct fuzz_thread *t)
{
	static const char *const names[] = { "last_qpn", "last_mrn", "last_mwn", "last_srqn", "last_ahn",
					     "max_hold_ms", "key", "key_id" };
	uint32_t i = below(&t->rng, ARRAY_SIZE(names));
	char path[64], text[64];
	int fd, len;

	snprintf(path, sizeof(path), "/proc/sys/net/rdma_rxe/%s", names[i]);
	if (!i || one_in(&t->rng, 3))
		len = snprintf(text, sizeof(text), "%u", FUZZ_QPN);
	else if (i == 5)
		len = snprintf(text, sizeof(text), "%u", 1 + below(&t->rng, 3000));
	else if (i == 6 && one_in(&t->rng, 2))
		len = snprintf(text, sizeof(text), one_in(&t->rng, 2) ? "none" : "%016lx%016lx",
			       rnd(&t->rng), rnd(&t->rng));
	else
		len = snprintf(text, sizeof(text), one_in(&t->rng, 2) ? "%u" : "-%x z", odd32(&t->rng));
	fd = open(path, one_in(&t->rng, 4) ? O_RDONLY : O_WRONLY);
	if (fd < 0)
		return;
	if (read(fd, path, below(&t->rng, sizeof(path))) < 0 && write(fd, text, len) < 0)
		len = 0;
	close(fd);
}
