// SPDX-License-Identifier: GPL-2.0
/* Checks of images and dumps; free of CRIU, so that a test can link it. */
#include "image.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define REFUSE(text)           \
	do {                   \
		*why = (text); \
		return -EINVAL; \
	} while (0)

static uint64_t align8(uint64_t n)
{
	return (n + 7) & ~UINT64_C(7);
}

static int check_hdr(const void *buf, size_t len, uint32_t magic, size_t least, const char **why)
{
	struct img_hdr hdr;

	if (len < sizeof(hdr))
		REFUSE("it is shorter than a header");
	memcpy(&hdr, buf, sizeof(hdr));
	if (hdr.magic != magic)
		REFUSE("it is no image of this kind");
	if (hdr.version != IMG_VERSION)
		REFUSE("another version of the plugin wrote it");
	if (hdr.len != len)
		REFUSE("it is truncated or has bytes at its end");
	if (len < least)
		REFUSE("it is shorter than its header says");
	return 0;
}

static bool is_text(const char *text, size_t size)
{
	return text[0] && memchr(text, '\0', size);
}

int img_check_fd(const void *buf, size_t len, const char **why)
{
	const struct img_fd *fd = buf;
	int ret = check_hdr(buf, len, IMG_FD_MAGIC, sizeof(*fd), why);

	if (ret)
		return ret;
	if (len != sizeof(*fd))
		REFUSE("it has bytes at its end");
	if (fd->kind < IMG_FD_UVERBS || fd->kind > IMG_FD_ASYNC)
		REFUSE("it is of an unknown kind");
	if ((fd->kind == IMG_FD_UVERBS) != (fd->file_id == 0))
		REFUSE("its file id does not fit its kind");
	return 0;
}

/* Bytes that a record of its type must have, or 0 if the record itself, its
 * fixed part included, can't be right. */
static uint64_t record_size(const struct roam_rxe_rec *rec)
{
	const struct roam_rxe_file *file = (const void *)rec;
	const struct roam_rxe_cq *cq = (const void *)rec;
	const struct roam_rxe_srq *srq = (const void *)rec;
	const struct roam_rxe_qp *qp = (const void *)rec;

	switch (rec->type) {
	case ROAM_RXE_T_PD:
		return sizeof(struct roam_rxe_pd);
	case ROAM_RXE_T_COMP_CHANNEL:
	case ROAM_RXE_T_ASYNC:
		if (rec->len < sizeof(*file))
			return 0;
		return sizeof(*file) + (uint64_t)file->event_count * sizeof(struct roam_rxe_event);
	case ROAM_RXE_T_MR:
		return sizeof(struct roam_rxe_mr);
	case ROAM_RXE_T_CQ:
		/* Each part is compared first, so that no sum can wrap. */
		if (rec->len < sizeof(*cq) || cq->q.buf_size > rec->len)
			return 0;
		return sizeof(*cq) + cq->q.buf_size;
	case ROAM_RXE_T_SRQ:
		if (rec->len < sizeof(*srq) || srq->q.buf_size > rec->len)
			return 0;
		return sizeof(*srq) + srq->q.buf_size;
	case ROAM_RXE_T_AH:
		return sizeof(struct roam_rxe_ah);
	case ROAM_RXE_T_MW:
		return sizeof(struct roam_rxe_mw);
	case ROAM_RXE_T_MCAST:
		return sizeof(struct roam_rxe_mcast);
	case ROAM_RXE_T_QP:
		if (rec->len < sizeof(*qp) || qp->sq.buf_size > rec->len ||
		    qp->rq.buf_size > rec->len || qp->recv_wqe_len > rec->len)
			return 0;
		return sizeof(*qp) + (uint64_t)qp->res_count * sizeof(struct roam_rxe_res) +
		       align8(qp->recv_wqe_len) + align8(qp->sq.buf_size) + qp->rq.buf_size;
	default:
		return 0;
	}
}

/* It tells a handle: its own, or that of the QP which is attached. */
static bool tells_handle(uint32_t type)
{
	return type != ROAM_RXE_T_COMP_CHANNEL && type != ROAM_RXE_T_ASYNC;
}

static bool has_handle(uint32_t type)
{
	return tells_handle(type) && type != ROAM_RXE_T_MCAST;
}

static int check_record(const struct roam_rxe_dump_hdr *dump, const struct roam_rxe_rec *rec,
			uint64_t room, const char **why)
{
	uint64_t need;

	if (rec->len < sizeof(*rec) || rec->len > room)
		REFUSE("a record reaches beyond its end");
	need = record_size(rec);
	/* Trailing padding of less than a word is the writer's business. */
	if (!need || need > rec->len || rec->len - need >= 8)
		REFUSE("a record has a length or type that makes no sense");
	if (tells_handle(rec->type) &&
	    (dump->max_handle == IMG_NO_HANDLE || rec->handle > dump->max_handle))
		REFUSE("an object's handle is above the highest one");
	return 0;
}

int img_check_dump(const void *buf, size_t len, const char **why)
{
	const struct roam_rxe_dump_hdr *dump = buf;
	const struct roam_rxe_rec *rec;
	uint64_t at = sizeof(*dump);
	uint32_t i;
	int ret;

	if (len < sizeof(*dump))
		REFUSE("its dump is shorter than a header");
	if (dump->magic != ROAM_RXE_DUMP_MAGIC)
		REFUSE("its dump is none of the rdma_rxe module");
	if (dump->version != ROAM_RXE_DUMP_VERSION)
		REFUSE("its dump is of another version of the rdma_rxe module");
	if (dump->len != len)
		REFUSE("its dump is truncated or has bytes at its end");
	if (dump->max_handle != IMG_NO_HANDLE && dump->max_handle > IMG_MAX_HANDLE)
		REFUSE("its dump has impossible handles");
	if (!is_text(dump->ib_name, sizeof(dump->ib_name)))
		REFUSE("its dump names no device");
	for (i = 0; i < dump->count; i++) {
		if (len - at < sizeof(*rec))
			REFUSE("its dump ends amid its records");
		rec = (const void *)((const char *)buf + at);
		ret = check_record(dump, rec, len - at, why);
		if (ret)
			return ret;
		at += align8(rec->len);
		if (at > len)
			/* The last record's alignment need not be there. */
			at = len;
	}
	if (at != len)
		REFUSE("its dump has bytes behind its records");
	return 0;
}

int img_check_ctx(const void *buf, size_t len, struct img_ctx_view *view, const char **why)
{
	const struct img_ctx *ctx = buf;
	int ret = check_hdr(buf, len, IMG_CTX_MAGIC, sizeof(*ctx), why);

	if (ret)
		return ret;
	if (!is_text(ctx->uverbs, sizeof(ctx->uverbs)))
		REFUSE("it names no uverbs node");
	if (ctx->dump_len != len - sizeof(*ctx))
		REFUSE("its parts do not add up to its length");
	view->ctx = ctx;
	view->dump = (const void *)(ctx + 1);
	return img_check_dump(view->dump, ctx->dump_len, why);
}

const struct roam_rxe_rec *img_next_record(const struct roam_rxe_dump_hdr *dump,
					   const struct roam_rxe_rec *rec)
{
	const char *start = (const char *)dump;
	uint64_t at = rec ? (uint64_t)((const char *)rec - start) + align8(rec->len)
			  : sizeof(*dump);

	if (at >= dump->len)
		return NULL;
	return (const void *)(start + at);
}

static bool names(const struct roam_rxe_dump_hdr *dump, const struct roam_rxe_rec **table,
		  uint32_t handle, uint32_t type)
{
	return handle <= dump->max_handle && table[handle] && table[handle]->type == type;
}

static int check_events(const struct roam_rxe_dump_hdr *dump, const struct roam_rxe_rec **table,
			const struct roam_rxe_file *file, const char **why)
{
	const struct roam_rxe_event *events = (const void *)(file + 1);
	uint32_t i;

	for (i = 0; i < file->event_count; i++)
		if (events[i].handle != IMG_NO_HANDLE &&
		    !names(dump, table, events[i].handle, ROAM_RXE_T_QP) &&
		    !names(dump, table, events[i].handle, ROAM_RXE_T_CQ) &&
		    !names(dump, table, events[i].handle, ROAM_RXE_T_SRQ))
			REFUSE("an unread event names a QP, CQ or SRQ that is not in it");
	return 0;
}

static int check_references(const struct roam_rxe_dump_hdr *dump,
			    const struct roam_rxe_rec **table, const struct roam_rxe_rec *rec,
			    const char **why)
{
	const struct roam_rxe_srq *srq = (const void *)rec;
	const struct roam_rxe_ah *ah = (const void *)rec;
	const struct roam_rxe_mr *mr = (const void *)rec;
	const struct roam_rxe_mw *mw = (const void *)rec;
	const struct roam_rxe_qp *qp = (const void *)rec;

	if ((rec->type == ROAM_RXE_T_MR && !names(dump, table, mr->pd_handle, ROAM_RXE_T_PD)) ||
	    (rec->type == ROAM_RXE_T_MW && !names(dump, table, mw->pd_handle, ROAM_RXE_T_PD)) ||
	    (rec->type == ROAM_RXE_T_AH && !names(dump, table, ah->pd_handle, ROAM_RXE_T_PD)) ||
	    (rec->type == ROAM_RXE_T_SRQ && !names(dump, table, srq->pd_handle, ROAM_RXE_T_PD)))
		REFUSE("an MR, MW, AH or SRQ names a PD that is not in it");
	if (rec->type == ROAM_RXE_T_QP && (!names(dump, table, qp->pd_handle, ROAM_RXE_T_PD) ||
					   !names(dump, table, qp->send_cq, ROAM_RXE_T_CQ) ||
					   !names(dump, table, qp->recv_cq, ROAM_RXE_T_CQ)))
		REFUSE("a QP names a PD or CQ that is not in it");
	if (rec->type == ROAM_RXE_T_QP && qp->srq != IMG_NO_HANDLE &&
	    !names(dump, table, qp->srq, ROAM_RXE_T_SRQ))
		REFUSE("a QP names an SRQ that is not in it");
	if (rec->type == ROAM_RXE_T_MCAST && !names(dump, table, rec->handle, ROAM_RXE_T_QP))
		REFUSE("a multicast attachment names a QP that is not in it");
	if (rec->type == ROAM_RXE_T_ASYNC)
		return check_events(dump, table, (const void *)rec, why);
	return 0;
}

static int fill_table(const struct roam_rxe_dump_hdr *dump, const struct roam_rxe_rec **table,
		      const char **why)
{
	const struct roam_rxe_rec *rec;
	int ret = 0;

	for (rec = img_next_record(dump, NULL); rec; rec = img_next_record(dump, rec)) {
		if (!has_handle(rec->type))
			continue;
		if (table[rec->handle])
			REFUSE("two objects have one handle");
		table[rec->handle] = rec;
	}
	for (rec = img_next_record(dump, NULL); rec && !ret; rec = img_next_record(dump, rec))
		ret = check_references(dump, table, rec, why);
	return ret;
}

int img_index_handles(const struct roam_rxe_dump_hdr *dump, const struct roam_rxe_rec ***table,
		      const char **why)
{
	int ret;

	*table = NULL;
	if (dump->max_handle == IMG_NO_HANDLE)
		return 0;
	*table = calloc((size_t)dump->max_handle + 1, sizeof(**table));
	if (!*table)
		return -ENOMEM;
	ret = fill_table(dump, *table, why);
	if (ret) {
		free(*table);
		*table = NULL;
	}
	return ret;
}
