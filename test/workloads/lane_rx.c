// SPDX-License-Identifier: MIT
#include "lane.h"

#include <inttypes.h>
#include <string.h>

#define GUARD 4096u

/* Ends equal to seq: goes on after a gap, so that both ends can still finish. */
static bool in_sequence(struct lane *ln, const char *what, uint64_t seq, uint64_t *expected)
{
	if (seq == *expected) {
		++*expected;
		return true;
	}
	result_error(ln->r, "qp %d: %s number %" PRIu64 " arrived, expected %" PRIu64, ln->id, what, seq,
		     *expected);
	if (seq > *expected && seq < *expected + 1000)
		*expected = seq + 1;
	return false;
}

static void check_payload(struct lane *ln, const uint8_t *p, uint32_t off, uint32_t len, uint64_t seq)
{
	ssize_t bad = pattern_check(p + off, len - off, lane_key(ln, DOM_SEND, !ln->o->server, seq));

	if (bad >= 0)
		result_error(ln->r, "qp %d: SEND %" PRIu64 ": byte %zd of %u is wrong", ln->id, seq,
			     bad + off, len);
}

static void take_header(struct lane *ln, const struct hdr *h)
{
	if (h->acked > ln->seq)
		result_error(ln->r, "qp %d: the peer has %" PRIu64 " messages of %" PRIu64 " sent", ln->id,
			     h->acked, ln->seq);
	else if (h->acked > ln->acked)
		ln->acked = h->acked;
	for (int i = 0; i < READ_SLOTS; i++) {
		if (h->rd_gen[i] > ln->peer_gen[i])
			ln->peer_gen[i] = h->rd_gen[i];
		if (h->rd_done[i] == ln->my_gen[i])
			lane_fill_read(ln, i);
	}
}

static void check_atomics(struct lane *ln, const struct fin *f)
{
	uint64_t faa, cas;

	memcpy(&faa, ln->rx + ln->l.rx_atomic, 8);
	memcpy(&cas, ln->rx + ln->l.rx_atomic + 8, 8);
	if (faa != f->faa_sum)
		result_error(ln->r, "qp %d: sum of FETCH_AND_ADD is %" PRIu64 " instead of %" PRIu64, ln->id,
			     faa, f->faa_sum);
	if (cas != f->cas_value)
		result_error(ln->r, "qp %d: COMPARE_AND_SWAP left %#" PRIx64 " instead of %#" PRIx64, ln->id,
			     cas, f->cas_value);
	for (size_t i = 16; i < 64; i++)
		if (ln->rx[ln->l.rx_atomic + i])
			result_error(ln->r, "qp %d: byte %zu of the atomics' page changed", ln->id, i);
}

static void take_fin(struct lane *ln, const struct fin *f)
{
	ssize_t bad;

	if (f->data != f->hdr.seq)
		result_error(ln->r, "qp %d: the peer sent %" PRIu64 " messages, %" PRIu64 " arrived", ln->id,
			     f->data, f->hdr.seq);
	if (f->writes != ln->writes_seen)
		result_error(ln->r, "qp %d: the peer did %" PRIu64 " RDMA WRITEs, %" PRIu64 " were marked",
			     ln->id, f->writes, ln->writes_seen);
	check_atomics(ln, f);
	bad = poison_check(ln->rx + ln->l.rx_write, 2ull * ln->l.window * ln->l.slot);
	if (bad >= 0)
		result_error(ln->r, "qp %d: an RDMA WRITE to slot %zd was done after its verification", ln->id,
			     bad / ln->l.slot);
	ln->peer_fin = true;
}

static void take_bye(struct lane *ln, const struct fin *f)
{
	if (f->acks != ln->peer_ack_seq)
		result_error(ln->r, "qp %d: the peer sent %" PRIu64 " ACKs, %" PRIu64 " arrived", ln->id, f->acks,
			     ln->peer_ack_seq);
	ln->peer_bye = true;
}

static void take_message(struct lane *ln, uint8_t *buf, const struct ibv_wc *wc)
{
	const struct hdr *h = (const struct hdr *)buf;
	bool has_imm = wc->wc_flags & IBV_WC_WITH_IMM;
	bool known = h->magic == HDR_MAGIC && h->type >= MSG_DATA && h->type <= MSG_BYE;
	bool last = known && (h->type == MSG_FIN || h->type == MSG_BYE);
	uint32_t checked = last ? sizeof(struct fin) : sizeof(struct hdr);
	struct plan p;

	if (!known || h->len != wc->byte_len || wc->byte_len < checked ||
	    hdr_check(ln, !ln->o->server, h, checked) != h->check) {
		result_error(ln->r, "qp %d: message of %u bytes after SEND %" PRIu64 " has a wrong header",
			     ln->id, wc->byte_len, ln->peer_seq);
		return;
	}
	if (has_imm != h->has_imm || (has_imm && be32toh(wc->imm_data) != SEND_IMM(h->seq)))
		result_error(ln->r, "qp %d: SEND %" PRIu64 ": immediate data %#x is wrong", ln->id, h->seq,
			     has_imm ? be32toh(wc->imm_data) : 0);
	take_header(ln, h);
	if (h->type == MSG_ACK) {
		in_sequence(ln, "ACK", h->seq, &ln->peer_ack_seq);
		return;
	}
	in_sequence(ln, "SEND", h->seq, &ln->peer_seq);
	ln->r->received++;
	if (h->type == MSG_DATA) {
		p = lane_plan(ln, !ln->o->server, h->seq);
		if (p.tiny || p.len != h->len || p.imm != has_imm)
			result_error(ln->r, "qp %d: SEND %" PRIu64 " is not as planned", ln->id, h->seq);
		check_payload(ln, buf, sizeof(*h), h->len, h->seq);
	} else if (h->type == MSG_FIN) {
		take_fin(ln, (const struct fin *)h);
	} else if (h->type == MSG_BYE) {
		take_bye(ln, (const struct fin *)h);
	}
}

static void take_tiny(struct lane *ln, const uint8_t *buf, const struct ibv_wc *wc)
{
	uint64_t seq = ln->peer_seq;
	struct plan p = lane_plan(ln, !ln->o->server, seq);
	uint32_t imm = be32toh(wc->imm_data);

	if (!(wc->wc_flags & IBV_WC_WITH_IMM)) {
		result_error(ln->r, "qp %d: SEND of %u bytes without immediate data", ln->id, wc->byte_len);
		return;
	}
	ln->r->received++;
	if (!in_sequence(ln, "SEND", (seq & ~0xffffffffull) | SEND_IMM(imm), &ln->peer_seq))
		return;
	if (!p.tiny || p.len != wc->byte_len)
		result_error(ln->r, "qp %d: SEND %" PRIu64 " is not as planned: %u bytes", ln->id, seq,
			     wc->byte_len);
	check_payload(ln, buf, 0, wc->byte_len, seq);
}

static void check_write(struct lane *ln, uint64_t k, bool mark, uint32_t off, uint32_t len)
{
	uint32_t slot = (k % ln->l.window) * 2 + mark;
	uint8_t *buf = ln->rx + ln->l.rx_write + (size_t)slot * ln->l.slot;
	uint32_t guard = ln->l.slot - off - len < GUARD ? ln->l.slot - off - len : GUARD;
	ssize_t bad = pattern_check(buf + off, len,
				    lane_key(ln, mark ? DOM_MARK : DOM_WRITE, !ln->o->server, k));

	if (bad >= 0)
		result_error(ln->r, "qp %d: RDMA WRITE %" PRIu64 "%s: byte %zd of %u is wrong", ln->id, k,
			     mark ? " with immediate" : "", bad, len);
	if (poison_check(buf, off) >= 0 || poison_check(buf + off + len, guard) >= 0)
		result_error(ln->r, "qp %d: RDMA WRITE %" PRIu64 " of %u bytes wrote outside of them", ln->id, k,
			     len);
	memset(buf, POISON, ln->l.slot < off + len + GUARD ? ln->l.slot : off + len + GUARD);
	ln->r->bytes_received += len;
	ln->r->writes_verified++;
}

static void take_mark(struct lane *ln, const struct ibv_wc *wc)
{
	uint32_t imm = be32toh(wc->imm_data);
	uint64_t k = ln->writes_seen;
	struct write_plan p = lane_write_plan(ln, !ln->o->server, k);

	ln->r->received++;
	ln->peer_seq++;
	if (!in_sequence(ln, "RDMA WRITE", (k & ~0xffffffffull) | imm, &ln->writes_seen))
		return;
	if (wc->byte_len != p.mark_len)
		result_error(ln->r, "qp %d: RDMA WRITE %" PRIu64 " with immediate has %u bytes, not %u", ln->id,
			     k, wc->byte_len, p.mark_len);
	check_write(ln, k, false, p.offset, p.len);
	check_write(ln, k, true, 0, p.mark_len);
}

void lane_received(struct lane *ln, const struct ibv_wc *wc)
{
	uint8_t *buf;
	uint32_t used = 0;

	if (wc->status != IBV_WC_SUCCESS) {
		result_error(ln->r, "qp %d: receive %" PRIu64 ": %s", ln->id, wc->wr_id,
			     ibv_wc_status_str(wc->status));
		quit_requested = 1;
		return;
	}
	if (wc->wr_id != ln->recv_count % ln->l.rx_slots) {
		result_error(ln->r, "qp %d: receive %" PRIu64 " completed, expected %" PRIu64, ln->id, wc->wr_id,
			     ln->recv_count % ln->l.rx_slots);
		quit_requested = 1;
		return;
	}
	ln->recv_count++;
	lane_start(ln);
	buf = ln->rx + ln->l.rx_recv + wc->wr_id * ln->l.slot;
	if (wc->opcode == IBV_WC_RECV_RDMA_WITH_IMM) {
		take_mark(ln, wc);
	} else if (wc->opcode != IBV_WC_RECV || wc->byte_len > ln->l.slot) {
		result_error(ln->r, "qp %d: receive completion with opcode %d, %u bytes", ln->id, wc->opcode,
			     wc->byte_len);
	} else {
		used = wc->byte_len;
		ln->r->bytes_received += used;
		if (used < sizeof(struct hdr))
			take_tiny(ln, buf, wc);
		else
			take_message(ln, buf, wc);
	}
	if (poison_check(buf + used, ln->l.slot - used < GUARD ? ln->l.slot - used : GUARD) >= 0)
		result_error(ln->r, "qp %d: a receive of %u bytes wrote behind its end", ln->id, used);
	memset(buf, POISON, used);
	lane_post_recv(ln, wc->wr_id);
}
