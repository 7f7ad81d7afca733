/* SPDX-License-Identifier: MIT */
/*
 * A lane is one RC connection, the same protocol in both directions at once.
 *
 * Messages that count ("data": SENDs and RDMA WRITE WITH IMMEDIATE) carry or
 * imply a sequence number and are limited to a window that the receiver opens
 * by the cumulative acknowledgement in every header; a separate ACK message,
 * outside the window, is sent when half a window is unacknowledged, so two
 * ends can never wait for each other.  Everything else hangs on data:
 *  - WRITEs are marked by the WRITE WITH IMMEDIATE that follows them;
 *  - slots for READ are published, and given back, by generation numbers in
 *    the headers;
 *  - atomics are summed up in FIN, the last data message of each direction.
 * After both FINs the client says BYE and the server answers with its own, so
 * that nothing but the transport's acknowledgements is under way when an end
 * lingers for them: any completion then is one too many.
 */
#ifndef ROAM_WORKLOAD_LANE_H
#define ROAM_WORKLOAD_LANE_H

#include "common.h"

#define SQ_DEPTH	128
#define READ_SLOTS	4
#define ATOMIC_SLOTS	4
#define ACK_SLOTS	16
#define ACK_BYTES	128
#define READS_PER_GENERATION 3
#define HDR_MAGIC	0x4d414f52u
#define SEND_IMM(seq)	((uint32_t)(seq) ^ 0x5a5a0000u)

enum domain { DOM_SEND = 1, DOM_WRITE, DOM_MARK, DOM_READ, DOM_PLAN, DOM_CAS };

enum msg_type { MSG_DATA = 1, MSG_PUBLISH, MSG_ACK, MSG_FIN, MSG_BYE };

struct hdr {
	uint32_t magic;
	uint16_t type;
	uint16_t has_imm;
	uint64_t seq;
	uint32_t len;
	uint32_t reserved;
	uint64_t acked;			/* the next sequence number that the sender expects */
	uint32_t rd_gen[READ_SLOTS];	/* generation that may be READ, 0: none */
	uint32_t rd_done[READ_SLOTS];	/* generation of the peer's slot that was read */
	uint64_t check;
};

struct fin {
	struct hdr hdr;
	uint64_t data, writes, acks, faa_sum, cas_value;
};

enum wr_kind { WR_SEND, WR_WRITE, WR_MARK, WR_READ, WR_FAA, WR_CAS, WR_ACK, WR_FIN, WR_BYE };

struct tx_op {
	enum wr_kind kind;
	bool signaled;
	uint32_t slot, len, offset;
	uint64_t a, b;		/* READ: generation; FAA: expected; CAS: expected, mismatch on purpose */
};

struct peer_info {
	uint32_t qpn, psn, rx_rkey, reserved;
	uint64_t rx_addr;
	union ibv_gid gid;
};

struct layout {
	uint32_t window, rx_slots, slot;
	size_t rx_recv, rx_write, rx_read, rx_atomic, rx_len;
	size_t tx_data, tx_write, tx_read, tx_ack, tx_atomic, tx_len;
};

/* Everything with the same thread and context shares a PD, CQs and a channel. */
struct group {
	struct ibv_context *ctx;
	struct ibv_pd *pd;
	struct ibv_comp_channel *channel;
	struct ibv_cq *scq, *rcq;
	unsigned int unacked_events[2];
	struct lane **lanes;
	int nlanes;
};

enum lane_state { LANE_IDLE, LANE_RUN, LANE_DRAIN };

struct lane {
	const struct options *o;
	struct result *r;
	struct group *grp;
	struct ibv_qp *qp;
	struct ibv_mr *rx_mr, *tx_mr;
	uint8_t *rx, *tx;
	struct layout l;
	struct peer_info me, peer;
	uint32_t max_inline;
	int id;
	enum lane_state state;

	/* sender */
	uint64_t post_id, done_id;
	struct tx_op ring[SQ_DEPTH];
	uint64_t seq, acked, ack_seq;
	uint64_t data_posted, data_done;	/* source slots of SENDs */
	uint64_t writes, writes_done;		/* pairs of source slots */
	uint64_t mark_seq[16];			/* data sequence number of the marker, by slot */
	uint64_t acks_posted, acks_done;
	uint64_t ops, random;
	uint64_t next_ns;
	bool last_unsignaled, want_publish, fault_done;
	bool fin_sent, fin_done, bye_sent, bye_done;

	/* READs and atomics of this end */
	uint32_t peer_gen[READ_SLOTS], my_done[READ_SLOTS], gen_reads[READ_SLOTS];
	bool reading[READ_SLOTS];
	uint64_t atomics_posted, atomics_done;
	uint64_t faa_sum, faa_count, cas_value, cas_count;

	/* receiver */
	uint64_t recv_count, recv_posted;
	uint64_t peer_seq, peer_ack_seq, peer_acked;
	uint64_t writes_seen;
	uint32_t my_gen[READ_SLOTS];
	bool peer_fin, peer_bye;
};

/* What a DATA message with this number looks like; both ends compute it. */
struct plan {
	bool tiny, imm;
	uint32_t len;
};

struct write_plan {
	uint32_t offset, len, mark_len;
};

struct plan lane_plan(const struct lane *ln, bool from_server, uint64_t seq);
struct write_plan lane_write_plan(const struct lane *ln, bool from_server, uint64_t k);
uint64_t hdr_check(const struct lane *ln, bool from_server, const void *msg, size_t len);

/* lane.c */
void lane_create(struct lane *ln, const struct options *o, struct group *g, struct result *r, int id);
void lane_connect(struct lane *ln);
void lane_post_recv(struct lane *ln, uint32_t slot);
void lane_fill_read(struct lane *ln, int slot);
bool lane_finished(const struct lane *ln);
void lane_start(struct lane *ln);
void lane_describe(const struct lane *ln, int fd);

/* lane_tx.c; true: something was posted */
bool lane_transmit(struct lane *ln);

/* lane_done.c: completions of what this end sent */
void lane_send_done(struct lane *ln, const struct ibv_wc *wc);

/* lane_rx.c */
void lane_received(struct lane *ln, const struct ibv_wc *wc);

static inline uint64_t lane_key(const struct lane *ln, enum domain d, bool from_server, uint64_t id)
{
	return pattern_key(d, ln->id, from_server, id);
}

#endif
