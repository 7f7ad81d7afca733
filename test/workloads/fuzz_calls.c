// SPDX-License-Identifier: MIT
/* Calls of the methods themselves: sensible, slightly wrong, and senseless. */
#include "fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/rdma_user_ioctl_cmds.h>
#include <rdma/ib_user_ioctl_verbs.h>

#include "common.h"

enum takes { REQ = 1, RESP = 2, FD = 4, HANDLE = 8, ROOT = 16 };

static const struct method {
	const char *name;
	uint16_t object, method, req, resp;
	unsigned int takes;
} methods[] = {
#define M(name, object, takes, req, resp) \
	{ #name, ROAM_RXE_OBJECT_##object, ROAM_RXE_METHOD_##name, req, resp, takes }
	M(QUERY, MIGR, RESP, 0, sizeof(struct roam_rxe_query)),
	M(LIST, MIGR, REQ | RESP, sizeof(struct roam_rxe_buf), sizeof(struct roam_rxe_buf_resp)),
	M(CHECK, MIGR, REQ | RESP, sizeof(struct roam_rxe_buf), sizeof(struct roam_rxe_buf_resp)),
	M(STOP, MIGR, REQ, sizeof(struct roam_rxe_scope), 0),
	M(RESUME, MIGR, REQ, sizeof(struct roam_rxe_scope), 0),
	M(DUMP, MIGR, REQ | RESP | ROOT, sizeof(struct roam_rxe_buf), sizeof(struct roam_rxe_buf_resp)),
	M(IDENTIFY_COMP, MIGR, FD | RESP | ROOT, 0, sizeof(struct roam_rxe_fd_id)),
	M(IDENTIFY_ASYNC, MIGR, FD | RESP | ROOT, 0, sizeof(struct roam_rxe_fd_id)),
	M(RESTORE_BEGIN, RESTORE, REQ | ROOT, sizeof(struct roam_rxe_restore), 0),
	M(RESTORE_NUMBER, RESTORE, REQ | ROOT, sizeof(struct roam_rxe_number), 0),
	M(RESTORE_CQ, RESTORE, HANDLE | REQ | ROOT, sizeof(struct roam_rxe_buf), 0),
	M(RESTORE_MR, RESTORE, HANDLE | REQ | ROOT, sizeof(struct roam_rxe_buf), 0),
	M(RESTORE_QP, RESTORE, HANDLE | REQ | ROOT, sizeof(struct roam_rxe_buf), 0),
	M(PIN, RESTORE, FD | ROOT, 0, 0),
	M(RESTORE_ASYNC, RESTORE, FD | REQ | ROOT, sizeof(struct roam_rxe_buf), 0),
	M(RESTORE_SRQ, RESTORE_MORE, HANDLE | REQ | ROOT, sizeof(struct roam_rxe_buf), 0),
	M(RESTORE_AH, RESTORE_MORE, HANDLE | REQ | ROOT, sizeof(struct roam_rxe_buf), 0),
	M(RESTORE_MW, RESTORE_MORE, HANDLE | REQ | ROOT, sizeof(struct roam_rxe_buf), 0),
	M(WATCH, WATCH, REQ, sizeof(struct roam_rxe_watch), 0),
	M(ANNOUNCE, WATCH, REQ | RESP | ROOT, sizeof(struct roam_rxe_announce),
	  sizeof(struct roam_rxe_announced)),
	M(READY, WATCH, 0, 0, 0),
	M(TRACK, TRACK, ROOT, 0, 0),
	M(GREET, GREET, REQ, sizeof(struct roam_rxe_scope), 0),
	M(RESERVE, HOLD, REQ | ROOT, sizeof(struct roam_rxe_buf), 0),
#undef M
};

_Static_assert(ARRAY_SIZE(methods) <= FUZZ_METHODS, "room for the counts");

unsigned int fuzz_methods(void)
{
	return ARRAY_SIZE(methods);
}

const char *fuzz_method_name(unsigned int i)
{
	return methods[i].name;
}

static void count(struct fuzz_thread *t, unsigned int i, int ret)
{
	struct fuzz_shared *s = t->world->shared;

	__atomic_add_fetch(&s->calls[i], 1, __ATOMIC_RELAXED);
	if (ret)
		return;
	__atomic_add_fetch(&s->ok[i], 1, __ATOMIC_RELAXED);
	if (methods[i].takes & ROOT && !t->world->root &&
	    !__atomic_fetch_add(&s->allowed, 1, __ATOMIC_RELAXED))
		strncpy(s->allowed_method, methods[i].name, sizeof(s->allowed_method) - 1);
}

void fuzz_count(struct fuzz_thread *t, uint16_t object, uint16_t method, int ret)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(methods); i++)
		if (methods[i].object == object && methods[i].method == method)
			count(t, i, ret);
}

void fuzz_mutate(struct rng *r, uint8_t *record, size_t len)
{
	for (uint32_t n = 1 + below(r, 4); n; n--) {
		uint32_t value = odd32(r);
		/* mostly in the fixed part: the rings are an application's own anyway */
		size_t where = below(r, one_in(r, 4) ? len : len < 448 ? len : 448) & ~3u;

		if (one_in(r, 4))
			record[below(r, len)] ^= 1u << below(r, 8);
		else if (where + 4 <= len)
			memcpy(record + where, &value, 4);
	}
}

/* An address, of room for as many bytes as it says, or not. */
static uint64_t address(struct fuzz_thread *t, uint64_t len)
{
	switch (below(&t->rng, 12)) {
	case 0:
		return 0;
	case 1:
		return 0xffff888000000000ull + (rnd(&t->rng) & 0xfffffff);
	case 2:
		return (uintptr_t)t->scratch + FUZZ_SCRATCH - below(&t->rng, 64);
	case 3:
		return rnd(&t->rng) & 0x7fffffffffffull & ~0xffffffull;
	default:
		/* ends where the page begins that nobody may touch */
		return (uintptr_t)t->scratch + FUZZ_SCRATCH - (len < FUZZ_SCRATCH ? len : FUZZ_SCRATCH);
	}
}

static void fill_record(struct fuzz_thread *t, struct roam_rxe_buf *buf)
{
	static __thread struct fuzz_dump dump;
	struct roam_rxe_rec *rec;
	uint32_t at = sizeof(struct roam_rxe_dump_hdr), skip = below(&t->rng, 12);
	uint32_t len = 24 + below(&t->rng, 600);

	if (fuzz_corpus_get(t->world->shared, &t->rng, &dump)) {
		for (;;) {
			rec = (void *)(dump.data + at);
			len = rec->len;
			at += (len + 7) & ~7u;
			if (!skip-- || at + sizeof(*rec) > dump.len)
				break;
		}
		memcpy(t->scratch + FUZZ_SCRATCH - len, rec, len);
		if (!one_in(&t->rng, 3))
			fuzz_mutate(&t->rng, t->scratch + FUZZ_SCRATCH - len, len);
		if (one_in(&t->rng, 6))
			len -= below(&t->rng, len);
	} else {
		for (uint32_t i = 1; i <= len; i++)
			t->scratch[FUZZ_SCRATCH - i] = rnd(&t->rng);
	}
	buf->len = one_in(&t->rng, 20) ? odd32(&t->rng) : len;
	buf->addr = one_in(&t->rng, 20) ? address(t, len) : (uintptr_t)t->scratch + FUZZ_SCRATCH - len;
}

static void fill_reservations(struct fuzz_thread *t, struct roam_rxe_buf *buf)
{
	struct roam_rxe_reservation *list;
	uint32_t n = below(&t->rng, 20), i;

	list = (void *)(t->scratch + FUZZ_SCRATCH - n * sizeof(*list));
	for (i = 0; i < n; i++) {
		list[i] = (struct roam_rxe_reservation){
			.qpn = FUZZ_QPN + below(&t->rng, FUZZ_QPNS),
			.peer_qpn = FUZZ_QPN + below(&t->rng, FUZZ_QPNS),
			.epoch = 1 + below(&t->rng, 4),
			.hold_ms = below(&t->rng, 2000),
		};
		memcpy(list[i].peer_gid, one_in(&t->rng, 2) ? &t->world->peer_gid : &t->world->gid, 16);
		if (one_in(&t->rng, 3))
			memcpy(list[i].forward, &t->world->gid, 16);
		if (one_in(&t->rng, 40))
			fuzz_mutate(&t->rng, (void *)&list[i], sizeof(list[i]));
	}
	buf->addr = (uintptr_t)list;
	buf->len = n * sizeof(*list);
	if (one_in(&t->rng, 10))
		buf->len = odd32(&t->rng);
}

/* Sensible as a rule. */
static void fill_request(struct fuzz_thread *t, const struct method *m, void *req)
{
	uint32_t *words = req;

	memset(req, 0, m->req);
	if (m->req == sizeof(struct roam_rxe_buf)) {
		struct roam_rxe_buf *buf = req;

		if (m->object == ROAM_RXE_OBJECT_HOLD) {
			fill_reservations(t, buf);
		} else if (m->object != ROAM_RXE_OBJECT_MIGR) {
			fill_record(t, buf);
		} else {
			buf->len = one_in(&t->rng, 3) ? below(&t->rng, 5000) : FUZZ_SCRATCH;
			buf->addr = address(t, buf->len);
			buf->flags = m->method == ROAM_RXE_METHOD_LIST && t->world->root && one_in(&t->rng, 2);
		}
	} else if (m->object == ROAM_RXE_OBJECT_MIGR || m->object == ROAM_RXE_OBJECT_GREET) {
		words[0] = one_in(&t->rng, 2) ? 0 : FUZZ_QPN + below(&t->rng, FUZZ_QPNS);
		words[1] = words[0] && t->world->root && one_in(&t->rng, 2);
	} else if (m->method == ROAM_RXE_METHOD_RESTORE_BEGIN && m->object == ROAM_RXE_OBJECT_RESTORE) {
		words[0] = ROAM_RXE_DUMP_VERSION;
		words[1] = below(&t->rng, 4);
	} else if (m->object == ROAM_RXE_OBJECT_RESTORE) {
		words[0] = below(&t->rng, ROAM_RXE_T_OTHER + 2);
		words[1] = one_in(&t->rng, 2) ? odd32(&t->rng) : FUZZ_QPN + below(&t->rng, FUZZ_QPNS);
	} else {
		words[0] = below(&t->rng, 5);
	}
	if (one_in(&t->rng, 8))
		words[below(&t->rng, m->req / 4)] = odd32(&t->rng);
}

struct call {
	_Alignas(8) uint8_t buf[sizeof(struct ib_uverbs_ioctl_hdr) + 8 * sizeof(struct ib_uverbs_attr)];
};

static struct ib_uverbs_attr *add(struct ib_uverbs_ioctl_hdr *hdr, uint16_t id)
{
	struct ib_uverbs_attr *a = &hdr->attrs[hdr->num_attrs++];

	hdr->length += sizeof(*a);
	a->attr_id = id;
	a->flags = UVERBS_ATTR_F_MANDATORY;
	return a;
}

static void spoil(struct fuzz_thread *t, struct ib_uverbs_ioctl_hdr *hdr)
{
	struct ib_uverbs_attr *a = &hdr->attrs[hdr->num_attrs ? below(&t->rng, hdr->num_attrs) : 0];

	switch (below(&t->rng, 9)) {
	case 0:
		hdr->method_id = (hdr->method_id & 0xf000) + below(&t->rng, 12);
		break;
	case 1:
		hdr->object_id = ROAM_RXE_NS + below(&t->rng, 9);
		break;
	case 2:
		hdr->length += below(&t->rng, 64) - 32;
		break;
	case 3:
		if (hdr->num_attrs) {
			hdr->num_attrs--;
			hdr->length -= sizeof(*a);
		}
		break;
	case 4:
		*add(hdr, 0) = *a;
		break;
	case 5:
		a->len = odd32(&t->rng);
		break;
	case 6:
		a->data = address(t, 64);
		break;
	case 7:
		a->attr_id = ROAM_RXE_NS + below(&t->rng, 8);
		break;
	default:
		((uint8_t *)hdr)[below(&t->rng, hdr->length)] ^= 1u << below(&t->rng, 8);
	}
}

/* The file itself, one of its event files, or any. */
static int some_file(struct fuzz_thread *t, const struct method *m, int fd, uint32_t slot)
{
	bool async;

	switch (below(&t->rng, 4)) {
	case 0:
		return (int)below(&t->rng, 40);
	case 1:
		return fd;
	default:
		async = m->object != ROAM_RXE_OBJECT_MIGR || m->method != ROAM_RXE_METHOD_IDENTIFY_COMP;
		return __atomic_load_n(&t->world->files[slot][async], __ATOMIC_SEQ_CST);
	}
}

void fuzz_call(struct fuzz_thread *t)
{
	unsigned int i = below(&t->rng, ARRAY_SIZE(methods));
	const struct method *m = &methods[i];
	struct call call = { 0 };
	struct ib_uverbs_ioctl_hdr *hdr = (void *)call.buf;
	_Alignas(8) uint8_t req[64], resp[256];
	struct ib_uverbs_attr *a;
	uint32_t slot;
	int fd = fuzz_slot(t, &slot), ret;
	bool whole = true;

	if (fd < 0)
		return;
	*hdr = (struct ib_uverbs_ioctl_hdr){ .length = sizeof(*hdr), .object_id = m->object,
					     .method_id = m->method, .driver_id = RDMA_DRIVER_RXE };
	if (m->takes & HANDLE)
		add(hdr, ROAM_RXE_ATTR_HANDLE)->data = below(&t->rng, 16);
	if (m->takes & FD)
		add(hdr, ROAM_RXE_ATTR_FD)->data_s64 = some_file(t, m, fd, slot);
	if (m->takes & REQ) {
		fill_request(t, m, req);
		a = add(hdr, ROAM_RXE_ATTR_REQ);
		a->len = m->req;
		if (m->req <= sizeof(a->data))
			memcpy(&a->data, req, m->req);
		else
			a->data = (uintptr_t)req;
	}
	if (m->takes & RESP) {
		a = add(hdr, ROAM_RXE_ATTR_RESP);
		a->len = m->resp;
		a->data = (uintptr_t)resp;
	}
	if (one_in(&t->rng, 5)) {
		spoil(t, hdr);
		whole = false;
	}
	ret = ioctl(fd, RDMA_VERBS_IOCTL, hdr);
	/* a spoilt one may have been another method */
	if (whole)
		count(t, i, ret);
	if (!ret && whole && m->object == ROAM_RXE_OBJECT_MIGR && m->method == ROAM_RXE_METHOD_DUMP) {
		const struct roam_rxe_buf *buf = (void *)req;
		const struct roam_rxe_buf_resp *r = (void *)resp;

		if (buf->addr >= (uintptr_t)t->scratch && r->needed <= FUZZ_SCRATCH)
			fuzz_corpus_put(t->world->shared, &t->rng, (void *)(uintptr_t)buf->addr, r->needed);
	}
}
