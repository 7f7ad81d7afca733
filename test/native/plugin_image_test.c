// SPDX-License-Identifier: GPL-2.0
/*
 * The plugin's image reader on whole, truncated, foreign and inconsistent
 * images.  cc -I native/include -I native/criu-plugin
 *   test/native/plugin_image_test.c native/criu-plugin/image.c && ./a.out
 * Best with -fsanitize=address,undefined: the buffers are exactly as long as
 * what is read, so that a read beyond the end is seen.
 */
#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin_image.h"

enum part { CTX, DUMP, PD, CHANNEL, ASYNC, CQ, MR, QP, SRQ, AH, MW, MCAST };

static void *part(struct buffer *b, enum part which)
{
	unsigned char *at = b->data + sizeof(struct img_ctx);
	int i;

	if (which == CTX)
		return b->data;
	if (which == DUMP)
		return at;
	at += sizeof(struct roam_rxe_dump_hdr);
	for (i = PD; i < (int)which; i++)
		at += (((struct roam_rxe_rec *)(void *)at)->len + 7) & ~7u;
	return at;
}

/* Checks as a restore does; the reason is NULL if it is accepted. */
static const char *verdict(const void *data, size_t len)
{
	const struct roam_rxe_rec **table = NULL;
	struct img_ctx_view view;
	const char *why = NULL;
	/* A copy of its own: malloc aligns it, and its end is guarded. */
	void *copy = malloc(len ? len : 1);
	int ret;

	assert(copy);
	memcpy(copy, data, len);
	ret = img_check_ctx(copy, len, &view, &why);
	if (!ret)
		ret = img_index_handles(view.dump, &table, &why);
	assert(ret == 0 || ret == -EINVAL);
	assert(!!ret == !!why);
	free(table);
	free(copy);
	return why;
}

static void whole_image_is_read(void)
{
	struct buffer b = make_image();
	const struct roam_rxe_rec *rec, **table;
	struct img_ctx_view view;
	const char *why;
	int n = 0;

	assert(!img_check_ctx(b.data, b.len, &view, &why));
	for (rec = img_next_record(view.dump, NULL); rec; rec = img_next_record(view.dump, rec))
		n++;
	assert(n == 10);
	assert(!img_index_handles(view.dump, &table, &why));
	assert(table[0]->type == ROAM_RXE_T_PD && table[1]->type == ROAM_RXE_T_CQ);
	assert(table[2]->type == ROAM_RXE_T_MR && !table[3]);
	assert(((const struct roam_rxe_qp *)(const void *)table[4])->qpn == 17);
	assert(table[5]->type == ROAM_RXE_T_SRQ && table[6]->type == ROAM_RXE_T_AH);
	assert(table[7]->type == ROAM_RXE_T_MW);
	free(table);
	free(b.data);
}

static void every_truncation_is_refused(void)
{
	struct buffer b = make_image();
	size_t len;

	for (len = 0; len < b.len; len++) {
		struct img_ctx *ctx = (void *)b.data;
		uint64_t whole = ctx->hdr.len, dump = ctx->dump_len;

		assert(verdict(b.data, len));
		/* Also when the outer lengths were made to fit. */
		if (len < sizeof(*ctx))
			continue;
		ctx->hdr.len = len;
		ctx->dump_len = len - sizeof(*ctx);
		assert(verdict(b.data, len));
		if (ctx->dump_len >= sizeof(struct roam_rxe_dump_hdr)) {
			struct roam_rxe_dump_hdr *hdr = part(&b, DUMP);
			uint64_t inner = hdr->len;

			hdr->len = ctx->dump_len;
			assert(verdict(b.data, len));
			hdr->len = inner;
		}
		ctx->hdr.len = whole;
		ctx->dump_len = dump;
	}
	assert(!verdict(b.data, b.len));
	append(&b, "x", 1);
	assert(verdict(b.data, b.len));
	free(b.data);
}

#define REFUSED(which, type, field, value)                                  \
	do {                                                                \
		struct buffer b = make_image();                             \
		((type *)part(&b, which))->field = (value);                 \
		if (!verdict(b.data, b.len)) {                              \
			fprintf(stderr, "accepted: %s.%s = %s\n", #type, #field, #value); \
			abort();                                            \
		}                                                           \
		free(b.data);                                               \
	} while (0)

static void what_does_not_fit_is_refused(void)
{
	REFUSED(CTX, struct img_ctx, hdr.magic, IMG_FD_MAGIC);
	REFUSED(CTX, struct img_ctx, hdr.version, IMG_VERSION + 1);
	REFUSED(CTX, struct img_ctx, uverbs[0], '\0');
	REFUSED(CTX, struct img_ctx, dump_len, ~UINT64_C(0));
	REFUSED(DUMP, struct roam_rxe_dump_hdr, magic, 0);
	REFUSED(DUMP, struct roam_rxe_dump_hdr, version, ROAM_RXE_DUMP_VERSION + 1);
	REFUSED(DUMP, struct roam_rxe_dump_hdr, count, 9);
	REFUSED(DUMP, struct roam_rxe_dump_hdr, count, 11);
	REFUSED(DUMP, struct roam_rxe_dump_hdr, count, 0xffffffff);
	REFUSED(DUMP, struct roam_rxe_dump_hdr, max_handle, 6);
	REFUSED(DUMP, struct roam_rxe_dump_hdr, max_handle, 0x7fffffff);
	REFUSED(DUMP, struct roam_rxe_dump_hdr, max_handle, IMG_NO_HANDLE);
	REFUSED(DUMP, struct roam_rxe_dump_hdr, ib_name[0], '\0');
	REFUSED(PD, struct roam_rxe_pd, rec.type, ROAM_RXE_T_SRQ);
	REFUSED(PD, struct roam_rxe_pd, rec.len, 0);
	REFUSED(PD, struct roam_rxe_pd, rec.len, 0xffffffff);
	REFUSED(PD, struct roam_rxe_pd, rec.handle, 1);
	REFUSED(ASYNC, struct roam_rxe_file, event_count, 1);
	REFUSED(ASYNC, struct roam_rxe_file, event_count, 3);
	REFUSED(ASYNC, struct roam_rxe_file, event_count, 0xffffffff);
	REFUSED(ASYNC, struct { struct roam_rxe_file file; struct roam_rxe_event first; },
		first.handle, 2);
	REFUSED(CQ, struct roam_rxe_cq, q.buf_size, 72);
	REFUSED(CQ, struct roam_rxe_cq, q.buf_size, 32);
	REFUSED(CQ, struct roam_rxe_cq, q.buf_size, ~UINT64_C(0));
	REFUSED(CQ, struct roam_rxe_cq, q.buf_size, -(uint64_t)sizeof(struct roam_rxe_cq));
	REFUSED(MR, struct roam_rxe_mr, pd_handle, 1);
	REFUSED(MR, struct roam_rxe_mr, pd_handle, 3);
	REFUSED(MR, struct roam_rxe_mr, pd_handle, 0xffffffff);
	REFUSED(MR, struct roam_rxe_mr, rec.handle, 8);
	REFUSED(QP, struct roam_rxe_qp, send_cq, 0);
	REFUSED(QP, struct roam_rxe_qp, recv_cq, 77);
	REFUSED(QP, struct roam_rxe_qp, res_count, 3);
	REFUSED(QP, struct roam_rxe_qp, res_count, 0xffffffff);
	REFUSED(QP, struct roam_rxe_qp, recv_wqe_len, 0xffffffff);
	REFUSED(QP, struct roam_rxe_qp, sq.buf_size, ~UINT64_C(0) - 100);
	REFUSED(QP, struct roam_rxe_qp, rq.buf_size, ~UINT64_C(0));
	REFUSED(QP, struct roam_rxe_qp, srq, 3);
	REFUSED(QP, struct roam_rxe_qp, srq, 4);
	REFUSED(SRQ, struct roam_rxe_srq, pd_handle, 1);
	REFUSED(SRQ, struct roam_rxe_srq, q.buf_size, 56);
	REFUSED(SRQ, struct roam_rxe_srq, q.buf_size, ~UINT64_C(0));
	REFUSED(SRQ, struct roam_rxe_srq, q.buf_size, -(uint64_t)sizeof(struct roam_rxe_srq));
	REFUSED(AH, struct roam_rxe_ah, pd_handle, 4);
	REFUSED(AH, struct roam_rxe_ah, rec.len, sizeof(struct roam_rxe_ah) - 8);
	REFUSED(MW, struct roam_rxe_mw, pd_handle, 2);
	REFUSED(MW, struct roam_rxe_mw, rec.handle, 6);
	REFUSED(MCAST, struct roam_rxe_mcast, rec.handle, 5);
	REFUSED(MCAST, struct roam_rxe_mcast, rec.handle, 8);
	REFUSED(MCAST, struct roam_rxe_mcast, rec.len, sizeof(struct roam_rxe_mcast) + 8);
}

/* No single changed byte may make the reader read out of bounds; the sanitizer
 * looks. */
static void no_byte_misleads(void)
{
	static const unsigned char flips[] = { 0x01, 0x80, 0xff };
	struct buffer b = make_image();
	size_t i, f;

	for (i = 0; i < b.len; i++) {
		for (f = 0; f < sizeof(flips); f++) {
			b.data[i] ^= flips[f];
			verdict(b.data, b.len);
			b.data[i] ^= flips[f];
		}
	}
	free(b.data);
}

static void descriptor_images_are_checked(void)
{
	struct img_fd good = { .hdr = { IMG_FD_MAGIC, IMG_VERSION, sizeof(good) },
			       .kind = IMG_FD_ASYNC, .file_id = 9, .number = -1 };
	struct img_fd bad;
	const char *why;
	size_t len;

	assert(!img_check_fd(&good, sizeof(good), &why));
	for (len = 0; len < sizeof(good); len++)
		assert(img_check_fd(&good, len, &why) == -EINVAL);
	bad = good;
	bad.hdr.magic = IMG_CTX_MAGIC;
	assert(img_check_fd(&bad, sizeof(bad), &why) == -EINVAL);
	bad = good;
	bad.hdr.version = 0;
	assert(img_check_fd(&bad, sizeof(bad), &why) == -EINVAL);
	bad = good;
	bad.kind = 0;
	assert(img_check_fd(&bad, sizeof(bad), &why) == -EINVAL);
	bad.kind = IMG_FD_ASYNC + 1;
	assert(img_check_fd(&bad, sizeof(bad), &why) == -EINVAL);
	bad = good;
	bad.file_id = 0;
	assert(img_check_fd(&bad, sizeof(bad), &why) == -EINVAL);
	bad.kind = IMG_FD_UVERBS;
	assert(!img_check_fd(&bad, sizeof(bad), &why));
}

int main(void)
{
	whole_image_is_read();
	every_truncation_is_refused();
	what_does_not_fit_is_refused();
	no_byte_misleads();
	descriptor_images_are_checked();
	puts("plugin image reader: ok");
	return 0;
}
