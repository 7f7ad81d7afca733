// SPDX-License-Identifier: MIT
#include "lane.h"

#include <inttypes.h>
#include <string.h>

static void read_done(struct lane *ln, const struct tx_op *op)
{
	uint8_t *dst = ln->tx + ln->l.tx_read + (size_t)op->slot * ln->l.slot;
	uint64_t key = lane_key(ln, DOM_READ, !ln->o->server, op->a * READ_SLOTS + op->slot);
	ssize_t bad;

	/* The pattern is made of words that know their index: shift the key. */
	key += (op->offset / 8) * 0x9e3779b97f4a7c15ull;
	bad = pattern_check(dst, op->len, key);
	if (bad >= 0)
		result_error(ln->r, "qp %d: READ of slot %u generation %" PRIu64 ": byte %zd of %u is wrong",
			     ln->id, op->slot, op->a, bad, op->len);
	bad = poison_check(dst + op->len, ln->l.slot - op->len);
	if (bad >= 0)
		result_error(ln->r, "qp %d: READ of %u bytes wrote byte %zd behind its end",
			     ln->id, op->len, bad);
	memset(dst, POISON, op->len);
	ln->r->bytes_received += op->len;
	ln->reading[op->slot] = false;
	if (++ln->gen_reads[op->slot] >= READS_PER_GENERATION) {
		ln->gen_reads[op->slot] = 0;
		ln->my_done[op->slot] = op->a;
		ln->want_publish = true;
	}
}

static void atomic_done(struct lane *ln, const struct tx_op *op)
{
	uint64_t old;

	memcpy(&old, ln->tx + ln->l.tx_atomic + op->slot * 8, 8);
	ln->atomics_done++;
	if (old != op->a)
		result_error(ln->r, "qp %d: %s returned %#" PRIx64 " instead of %#" PRIx64, ln->id,
			     op->kind == WR_CAS ? "COMPARE_AND_SWAP" : "FETCH_AND_ADD", old, op->a);
}

static void op_done(struct lane *ln, const struct tx_op *op)
{
	switch (op->kind) {
	case WR_SEND:
		ln->data_done++;
		break;
	case WR_WRITE:
		break;
	case WR_MARK:
		ln->writes_done++;
		break;
	case WR_READ:
		read_done(ln, op);
		break;
	case WR_FAA:
	case WR_CAS:
		atomic_done(ln, op);
		break;
	case WR_ACK:
		ln->acks_done++;
		break;
	case WR_FIN:
		ln->data_done++;
		ln->fin_done = true;
		break;
	case WR_BYE:
		ln->data_done++;
		ln->bye_done = true;
		break;
	}
}

static enum ibv_wc_opcode wc_opcode(enum wr_kind kind)
{
	switch (kind) {
	case WR_WRITE:
	case WR_MARK:
		return IBV_WC_RDMA_WRITE;
	case WR_READ:
		return IBV_WC_RDMA_READ;
	case WR_FAA:
		return IBV_WC_FETCH_ADD;
	case WR_CAS:
		return IBV_WC_COMP_SWAP;
	default:
		return IBV_WC_SEND;
	}
}

/* A completion stands for its request and the unsignaled ones before it, for
 * no other: one that is skipped, repeated or out of order is an error. */
void lane_send_done(struct lane *ln, const struct ibv_wc *wc)
{
	if (wc->status != IBV_WC_SUCCESS) {
		result_error(ln->r, "qp %d: request %" PRIu64 " (kind %d): %s, vendor %#x", ln->id, wc->wr_id,
			     ln->ring[wc->wr_id % SQ_DEPTH].kind, ibv_wc_status_str(wc->status), wc->vendor_err);
		quit_requested = 1;
		return;
	}
	if (wc->wr_id < ln->done_id || wc->wr_id >= ln->post_id) {
		result_error(ln->r, "qp %d: completion of request %" PRIu64 ", expected %" PRIu64 " to %" PRIu64,
			     ln->id, wc->wr_id, ln->done_id, ln->post_id - 1);
		return;
	}
	while (ln->done_id <= wc->wr_id) {
		struct tx_op *op = &ln->ring[ln->done_id % SQ_DEPTH];
		bool last = ln->done_id == wc->wr_id;

		if (op->signaled != last)
			result_error(ln->r, "qp %d: request %" PRIu64 ": %s", ln->id, ln->done_id,
				     last ? "a completion that was not asked for" : "its completion is missing");
		if (last && wc->opcode != wc_opcode(op->kind))
			result_error(ln->r, "qp %d: request %" PRIu64 ": completion has opcode %d", ln->id,
				     ln->done_id, wc->opcode);
		ln->done_id++;
		op_done(ln, op);
	}
}
