// SPDX-License-Identifier: MIT
/* One process: its contexts, CQs, lanes and threads; see lane.h for the protocol. */
#include "verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_TO_ACK 5	/* so that some are unacknowledged at most moments */

struct worker {
	pthread_t thread;
	const struct options *o;
	struct result *r;
	struct group *groups;
	int ngroups;
};

static struct ibv_cq *create_cq(struct group *g, int cqe)
{
	struct ibv_cq *cq = ibv_create_cq(g->ctx, cqe, g, g->channel, 0);

	if (!cq)
		die("ibv_create_cq: %m");
	if (g->channel && ibv_req_notify_cq(cq, 0))
		die("ibv_req_notify_cq: %m");
	return cq;
}

static void group_create(struct group *g, const struct options *o, struct ibv_context *ctx, struct ibv_pd *pd,
			 int nlanes)
{
	g->ctx = ctx;
	g->pd = pd;
	g->lanes = calloc(nlanes, sizeof(*g->lanes));
	if (o->events) {
		g->channel = ibv_create_comp_channel(ctx);
		if (!g->channel)
			die("ibv_create_comp_channel: %m");
		fcntl(g->channel->fd, F_SETFL, fcntl(g->channel->fd, F_GETFL) | O_NONBLOCK);
	}
	g->scq = create_cq(g, nlanes * SQ_DEPTH);
	g->rcq = create_cq(g, nlanes * 32);
}

static struct lane *lane_of(struct group *g, uint32_t qpn)
{
	for (int i = 0; i < g->nlanes; i++)
		if (g->lanes[i]->qp->qp_num == qpn)
			return g->lanes[i];
	return NULL;
}

static bool drain_cq(struct group *g, struct ibv_cq *cq, struct result *r)
{
	struct ibv_wc wc[16];
	bool any = false;
	int n;

	while ((n = ibv_poll_cq(cq, ARRAY_SIZE(wc), wc)) > 0) {
		any = true;
		for (int i = 0; i < n; i++) {
			struct lane *ln = lane_of(g, wc[i].qp_num);

			if (!ln) {
				result_error(r, "a completion names QPN %u, which is not ours", wc[i].qp_num);
				quit_requested = 1;
			} else if (cq == g->scq) {
				lane_send_done(ln, &wc[i]);
			} else {
				lane_received(ln, &wc[i]);
			}
		}
	}
	if (n < 0) {
		result_error(r, "ibv_poll_cq: %d", n);
		quit_requested = 1;
	}
	return any;
}

/* With events a CQ is looked at only after its event: a lost one shows as a hang. */
static bool drain_events(struct group *g, struct result *r)
{
	struct ibv_cq *cq;
	void *context;
	bool any = false;

	while (!ibv_get_cq_event(g->channel, &cq, &context)) {
		unsigned int *unacked = &g->unacked_events[cq == g->rcq];

		if (context != g)
			result_error(r, "a CQ event carries a wrong context");
		if (++*unacked == EVENTS_TO_ACK) {
			ibv_ack_cq_events(cq, *unacked);
			*unacked = 0;
		}
		if (ibv_req_notify_cq(cq, 0))
			result_error(r, "ibv_req_notify_cq: %m");
		drain_cq(g, cq, r);
		any = true;
	}
	return any;
}

static void wait_for_work(struct worker *w, int *idle)
{
	struct pollfd fds[w->ngroups];
	int ms = w->o->rate ? 1000 / w->o->rate + 1 : 200;

	if (w->o->events) {
		for (int i = 0; i < w->ngroups; i++)
			fds[i] = (struct pollfd){ .fd = w->groups[i].channel->fd, .events = POLLIN };
		poll(fds, w->ngroups, ms > 200 ? 200 : ms);
	} else if (++*idle > 50) {
		usleep(*idle > 1000 ? 5000 : 200);	/* others need the processor too */
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;
	int idle = 0;

	while (!quit_requested) {
		bool any = false, all = true;

		for (int i = 0; i < w->ngroups; i++) {
			struct group *g = &w->groups[i];

			if (g->channel)
				any |= drain_events(g, w->r);
			else
				any |= drain_cq(g, g->scq, w->r) | drain_cq(g, g->rcq, w->r);
			for (int j = 0; j < g->nlanes; j++) {
				if (w->o->idle && stop_requested)
					lane_start(g->lanes[j]);
				any |= lane_transmit(g->lanes[j]);
				all &= lane_finished(g->lanes[j]);
			}
		}
		if (all)
			break;
		if (status_requested) {
			status_requested = 0;
			for (int i = 0; i < w->ngroups; i++)
				for (int j = 0; j < w->groups[i].nlanes; j++)
					lane_describe(w->groups[i].lanes[j], 2);
		}
		if (any)
			idle = 0;
		else
			wait_for_work(w, &idle);
	}
	return NULL;
}

static void connect_lanes(const struct options *o, struct lane *lanes, int proc)
{
	uint32_t mine[2] = { o->size, o->qps }, theirs[2];
	int fd = exchange_open(o, proc);

	exchange_swap(fd, mine, theirs, sizeof(mine));
	if (memcmp(mine, theirs, sizeof(mine)))
		die("the peer has --size %u --qps %u, this end %u %u", theirs[0], theirs[1], mine[0], mine[1]);
	for (int i = 0; i < o->qps; i++) {
		exchange_swap(fd, &lanes[i].me, &lanes[i].peer, sizeof(lanes[i].me));
		lane_connect(&lanes[i]);
	}
	/* Nobody sends before both can receive. */
	exchange_swap(fd, mine, theirs, 1);
	exchange_close(fd);
}

static void check_async_events(struct ibv_context *ctx, struct result *r)
{
	struct ibv_async_event ev;

	fcntl(ctx->async_fd, F_SETFL, fcntl(ctx->async_fd, F_GETFL) | O_NONBLOCK);
	while (!ibv_get_async_event(ctx, &ev)) {
		if (ev.event_type != IBV_EVENT_COMM_EST && ev.event_type != IBV_EVENT_GID_CHANGE &&
		    ev.event_type != IBV_EVENT_PORT_ACTIVE)
			result_error(r, "async event: %s", ibv_event_type_str(ev.event_type));
		ibv_ack_async_event(&ev);
	}
}

/* Destroying a CQ waits until as many events are acknowledged as were read. */
static void tear_down(struct worker *workers, const struct options *o, struct result *r)
{
	for (int t = 0; t < o->threads; t++)
		for (int i = 0; i < workers[t].ngroups; i++) {
			struct group *g = &workers[t].groups[i];

			for (int j = 0; j < g->nlanes; j++)
				if (ibv_destroy_qp(g->lanes[j]->qp) || ibv_dereg_mr(g->lanes[j]->rx_mr) ||
				    ibv_dereg_mr(g->lanes[j]->tx_mr))
					result_error(r, "qp %d cannot be destroyed: %m", g->lanes[j]->id);
			ibv_ack_cq_events(g->scq, g->unacked_events[0]);
			ibv_ack_cq_events(g->rcq, g->unacked_events[1]);
			if (ibv_destroy_cq(g->scq) || ibv_destroy_cq(g->rcq) ||
			    (g->channel && ibv_destroy_comp_channel(g->channel)))
				result_error(r, "a CQ or its channel cannot be destroyed: %m");
		}
}

/* A QP that is gone acknowledges nothing, and rxe takes a retry count of 7 for "for ever". */
static void linger(int seconds)
{
	struct timespec ts = { seconds, 0 };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

void run_process(const struct options *o, struct result *r, int proc)
{
	struct lane *lanes = calloc(o->qps, sizeof(*lanes));
	struct worker *workers = calloc(o->threads, sizeof(*workers));
	struct ibv_context **ctx = calloc(o->contexts, sizeof(*ctx));
	struct ibv_pd **pd = calloc(o->contexts, sizeof(*pd));
	union ibv_gid gid;
	int gid_index = 0;

	for (int c = 0; c < o->contexts; c++) {
		ctx[c] = device_open(o->dev);
		pd[c] = ibv_alloc_pd(ctx[c]);
		if (!pd[c])
			die("ibv_alloc_pd: %m");
		gid_index = device_gid(ctx[c], o, &gid);
	}
	for (int t = 0; t < o->threads; t++) {
		workers[t] = (struct worker){ .o = o, .r = r, .ngroups = o->contexts,
					      .groups = calloc(o->contexts, sizeof(struct group)) };
		for (int c = 0; c < o->contexts; c++)
			group_create(&workers[t].groups[c], o, ctx[c], pd[c], o->qps);
	}
	for (int i = 0; i < o->qps; i++) {
		struct group *g = &workers[i % o->threads].groups[i / o->threads % o->contexts];

		lane_create(&lanes[i], o, g, r, proc * 64 + i);
		lanes[i].me.gid = gid;
		lanes[i].me.reserved = gid_index;
		g->lanes[g->nlanes++] = &lanes[i];
	}
	connect_lanes(o, lanes, proc);
	dprintf(2, "running pid=%d qpn=%u\n", getpid(), lanes[0].me.qpn);

	for (int t = 1; t < o->threads; t++)
		if (pthread_create(&workers[t].thread, NULL, work, &workers[t]))
			die("pthread_create: %m");
	work(&workers[0]);
	for (int t = 1; t < o->threads; t++)
		pthread_join(workers[t].thread, NULL);

	if (quit_requested) {
		result_error(r, "ended before the exchange was complete");
		for (int i = 0; i < o->qps; i++)
			lane_describe(&lanes[i], 2);
		return;
	}
	linger(o->linger);
	for (int t = 0; t < o->threads; t++)
		for (int c = 0; c < o->contexts; c++)
			if (drain_cq(&workers[t].groups[c], workers[t].groups[c].scq, r) |
			    drain_cq(&workers[t].groups[c], workers[t].groups[c].rcq, r))
				result_error(r, "a completion arrived after the last one");
	for (int c = 0; c < o->contexts; c++)
		check_async_events(ctx[c], r);
	tear_down(workers, o, r);
	for (int c = 0; c < o->contexts; c++)
		if (ibv_dealloc_pd(pd[c]) || ibv_close_device(ctx[c]))
			result_error(r, "the context cannot be closed: %m");
	r->finished = true;
}
