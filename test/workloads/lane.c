// SPDX-License-Identifier: MIT
#include "lane.h"

#include <stdio.h>
#include <string.h>

static struct layout layout_of(uint32_t size)
{
	struct layout l = { 0 };

	l.window = size <= 16384 ? 16 : size <= 131072 ? 8 : size <= 524288 ? 4 : 2;
	l.rx_slots = l.window + 6;
	l.slot = (size + 63) & ~63u;

	l.rx_recv = 0;
	l.rx_write = l.rx_recv + (size_t)l.rx_slots * l.slot;
	l.rx_read = l.rx_write + 2ull * l.window * l.slot;
	l.rx_atomic = l.rx_read + (size_t)READ_SLOTS * l.slot;
	l.rx_len = l.rx_atomic + 64;

	l.tx_data = 0;
	l.tx_write = l.tx_data + (size_t)l.window * l.slot;
	l.tx_read = l.tx_write + 2ull * l.window * l.slot;
	l.tx_ack = l.tx_read + (size_t)READ_SLOTS * l.slot;
	l.tx_atomic = l.tx_ack + ACK_SLOTS * ACK_BYTES;
	l.tx_len = l.tx_atomic + ATOMIC_SLOTS * 8;
	return l;
}

struct plan lane_plan(const struct lane *ln, bool from_server, uint64_t seq)
{
	uint64_t r = lane_key(ln, DOM_PLAN, from_server, seq);
	uint32_t size = ln->o->size, min = sizeof(struct hdr);
	uint32_t any = (r >> 8) % (size - min + 1) + min;
	struct plan p = { .imm = (r >> 4) & 1 };

	switch (r & 7) {
	case 0:
		return (struct plan){ .tiny = true, .imm = true, .len = (r >> 8) % 64 };
	case 1:
	case 2:
		p.len = min + (r >> 8) % 128;
		break;
	case 3:		/* around one packet */
		p.len = 1020 + (r >> 8) % 9;
		break;
	case 4:
	case 5:
		p.len = any;
		break;
	default:
		p.len = size - (r >> 8) % 9;
	}
	if (p.len > size)
		p.len = size;
	if (p.len < min)
		p.len = min;
	return p;
}

struct write_plan lane_write_plan(const struct lane *ln, bool from_server, uint64_t k)
{
	uint64_t r = lane_key(ln, DOM_PLAN, from_server, ~k);
	struct write_plan p;

	p.offset = r & 7;
	p.len = (r >> 3) % (ln->o->size - p.offset) + 1;
	p.mark_len = (k & 3) || ln->o->no_empty ? (r >> 33) % ln->o->size + 1 : 0;
	return p;
}

uint64_t hdr_check(const struct lane *ln, bool from_server, const void *msg, size_t len)
{
	uint64_t h = pattern_key(0, ln->id, from_server, len), w;

	for (size_t i = 0; i < len; i += 8) {
		if (i == offsetof(struct hdr, check))
			continue;
		memcpy(&w, (const uint8_t *)msg + i, 8);
		h = mix64(h ^ w);
	}
	return h;
}

void lane_post_recv(struct lane *ln, uint32_t slot)
{
	uint64_t addr = (uintptr_t)ln->rx + ln->l.rx_recv + (uint64_t)slot * ln->l.slot;
	/* Two elements, and the first one ends inside the header. */
	struct ibv_sge sge[2] = {
		{ .addr = addr, .length = 40, .lkey = ln->rx_mr->lkey },
		{ .addr = addr + 40, .length = ln->l.slot - 40, .lkey = ln->rx_mr->lkey },
	};
	struct ibv_recv_wr wr = { .wr_id = slot, .sg_list = sge, .num_sge = 2 }, *bad;
	int rc = ibv_post_recv(ln->qp, &wr, &bad);

	if (rc)
		result_error(ln->r, "qp %d: ibv_post_recv: %s", ln->id, strerror(rc));
	ln->recv_posted++;
}

void lane_fill_read(struct lane *ln, int slot)
{
	uint8_t *p = ln->rx + ln->l.rx_read + (size_t)slot * ln->l.slot;
	uint32_t gen = ++ln->my_gen[slot];

	pattern_fill(p, ln->l.slot,
		     lane_key(ln, DOM_READ, ln->o->server, (uint64_t)gen * READ_SLOTS + slot));
	if (ln->o->fault == FAULT_CORRUPT_READ && gen == ln->o->fault_at)
		p[ln->l.slot - 1] ^= 0x10;
	ln->want_publish = true;
}

void lane_create(struct lane *ln, const struct options *o, struct group *g, struct result *r, int id)
{
	struct ibv_qp_init_attr init = {
		.send_cq = g->scq,
		.recv_cq = g->rcq,
		.qp_type = IBV_QPT_RC,
		.cap = { .max_send_wr = SQ_DEPTH, .max_send_sge = 2, .max_recv_sge = 2,
			 .max_inline_data = 128 },
	};

	memset(ln, 0, sizeof(*ln));
	ln->o = o;
	ln->grp = g;
	ln->r = r;
	ln->id = id;
	ln->l = layout_of(o->size);
	ln->state = o->idle ? LANE_IDLE : LANE_RUN;
	ln->random = pattern_key(99, id, o->server, 1);
	init.cap.max_recv_wr = ln->l.rx_slots;
	ln->rx = page_alloc(ln->l.rx_len);
	ln->tx = page_alloc(ln->l.tx_len);
	memset(ln->rx + ln->l.rx_atomic, 0, 64);
	ln->rx_mr = ibv_reg_mr(g->pd, ln->rx, ln->l.rx_len,
			       IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
			       IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC);
	ln->tx_mr = ibv_reg_mr(g->pd, ln->tx, ln->l.tx_len, IBV_ACCESS_LOCAL_WRITE);
	if (!ln->rx_mr || !ln->tx_mr)
		die("ibv_reg_mr: %m");
	ln->qp = ibv_create_qp(g->pd, &init);
	if (!ln->qp)
		die("ibv_create_qp: %m");
	ln->max_inline = init.cap.max_inline_data;
	if (rc_to_init(ln->qp))
		die("QP to INIT: %m");
	for (uint32_t i = 0; i < ln->l.rx_slots; i++)
		lane_post_recv(ln, i);
	for (int i = 0; i < READ_SLOTS; i++)
		lane_fill_read(ln, i);

	ln->me.qpn = ln->qp->qp_num;
	/* Every other lane wraps the 24 bits of its packet sequence numbers soon. */
	ln->me.psn = id & 1 ? 0x100000 + id * 0x1357 : 0xffff00 - id;
	ln->me.rx_addr = (uintptr_t)ln->rx;
	ln->me.rx_rkey = ln->rx_mr->rkey;
}

void lane_connect(struct lane *ln)
{
	struct rc_path path = {
		.dest_qpn = ln->peer.qpn,
		.rq_psn = ln->peer.psn,
		.sq_psn = ln->me.psn,
		.dgid = ln->peer.gid,
		.sgid_index = ln->me.reserved,
		.mtu = ln->o->mtu,
		.timeout = ln->o->timeout,
		.retry = ln->o->retry,
	};

	if (rc_to_rtr(ln->qp, &path))
		die("QP to RTR: %m");
	if (rc_to_rts(ln->qp, &path))
		die("QP to RTS: %m");
}

void lane_start(struct lane *ln)
{
	if (ln->state == LANE_IDLE)
		ln->state = LANE_RUN;
}

bool lane_finished(const struct lane *ln)
{
	return ln->post_id == ln->done_id && ln->bye_done && ln->peer_bye;
}

void lane_describe(const struct lane *ln, int fd)
{
	dprintf(fd,
		"{\"qp\":%d,\"qpn\":%u,\"state\":%d,\"seq\":%lu,\"acked\":%lu,\"expects\":%lu,"
		"\"posted\":%lu,\"completed\":%lu,\"fin\":[%d,%d,%d],\"bye\":[%d,%d,%d]}\n",
		ln->id, ln->me.qpn, ln->state, ln->seq, ln->acked, ln->peer_seq, ln->post_id,
		ln->done_id, ln->fin_sent, ln->fin_done, ln->peer_fin, ln->bye_sent, ln->bye_done,
		ln->peer_bye);
}
