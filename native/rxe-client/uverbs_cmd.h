/* SPDX-License-Identifier: (GPL-2.0 OR MIT) */
/*
 * uverbs_cmd.h: the standard uverbs commands that rebuilding a verbs context
 * takes, for the rxe driver.  They go through RDMA_VERBS_IOCTL throughout (the
 * older commands inside UVERBS_METHOD_INVOKE_WRITE), never through write(2):
 * write refuses a descriptor whose opener had other credentials.
 *
 * 0 on success, a negative errno on failure.
 */
#ifndef RXE_CLIENT_UVERBS_CMD_H
#define RXE_CLIENT_UVERBS_CMD_H

#include <stdbool.h>
#include <stdint.h>

#include <rdma/ib_user_ioctl_verbs.h>
#include <rdma/ib_user_verbs.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where a queue is mapped: offset is the byte offset for mmap(). */
struct uverbs_queue_map {
	uint64_t offset;
	uint32_t size;
};

/* num_comp_vectors may be NULL.  -EINVAL: the file already has a context. */
int uverbs_get_context(int fd, uint32_t *num_comp_vectors);

/* The first async event file of a context becomes its default: events of
 * objects without one of their own go there.  event_fd is close-on-exec. */
int uverbs_alloc_async(int fd, int *event_fd);
int uverbs_create_comp_channel(int fd, int *event_fd);

int uverbs_alloc_pd(int fd, uint32_t *handle);
int uverbs_dealloc_pd(int fd, uint32_t handle);

struct uverbs_cq_init {
	uint64_t user_handle;
	uint32_t cqe;
	uint32_t comp_vector;
	int channel_fd;		/* -1: none */
	int async_fd;		/* -1: the context's default */
};

struct uverbs_cq {
	uint32_t handle;
	uint32_t cqe;		/* as many as the driver gave */
	struct uverbs_queue_map queue;
};

int uverbs_create_cq(int fd, const struct uverbs_cq_init *init, struct uverbs_cq *cq);

struct uverbs_mr_init {
	uint64_t start, length, iova;
	uint32_t pd_handle;
	uint32_t access;	/* enum ib_uverbs_access_flags */
};

struct uverbs_mr {
	uint32_t handle;
	uint32_t lkey, rkey;
};

int uverbs_reg_mr(int fd, const struct uverbs_mr_init *init, struct uverbs_mr *mr);

struct uverbs_srq_init {
	uint64_t user_handle;
	uint32_t pd_handle;
	uint32_t max_wr, max_sge;
	int async_fd;		/* -1: the context's default */
};

struct uverbs_srq {
	uint32_t handle;
	uint32_t number;
	struct uverbs_queue_map queue;
};

int uverbs_create_srq(int fd, const struct uverbs_srq_init *init, struct uverbs_srq *srq);

struct uverbs_ah {
	uint32_t handle;
	uint32_t number;
};

/* attr: RoCE, so with a global route. */
int uverbs_create_ah(int fd, uint64_t user_handle, uint32_t pd_handle,
		     const struct ib_uverbs_ah_attr *attr, struct uverbs_ah *ah);

/* type: enum ibv_mw_type */
int uverbs_alloc_mw(int fd, uint32_t pd_handle, uint8_t type, uint32_t *handle, uint32_t *rkey);

#define UVERBS_NO_HANDLE 0xffffffffu

struct uverbs_qp_init {
	uint64_t user_handle;
	uint32_t pd_handle, send_cq, recv_cq;
	uint32_t srq;		/* UVERBS_NO_HANDLE: none */
	uint32_t type;		/* enum ib_uverbs_qp_type */
	bool sq_sig_all;
	int async_fd;		/* -1: the context's default */
	struct ib_uverbs_qp_cap cap;
};

struct uverbs_qp {
	uint32_t handle;
	uint32_t qpn;
	struct ib_uverbs_qp_cap cap;	/* as the driver gave */
	struct uverbs_queue_map rq, sq;
};

int uverbs_create_qp(int fd, const struct uverbs_qp_init *init, struct uverbs_qp *qp);

/* cmd: qp_handle, attr_mask (enum ibv_qp_attr_mask) and what the mask names. */
int uverbs_modify_qp(int fd, const struct ib_uverbs_modify_qp *cmd);

int uverbs_attach_mcast(int fd, uint32_t qp_handle, const uint8_t gid[16], uint16_t lid);

#ifdef __cplusplus
}
#endif

#endif /* RXE_CLIENT_UVERBS_CMD_H */
