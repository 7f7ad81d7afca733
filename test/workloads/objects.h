/* SPDX-License-Identifier: MIT */
/* What the stories of `objects` share. */
#ifndef ROAM_WORKLOAD_OBJECTS_H
#define ROAM_WORKLOAD_OBJECTS_H

#include "common.h"

#define SLOT	4096
#define SLOTS	64
#define OUT	32	/* the first slot that is sent from */
#define GRH	40	/* bytes before a datagram */

struct side {
	int lane;
	struct ibv_qp *qp;
	struct ibv_ah *ah;	/* UD */
	struct rc_path path;
	uint32_t qkey;		/* UD */
	uint32_t remote_qpn;	/* UD: whom it sends to */
	unsigned int sent, received;
};

struct objects {
	struct options o;
	struct result r;
	struct ibv_context *ctx;
	struct ibv_pd *pd;
	struct ibv_comp_channel *channel;	/* of rcq */
	struct ibv_cq *scq, *rcq;
	struct ibv_mr *mr;
	uint8_t *buf;
	int fd;			/* to the peer, until ready() */
};

/* A connection between both ends, in RTS; the peer calls the same.  srq may be NULL. */
void side_create(struct objects *b, struct side *s, int lane, enum ibv_qp_type type,
		 struct ibv_srq *srq);
void side_connect(struct objects *b, struct side *s);

void slot_sge(struct objects *b, unsigned int slot, struct ibv_sge *sge);
void post_recv(struct objects *b, struct ibv_qp *qp, struct ibv_srq *srq, unsigned int id);
void post_send(struct objects *b, struct side *s);
/* One completion, waited for; false: there was none, or none that is good. */
bool next_wc(struct objects *b, struct ibv_cq *cq, struct ibv_wc *wc);
void expect_sent(struct objects *b, unsigned int count);
/* The next receive: wr_id is the order in which it was posted. */
void expect_received(struct objects *b, struct side *sides, int nr_sides, unsigned int id);
void expect_empty(struct objects *b, struct ibv_cq *cq, const char *what);
/* The next async event, acknowledged; IBV_EVENT_CQ_ERR if none comes. */
enum ibv_event_type next_event(struct objects *b, int timeout_ms, void *element);
void expect_event(struct objects *b, enum ibv_event_type type, void *element);
void expect_no_event(struct objects *b);
void good(struct objects *b, int rc, const char *what);

/* Both ends are here. */
void barrier(struct objects *b);
/* Nothing goes on any more: the process may move.  Returns after SIGUSR1. */
void ready(struct objects *b);
/* What came along is as it was. */
void checked(void);

void srq_server(struct objects *b);
void srq_client(struct objects *b);
void datagram_server(struct objects *b, enum ibv_qp_type type);
void datagram_client(struct objects *b, enum ibv_qp_type type);
void mw_server(struct objects *b);
void mw_client(struct objects *b);
void mcast_server(struct objects *b);
void mcast_client(struct objects *b);
void mr_server(struct objects *b);
void mr_client(struct objects *b);

#endif
