// SPDX-License-Identifier: MIT
#include "lane.h"

#include <string.h>

static uint64_t next_random(struct lane *ln)
{
	return mix64(ln->random += 0x9e3779b97f4a7c15ull);
}

static bool fault_now(struct lane *ln, enum fault f, uint64_t at)
{
	if (ln->o->fault != f || at < ln->o->fault_at || ln->fault_done || ln->id != 0)
		return false;
	ln->fault_done = true;
	return true;
}

/* op is kept until the completion, which names it by its number. */
static void post(struct lane *ln, struct ibv_send_wr *wr, struct tx_op op)
{
	struct ibv_send_wr *bad;
	int rc;

	op.signaled = wr->send_flags & IBV_SEND_SIGNALED;
	wr->wr_id = ln->post_id;
	ln->ring[ln->post_id++ % SQ_DEPTH] = op;
	rc = ibv_post_send(ln->qp, wr, &bad);
	if (rc)
		result_error(ln->r, "qp %d: ibv_post_send: %s", ln->id, strerror(rc));
}

static void fill_hdr(struct lane *ln, struct hdr *h, enum msg_type type, uint64_t seq, uint32_t len)
{
	memset(h, 0, sizeof(*h));
	h->magic = HDR_MAGIC;
	h->type = type;
	h->seq = seq;
	h->len = len;
	h->acked = ln->peer_acked = ln->peer_seq;
	memcpy(h->rd_gen, ln->my_gen, sizeof(h->rd_gen));
	memcpy(h->rd_done, ln->my_done, sizeof(h->rd_done));
	ln->want_publish = false;
}

static void post_ack(struct lane *ln)
{
	uint32_t slot = ln->acks_posted++ % ACK_SLOTS;
	struct hdr *h = (struct hdr *)(ln->tx + ln->l.tx_ack + slot * ACK_BYTES);
	struct ibv_sge sge = { (uintptr_t)h, sizeof(*h), ln->tx_mr->lkey };
	struct ibv_send_wr wr = { .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND,
				  .send_flags = IBV_SEND_SIGNALED };

	fill_hdr(ln, h, MSG_ACK, ln->ack_seq++, sizeof(*h));
	h->check = hdr_check(ln, ln->o->server, h, sizeof(*h));
	post(ln, &wr, (struct tx_op){ .kind = WR_ACK });
	ln->r->acks++;
}

static bool may_send_data(const struct lane *ln)
{
	return ln->seq - ln->acked < ln->l.window && ln->data_posted - ln->data_done < ln->l.window;
}

static void post_data(struct lane *ln, bool publish)
{
	bool server = ln->o->server;
	uint64_t seq = ln->seq++;
	struct plan p = lane_plan(ln, server, seq);
	uint32_t slot = ln->data_posted++ % ln->l.window;
	uint8_t *buf = ln->tx + ln->l.tx_data + (size_t)slot * ln->l.slot;
	uint64_t key = lane_key(ln, DOM_SEND, server, seq);
	struct ibv_sge sge[2] = { { (uintptr_t)buf, 0, ln->tx_mr->lkey } };
	struct ibv_send_wr wr = { .sg_list = sge, .num_sge = 1 };
	uint32_t off = sizeof(struct hdr);

	if (publish)
		p = (struct plan){ .len = sizeof(struct hdr) };
	if (p.tiny) {
		off = 0;
	} else {
		struct hdr *h = (struct hdr *)buf;

		fill_hdr(ln, h, publish ? MSG_PUBLISH : MSG_DATA, seq, p.len);
		h->has_imm = p.imm;
		h->check = hdr_check(ln, server, h, sizeof(*h));
	}
	pattern_fill(buf + off, p.len - off, key);
	if (p.len > off && fault_now(ln, FAULT_CORRUPT, seq))
		buf[off + (p.len - off) / 2] ^= 0x01;

	wr.opcode = p.imm ? IBV_WR_SEND_WITH_IMM : IBV_WR_SEND;
	wr.imm_data = htobe32(SEND_IMM(seq));
	sge[0].length = p.len;
	if (seq % 3 == 0 && p.len > 16) {
		sge[0].length = p.len / 3;
		sge[1] = (struct ibv_sge){ (uintptr_t)buf + p.len / 3, p.len - p.len / 3,
					   ln->tx_mr->lkey };
		wr.num_sge = 2;
	}
	if (p.len <= ln->max_inline && (next_random(ln) & 1))
		wr.send_flags |= IBV_SEND_INLINE;
	if (next_random(ln) % 16 == 0 && !ln->o->no_fence)
		wr.send_flags |= IBV_SEND_FENCE;
	/* Never two in a row: a slot must become free without a later message. */
	ln->last_unsignaled = !ln->last_unsignaled && (next_random(ln) & 1);
	if (!ln->last_unsignaled)
		wr.send_flags |= IBV_SEND_SIGNALED;

	ln->r->sent++;
	ln->r->sends++;
	ln->r->bytes_sent += p.len;
	if (fault_now(ln, FAULT_DROP, seq)) {
		ln->data_posted--;
		return;
	}
	post(ln, &wr, (struct tx_op){ .kind = WR_SEND, .slot = slot, .len = p.len });
	if (fault_now(ln, FAULT_REPEAT, seq)) {
		ln->data_posted++;
		wr.send_flags |= IBV_SEND_SIGNALED;
		post(ln, &wr, (struct tx_op){ .kind = WR_SEND, .slot = slot, .len = p.len });
	}
	if (wr.send_flags & IBV_SEND_INLINE)	/* the verb must have taken a copy */
		memset(buf, 0xdd, p.len);
}

static void fill_write(struct lane *ln, uint64_t k, struct ibv_sge *sge, struct ibv_send_wr *wr, bool mark)
{
	struct write_plan p = lane_write_plan(ln, ln->o->server, k);
	uint32_t slot = (k % ln->l.window) * 2 + mark;
	uint8_t *buf = ln->tx + ln->l.tx_write + (size_t)slot * ln->l.slot;
	uint32_t len = mark ? p.mark_len : p.len;

	pattern_fill(buf, len, lane_key(ln, mark ? DOM_MARK : DOM_WRITE, ln->o->server, k));
	*sge = (struct ibv_sge){ (uintptr_t)buf, len, ln->tx_mr->lkey };
	wr->sg_list = sge;
	wr->num_sge = 1;
	wr->opcode = mark ? IBV_WR_RDMA_WRITE_WITH_IMM : IBV_WR_RDMA_WRITE;
	wr->imm_data = htobe32((uint32_t)k);
	wr->send_flags = mark ? IBV_SEND_SIGNALED : 0;
	wr->wr.rdma.rkey = ln->peer.rx_rkey;
	wr->wr.rdma.remote_addr = ln->peer.rx_addr + ln->l.rx_write + (uint64_t)slot * ln->l.slot +
				  (mark ? 0 : p.offset);
	if (len <= ln->max_inline)
		wr->send_flags |= IBV_SEND_INLINE;
}

static bool may_write(const struct lane *ln)
{
	return ln->seq - ln->acked < ln->l.window && ln->writes - ln->writes_done < ln->l.window;
}

static void post_write(struct lane *ln)
{
	uint64_t k = ln->writes++;
	struct ibv_send_wr wr = { 0 };
	struct ibv_sge sge;

	fill_write(ln, k, &sge, &wr, false);
	if (fault_now(ln, FAULT_CORRUPT_WRITE, k))
		*(uint8_t *)(uintptr_t)sge.addr ^= 0x80;
	if (!fault_now(ln, FAULT_DROP_WRITE, k))
		post(ln, &wr, (struct tx_op){ .kind = WR_WRITE });
	ln->r->bytes_sent += sge.length;

	ln->mark_seq[k % ln->l.window] = ln->seq++;
	memset(&wr, 0, sizeof(wr));
	fill_write(ln, k, &sge, &wr, true);
	post(ln, &wr, (struct tx_op){ .kind = WR_MARK });
	ln->r->bytes_sent += sge.length;
	ln->r->sent++;
	ln->r->writes += 2;
}

/* A WRITE that the peer has verified already lands in its slot once more. */
static void repeat_write(struct lane *ln)
{
	struct ibv_send_wr wr = { 0 };
	struct ibv_sge sge;

	for (uint64_t k = ln->writes; k-- > 0 && ln->writes - k <= ln->l.window;)
		if (ln->mark_seq[k % ln->l.window] < ln->acked &&
		    fault_now(ln, FAULT_REPEAT_WRITE, ln->seq)) {
			fill_write(ln, k, &sge, &wr, false);
			post(ln, &wr, (struct tx_op){ .kind = WR_WRITE });
		}
}

static bool post_read(struct lane *ln)
{
	uint64_t r = next_random(ln);

	for (int n = 0; n < READ_SLOTS; n++) {
		uint32_t slot = (r + n) % READ_SLOTS;
		uint32_t off = ((r >> 8) % ln->l.slot) & ~7u;
		uint32_t len = (r & 64) ? ln->l.slot - off : (r >> 32) % (ln->l.slot - off) + 1;
		struct ibv_sge sge = { (uintptr_t)ln->tx + ln->l.tx_read + (size_t)slot * ln->l.slot,
				       len, ln->tx_mr->lkey };
		struct ibv_send_wr wr = { .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_RDMA_READ,
					  .send_flags = IBV_SEND_SIGNALED };

		if (ln->reading[slot] || ln->peer_gen[slot] == ln->my_done[slot])
			continue;
		wr.wr.rdma.rkey = ln->peer.rx_rkey;
		wr.wr.rdma.remote_addr = ln->peer.rx_addr + ln->l.rx_read + (uint64_t)slot * ln->l.slot + off;
		ln->reading[slot] = true;
		post(ln, &wr, (struct tx_op){ .kind = WR_READ, .slot = slot, .len = len, .offset = off,
					      .a = ln->peer_gen[slot] });
		ln->r->reads++;
		return true;
	}
	return false;
}

static bool post_atomic(struct lane *ln, bool cas)
{
	uint32_t slot = ln->atomics_posted % ATOMIC_SLOTS;
	struct ibv_sge sge = { (uintptr_t)ln->tx + ln->l.tx_atomic + slot * 8, 8, ln->tx_mr->lkey };
	struct ibv_send_wr wr = { .sg_list = &sge, .num_sge = 1, .send_flags = IBV_SEND_SIGNALED };
	struct tx_op op = { .kind = cas ? WR_CAS : WR_FAA, .slot = slot };

	if (ln->atomics_posted - ln->atomics_done >= ATOMIC_SLOTS)
		return false;
	ln->atomics_posted++;
	wr.wr.atomic.rkey = ln->peer.rx_rkey;
	wr.wr.atomic.remote_addr = ln->peer.rx_addr + ln->l.rx_atomic + (cas ? 8 : 0);
	if (cas) {
		uint64_t k = ++ln->cas_count;

		op.a = ln->cas_value;
		wr.opcode = IBV_WR_ATOMIC_CMP_AND_SWP;
		wr.wr.atomic.compare_add = ln->cas_value;
		wr.wr.atomic.swap = lane_key(ln, DOM_CAS, ln->o->server, k);
		if (k % 5 == 0)		/* must not swap */
			wr.wr.atomic.compare_add ^= 1;
		else
			ln->cas_value = wr.wr.atomic.swap;
		ln->r->cas++;
	} else {
		uint64_t add = ln->faa_count++ % 7 + 1;

		op.a = ln->faa_sum;
		ln->faa_sum += add;
		wr.opcode = IBV_WR_ATOMIC_FETCH_AND_ADD;
		wr.wr.atomic.compare_add = add;
		ln->r->faa++;
		if (fault_now(ln, FAULT_REPEAT_ADD, ln->faa_count)) {
			post(ln, &wr, op);
			ln->atomics_posted++;
		}
	}
	post(ln, &wr, op);
	return true;
}

static void post_last(struct lane *ln, bool bye)
{
	uint32_t slot = ln->data_posted++ % ln->l.window;
	struct fin *f = (struct fin *)(ln->tx + ln->l.tx_data + (size_t)slot * ln->l.slot);
	struct ibv_sge sge = { (uintptr_t)f, sizeof(*f), ln->tx_mr->lkey };
	struct ibv_send_wr wr = { .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND,
				  .send_flags = IBV_SEND_SIGNALED };
	uint64_t seq;

	if (!bye)
		repeat_write(ln);
	seq = ln->seq++;
	fill_hdr(ln, &f->hdr, bye ? MSG_BYE : MSG_FIN, seq, sizeof(*f));
	f->data = seq;
	f->writes = ln->writes;
	f->acks = ln->ack_seq;
	f->faa_sum = ln->faa_sum;
	f->cas_value = ln->cas_value;
	f->hdr.check = hdr_check(ln, ln->o->server, f, sizeof(*f));
	post(ln, &wr, (struct tx_op){ .kind = bye ? WR_BYE : WR_FIN });
	ln->r->sent++;
	ln->r->bytes_sent += sizeof(*f);
	if (bye)
		ln->bye_sent = true;
	else
		ln->fin_sent = true;
}

static bool rate_allows(struct lane *ln)
{
	uint64_t period, now;

	if (!ln->o->rate)
		return true;
	period = 1000000000ull / ln->o->rate;
	now = now_ns();
	/* The clock of another host may be far ahead or far behind. */
	if (now + 2 * period < ln->next_ns || now > ln->next_ns + 1000000000ull)
		ln->next_ns = now;
	if (now < ln->next_ns)
		return false;
	ln->next_ns += period;
	return true;
}

static bool post_some(struct lane *ln)
{
	unsigned int first = next_random(ln) % 5;

	for (int i = 0; i < 5; i++) {
		unsigned int op = 1u << ((first + i) % 5);

		if (!(ln->o->ops & op))
			continue;
		if (op == OP_SEND && may_send_data(ln))
			return post_data(ln, false), true;
		if (op == OP_WRITE && may_write(ln))
			return post_write(ln), true;
		if (op == OP_READ && post_read(ln))
			return true;
		if ((op == OP_FAA || op == OP_CAS) && post_atomic(ln, op == OP_CAS))
			return true;
	}
	return false;
}

bool lane_transmit(struct lane *ln)
{
	uint64_t before = ln->post_id;

	if (!ln->peer_fin && ln->peer_seq - ln->peer_acked >= (ln->l.window + 1) / 2 &&
	    ln->acks_posted - ln->acks_done < ACK_SLOTS && ln->post_id - ln->done_id < SQ_DEPTH - 8)
		post_ack(ln);
	if (ln->state == LANE_IDLE)
		return ln->post_id != before;
	if ((stop_requested && !ln->o->idle) || (ln->peer_fin && !ln->o->count) ||
	    (ln->o->count && ln->ops >= ln->o->count))
		ln->state = LANE_DRAIN;

	for (int i = 0; i < 16 && ln->state == LANE_RUN; i++) {
		if (ln->post_id - ln->done_id > SQ_DEPTH - 24)
			break;
		/* READs live on published generations; SENDs would carry them too. */
		if (ln->want_publish && (!(ln->o->ops & OP_SEND) || ln->o->rate) && may_send_data(ln))
			post_data(ln, true);
		if (!rate_allows(ln) || !post_some(ln))
			break;
		if (++ln->ops == ln->o->count)
			ln->state = LANE_DRAIN;
	}
	if (ln->state == LANE_DRAIN && !ln->fin_sent && may_send_data(ln))
		post_last(ln, false);
	if (ln->fin_done && ln->peer_fin && !ln->bye_sent && ln->post_id == ln->done_id &&
	    (!ln->o->server || ln->peer_bye))
		post_last(ln, true);
	return ln->post_id != before;
}
