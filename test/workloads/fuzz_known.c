// SPDX-License-Identifier: MIT
/* Faults of the module that were found by reading or by chance: what led to them, once more. */
#include "fuzz.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "roam_rxe_client.h"
#include "uverbs_cmd.h"

#define FLUSH_PERSISTENT	(1 << 9)	/* access to memory that is none of that kind here */
#define ROUNDS			300

/* A record of that type in a dump. */
static void *find(void *dump, size_t len, uint32_t type)
{
	size_t at = sizeof(struct roam_rxe_dump_hdr);

	while (at + sizeof(struct roam_rxe_rec) <= len) {
		struct roam_rxe_rec *rec = (void *)((uint8_t *)dump + at);

		if (rec->type == type)
			return rec;
		at += (rec->len + 7) & ~7u;
	}
	die("no record of type %u", type);
}

/* The dump of a context with one QP, in ERR. */
static struct roam_rxe_qp *dump_in_err(void)
{
	struct ibv_context *ctx = device_open(NULL);
	struct ibv_pd *pd = ibv_alloc_pd(ctx);
	struct ibv_cq *cq = ibv_create_cq(ctx, 16, NULL, NULL, 0);
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_ERR };
	struct ibv_qp *qp = rc_create(pd, cq);
	void *dump;
	size_t len;

	if (ibv_modify_qp(qp, &attr, IBV_QP_STATE) || rxe_client_stop(ctx->cmd_fd, 0, 0) ||
	    rxe_client_dump(ctx->cmd_fd, &dump, &len))
		die("a dump of a QP in ERR: %m");
	ibv_destroy_qp(qp);
	return find(dump, len, ROAM_RXE_T_QP);
}

static int restoring(uint32_t *pd)
{
	int fd = rxe_client_open_context("rxe0");

	if (fd < 0 || rxe_client_restore_begin(fd, 0) || uverbs_alloc_pd(fd, pd))
		die("a context that is being restored: %m");
	return fd;
}

/* It said that the array of one responder resource had 128 entries, which were written to at the end. */
static bool array_keeps_its_length(void)
{
	struct fuzz_world world = { .root = true };
	struct fuzz_thread t = { .world = &world };
	struct roam_rxe_qp *d = dump_in_err(), like;
	struct uverbs_qp_init init = { .srq = UVERBS_NO_HANDLE, .type = IBV_QPT_RC, .async_fd = -1 };
	struct uverbs_cq_init cq_init = { .cqe = 16, .channel_fd = -1, .async_fd = -1 };
	struct ib_uverbs_modify_qp reset = { .attr_mask = IBV_QP_STATE, .qp_state = IBV_QPS_RESET };
	struct options o = { .gid_index = -1 };
	struct ibv_context *ctx = device_open(NULL);
	struct uverbs_cq cq;
	struct uverbs_qp qp;
	uint32_t pd;
	int fd = restoring(&pd), ret;

	world.gid_index = device_gid(ctx, &o, &world.gid);
	world.peer_gid = world.gid;
	ibv_close_device(ctx);
	init.pd_handle = pd;
	init.cap = (struct ib_uverbs_qp_cap){ d->max_send_wr, d->max_recv_wr, d->max_send_sge, d->max_recv_sge,
					      d->max_inline };
	if (uverbs_create_cq(fd, &cq_init, &cq))
		die("CQ: %m");
	init.send_cq = init.recv_cq = cq.handle;
	like = *d;
	like.path_mtu = IBV_MTU_1024;
	like.max_dest_rd_atomic = 1;
	if (rxe_client_restore_number(fd, ROAM_RXE_T_QP, d->qpn) || uverbs_create_qp(fd, &init, &qp) ||
	    fuzz_connect(fd, &t, qp.handle, IBV_QPS_RTR, &like))
		die("QP %u in RTR: %m", d->qpn);
	reset.qp_handle = qp.handle;
	if (uverbs_modify_qp(fd, &reset))
		die("RESET: %m");
	d->max_dest_rd_atomic = 128;
	ret = rxe_client_restore_qp(fd, qp.handle, d, d->rec.len);
	close(fd);
	return ret == -EINVAL;
}

/* The second attempt to pin an MR that cannot be had warned. */
static bool pins_again(void)
{
	struct uverbs_mr_init init = { .start = (uintptr_t)page_alloc(8192), .length = 8192,
				       .access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
						 FLUSH_PERSISTENT };
	struct uverbs_mr mr;
	int fd = restoring(&init.pd_handle), first, second;

	if (uverbs_reg_mr(fd, &init, &mr))
		die("MR: %m");
	first = rxe_client_pin(fd);
	second = rxe_client_pin(fd);
	close(fd);
	return first == -EINVAL && second == -EINVAL;
}

static volatile bool resized_enough;

static void *resize(void *cq)
{
	for (int i = 0; !resized_enough; i++)
		ibv_resize_cq(cq, i & 1 ? 20 : 4000);
	return NULL;
}

/* A dump read the ring of a CQ that its owner had just resized, and that was free. */
static bool dumps_what_is_resized(void)
{
	struct ibv_context *ctx = device_open(NULL);
	struct ibv_cq *cq = ibv_create_cq(ctx, 4000, NULL, NULL, 0);
	bool ok = cq;
	pthread_t id;
	size_t len;
	void *dump;

	if (!cq || pthread_create(&id, NULL, resize, cq))
		die("CQ: %m");
	for (int i = 0; i < ROUNDS; i++) {
		int ret = rxe_client_dump(ctx->cmd_fd, &dump, &len);

		if (!ret) {
			const struct roam_rxe_cq *d = find(dump, len, ROAM_RXE_T_CQ);

			ok = ok && d->rec.len == sizeof(*d) + d->q.buf_size;
			free(dump);
		}
		ok = ok && (!ret || ret == -EAGAIN || ret == -ENOSPC);
	}
	resized_enough = true;
	pthread_join(id, NULL);
	ibv_destroy_cq(cq);
	ibv_close_device(ctx);
	return ok;
}

bool fuzz_known(void)
{
	bool array = array_keeps_its_length(), pins = pins_again(), dumps = dumps_what_is_resized();

	printf("{\"ok\":%s,\"arrayKeepsItsLength\":%d,\"pinsAgain\":%d,\"dumpsWhatIsResized\":%d}\n",
	       array && pins && dumps ? "true" : "false", array, pins, dumps);
	return array && pins && dumps;
}
