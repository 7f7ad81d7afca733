/* SPDX-License-Identifier: GPL-2.0 */
/* plugin_image.h: an image with an object of every kind, for the tests of the plugin's reader. */
#ifndef ROAM_TEST_PLUGIN_IMAGE_H
#define ROAM_TEST_PLUGIN_IMAGE_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"

struct buffer {
	unsigned char *data;
	size_t len;
};

static void append(struct buffer *b, const void *data, size_t len)
{
	b->data = realloc(b->data, b->len + len);
	assert(b->data);
	if (data)
		memcpy(b->data + b->len, data, len);
	else
		memset(b->data + b->len, 0xa5, len);
	b->len += len;
}

/* PD 0, channel, async file with two events, CQ 1 (64-byte ring), MR 2, QP 4 (rings of 40 and
 * 24 bytes, 2 responder resources, 20 bytes of a receive WQE), SRQ 5 (ring of 48 bytes), AH 6,
 * MW 7; QP 4 attached to a group; handle 3 free. */
static struct buffer make_image(void)
{
	struct roam_rxe_pd pd = { { ROAM_RXE_T_PD, sizeof(pd), 0, 0, 0 } };
	struct roam_rxe_file channel = {
		.rec = { ROAM_RXE_T_COMP_CHANNEL, sizeof(channel), ~0u, 0, 0 }, .id = 7 };
	struct roam_rxe_event events[] = { { .type = 3, .handle = 5 },
					   { .type = 9, .handle = IMG_NO_HANDLE, .port = 1 } };
	struct roam_rxe_file async = {
		.rec = { ROAM_RXE_T_ASYNC, sizeof(async) + sizeof(events), ~0u, 0, 0 }, .id = 9,
		.event_count = 2 };
	struct roam_rxe_cq cq = {
		.rec = { ROAM_RXE_T_CQ, sizeof(cq) + 64, 1, 0, 0xabcdef },
		.channel = 7, .async = 9, .q = { .size = 4096, .buf_size = 64 } };
	struct roam_rxe_mr mr = {
		.rec = { ROAM_RXE_T_MR, sizeof(mr), 2, 0, 0 }, .pd_handle = 0, .lkey = 0x1234 };
	struct roam_rxe_qp qp = {
		.rec = { ROAM_RXE_T_QP,
			 sizeof(qp) + 2 * sizeof(struct roam_rxe_res) + 24 + 40 + 24, 4, 0, 1 },
		.qpn = 17, .pd_handle = 0, .send_cq = 1, .recv_cq = 1, .srq = 5,
		.res_count = 2, .recv_wqe_len = 20,
		.sq = { .size = 4096, .buf_size = 40 }, .rq = { .size = 4096, .buf_size = 24 } };
	struct roam_rxe_srq srq = {
		.rec = { ROAM_RXE_T_SRQ, sizeof(srq) + 48, 5, 0, 2 },
		.srq_num = 0x20001, .async = 9, .q = { .size = 4096, .buf_size = 48 } };
	struct roam_rxe_ah ah = { .rec = { ROAM_RXE_T_AH, sizeof(ah), 6, 0, 3 }, .ah_num = 1 };
	struct roam_rxe_mw mw = { .rec = { ROAM_RXE_T_MW, sizeof(mw), 7, 0, 4 }, .rkey = 1 };
	struct roam_rxe_mcast mcast = {
		.rec = { ROAM_RXE_T_MCAST, sizeof(mcast), 4, 0, 0 }, .gid = { 0xff, 0x0e }, .lid = 7 };
	struct roam_rxe_dump_hdr dump = {
		.magic = ROAM_RXE_DUMP_MAGIC, .version = ROAM_RXE_DUMP_VERSION, .count = 10,
		.max_handle = 7, .ib_name = "rxe0" };
	struct img_ctx ctx = {
		.hdr = { IMG_CTX_MAGIC, IMG_VERSION, 0 }, .uverbs = "uverbs0" };
	struct buffer b = { 0 };

	dump.len = sizeof(dump) + pd.rec.len + channel.rec.len + async.rec.len + cq.rec.len +
		   mr.rec.len + qp.rec.len + srq.rec.len + ah.rec.len + mw.rec.len +
		   mcast.rec.len;
	ctx.dump_len = dump.len;
	ctx.hdr.len = sizeof(ctx) + dump.len;
	append(&b, &ctx, sizeof(ctx));
	append(&b, &dump, sizeof(dump));
	append(&b, &pd, sizeof(pd));
	append(&b, &channel, sizeof(channel));
	append(&b, &async, sizeof(async));
	append(&b, events, sizeof(events));
	append(&b, &cq, sizeof(cq));
	append(&b, NULL, 64);
	append(&b, &mr, sizeof(mr));
	append(&b, &qp, sizeof(qp));
	append(&b, NULL, qp.rec.len - sizeof(qp));
	append(&b, &srq, sizeof(srq));
	append(&b, NULL, 48);
	append(&b, &ah, sizeof(ah));
	append(&b, &mw, sizeof(mw));
	append(&b, &mcast, sizeof(mcast));
	assert(b.len == ctx.hdr.len);
	return b;
}

#endif /* ROAM_TEST_PLUGIN_IMAGE_H */
