/* SPDX-License-Identifier: GPL-2.0 */
/*
 * image.h: what the plugin writes beside CRIU's images.
 *
 *   roam-rdma-ctx-<n>.img   one verbs context: struct img_ctx, then the
 *                           module's dump as roam_rxe.h defines it
 *   roam-rdma-fd-<id>.img   one descriptor that belongs to a context, by the
 *                           (hexadecimal) id that CRIU gave it: struct img_fd
 *
 * Little endian, naturally aligned, without holes.  Readers trust nothing:
 * a truncated, foreign or inconsistent image is refused with a reason.
 */
#ifndef ROAM_PLUGIN_IMAGE_H
#define ROAM_PLUGIN_IMAGE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "roam_rxe.h"

#define IMG_VERSION	1
#define IMG_CTX_MAGIC	0x58434d52u	/* "RMCX" */
#define IMG_FD_MAGIC	0x44464d52u	/* "RMFD" */

/* A context that needs more handles than this is no image of ours. */
#define IMG_MAX_HANDLE	(1u << 20)
#define IMG_NO_HANDLE	0xffffffffu

struct img_hdr {
	uint32_t magic;
	uint32_t version;
	uint64_t len;		/* of the file */
};

struct img_ctx {
	struct img_hdr hdr;
	uint32_t context;	/* the <n> of the file name */
	uint32_t fd_floor;	/* above every descriptor of the process */
	char uverbs[32];	/* the node that was mapped, e.g. uverbs0 */
	uint64_t dump_len;	/* bytes of the dump that follows */
};

enum img_fd_kind {
	IMG_FD_UVERBS = 1,
	IMG_FD_COMP_CHANNEL,
	IMG_FD_ASYNC,
};

struct img_fd {
	struct img_hdr hdr;
	uint32_t context;
	uint32_t kind;		/* enum img_fd_kind */
	uint64_t file_id;	/* roam_rxe_fd_id.id; 0 for uverbs */
	int32_t number;		/* of a uverbs descriptor in the process, else -1 */
	uint32_t flags;		/* F_GETFL; CRIU does not keep them for external files */
};

static_assert(sizeof(struct img_hdr) == 16, "image layout");
static_assert(sizeof(struct img_ctx) == 64, "image layout");
static_assert(sizeof(struct img_fd) == 40, "image layout");
static_assert(sizeof(struct roam_rxe_dump_hdr) == 96, "dump layout");
static_assert(sizeof(struct roam_rxe_rec) == 24, "dump layout");
static_assert(sizeof(struct roam_rxe_queue) == 32, "dump layout");
static_assert(sizeof(struct roam_rxe_cq) % 8 == 0, "dump layout");
static_assert(sizeof(struct roam_rxe_srq) == 88, "dump layout");
static_assert(sizeof(struct roam_rxe_ah) == 88, "dump layout");
static_assert(sizeof(struct roam_rxe_mw) == 72, "dump layout");
static_assert(sizeof(struct roam_rxe_mcast) == 48, "dump layout");
static_assert(sizeof(struct roam_rxe_qp) % 8 == 0, "dump layout");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "images are little endian");

/* A checked context image; the pointers point into the buffer. */
struct img_ctx_view {
	const struct img_ctx *ctx;
	const struct roam_rxe_dump_hdr *dump;
};

/* 0, or -EINVAL with *why set to a static text. */
int img_check_ctx(const void *buf, size_t len, struct img_ctx_view *view, const char **why);
int img_check_fd(const void *buf, size_t len, const char **why);
int img_check_dump(const void *dump, size_t len, const char **why);

/* The records of a checked dump: rec NULL gives the first, NULL is the end. */
const struct roam_rxe_rec *img_next_record(const struct roam_rxe_dump_hdr *dump,
					   const struct roam_rxe_rec *rec);

/* Every object of a checked dump by its handle: *table has max_handle + 1
 * entries, NULL where no object is, and is free()d by the caller; NULL for a
 * dump without objects.  Refuses two objects with one handle, and references
 * to a PD, CQ or SRQ that is not there.  0, -ENOMEM, or -EINVAL with *why set. */
int img_index_handles(const struct roam_rxe_dump_hdr *dump, const struct roam_rxe_rec ***table,
		      const char **why);

#endif /* ROAM_PLUGIN_IMAGE_H */
