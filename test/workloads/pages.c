// SPDX-License-Identifier: MIT
/*
 * A peer RDMA-writes into the memory of a process that is being moved, all the time; at the end the process
 * compares every page with what the peer says it wrote.
 *
 *   pages -s [-p port] [-m MiB]      serves, prints its verdict as JSON
 *   pages [-p port] [-r rate] host   writes until SIGUSR1, then tells what it wrote
 *
 * Three kinds of memory: small pages, huge pages, shared memory.  The peer writes to the first half of each; the
 * second half is registered, filled, and never touched again.  Plain memory (-m) is the processor's own: it counts in
 * the first word of one page after the other, in the first half of it.
 */
#include "common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE		4096u
#define HUGE		(2u << 20)
#define AREA_PAGES	1024u
#define WRITTEN		(AREA_PAGES / 2)
#define AREAS		3u
#define DONE		1u

struct words {
	uint64_t addr[AREAS];
	uint32_t rkey[AREAS];
	uint64_t told_addr;
	uint32_t told_rkey;
	uint32_t qpn, psn;
	union ibv_gid gid;
};

/* What the peer wrote last to each page, 0: nothing. */
struct told {
	uint64_t count[AREAS][WRITTEN];
};

static uint8_t *area_alloc(unsigned int area)
{
	size_t len = AREA_PAGES * PAGE;
	int flags = (area == 2 ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS;
	uint8_t *p = mmap(NULL, len + HUGE, PROT_READ | PROT_WRITE, flags, -1, 0);

	if (p == MAP_FAILED)
		die("mmap: %m");
	p = (uint8_t *)(((uintptr_t)p + HUGE - 1) & ~(uintptr_t)(HUGE - 1));
	if (madvise(p, len, area == 1 ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) && area != 2)
		die("madvise: %m");
	for (unsigned int page = 0; page < AREA_PAGES; page++)
		pattern_fill(p + page * PAGE, PAGE, pattern_key(area, 0, true, page));
	return p;
}

static uint8_t *plain_alloc(uint64_t pages)
{
	uint8_t *p = page_alloc((pages ? pages : 1) * PAGE);

	for (uint64_t page = 0; page < pages; page++) {
		pattern_fill(p + page * PAGE, PAGE, pattern_key(AREAS, 0, true, page));
		memset(p + page * PAGE, 0, sizeof(uint64_t));
	}
	return p;
}

static void plain_count(uint8_t *plain, uint64_t pages, uint64_t turn)
{
	uint64_t word, *at = (uint64_t *)(plain + turn % (pages / 2) * PAGE);

	memcpy(&word, at, sizeof(word));
	word++;
	memcpy(at, &word, sizeof(word));
}

/* How many of the pages are what `turns` counts have made of them. */
static uint64_t plain_good(struct result *r, const uint8_t *plain, uint64_t pages, uint64_t turns)
{
	uint64_t good = 0, counted = pages / 2;
	uint8_t expected[PAGE];

	for (uint64_t page = 0; page < pages; page++) {
		uint64_t word = page < counted ? turns / counted + (page < turns % counted) : 0;

		pattern_fill(expected, PAGE, pattern_key(AREAS, 0, true, page));
		memcpy(expected, &word, sizeof(word));
		if (!memcmp(expected, plain + page * PAGE, PAGE))
			good++;
		else
			result_error(r, "plain page %lu: not what was written (%lu)", page, word);
	}
	return good;
}

static bool page_ok(struct result *r, unsigned int area, unsigned int page, const uint8_t *p, uint64_t told)
{
	uint8_t expected[PAGE];

	pattern_fill(expected, PAGE, pattern_key(area, 0, true, page));
	if (told)
		memcpy(expected, &told, sizeof(told));
	if (!memcmp(expected, p, PAGE))
		return true;
	result_error(r, "area %u, page %u: not what was written (%lu)", area, page, told);
	return false;
}

static void wait_completion(struct ibv_cq *cq)
{
	struct ibv_wc wc;
	int n;

	while (!(n = ibv_poll_cq(cq, 1, &wc))) {
		if (quit_requested)
			exit(1);
		/* Whoever is being moved needs the processor more. */
		usleep(200);
	}
	if (n < 0 || wc.status != IBV_WC_SUCCESS)
		die("completion: %s", n < 0 ? "poll failed" : ibv_wc_status_str(wc.status));
}

static void rdma_write(struct ibv_qp *qp, struct ibv_mr *mr, void *from, uint32_t len, uint64_t to,
		       uint32_t rkey, bool with_imm)
{
	struct ibv_sge sge = { (uintptr_t)from, len, mr->lkey };
	struct ibv_send_wr *bad, wr = {
		.sg_list = &sge, .num_sge = 1, .send_flags = IBV_SEND_SIGNALED,
		.opcode = with_imm ? IBV_WR_RDMA_WRITE_WITH_IMM : IBV_WR_RDMA_WRITE,
		.imm_data = DONE,
		.wr.rdma = { .remote_addr = to, .rkey = rkey },
	};

	if (ibv_post_send(qp, &wr, &bad))
		die("ibv_post_send: %m");
}

static int serve(struct ibv_cq *cq, uint8_t *area[AREAS], const struct told *told, uint8_t *plain,
		 uint64_t plain_pages)
{
	struct result r = { 0 };
	uint64_t good = 0, written = 0, turns = 0;
	struct ibv_wc wc;

	for (; !ibv_poll_cq(cq, 1, &wc); turns++) {
		if (quit_requested)
			return 1;
		if (plain_pages)
			plain_count(plain, plain_pages, turns);
		usleep(1000);
	}
	if (wc.status != IBV_WC_SUCCESS)
		die("completion: %s", ibv_wc_status_str(wc.status));
	for (unsigned int a = 0; a < AREAS; a++)
		for (unsigned int page = 0; page < AREA_PAGES; page++) {
			uint64_t count = page < WRITTEN ? told->count[a][page] : 0;

			good += page_ok(&r, a, page, area[a] + page * PAGE, count);
			written += count != 0;
		}
	uint64_t plain_same = plain_pages ? plain_good(&r, plain, plain_pages, turns) : 0;

	printf("{\"ok\":%s,\"pages\":%u,\"good\":%lu,\"written\":%lu,\"plain\":%lu,\"plainGood\":%lu,"
	       "\"errorCount\":%u,\"firstError\":\"%s\"}\n",
	       r.nerrors ? "false" : "true", AREAS * AREA_PAGES, good, written, plain_pages, plain_same, r.nerrors,
	       r.errors[0]);
	return r.nerrors ? 1 : 0;
}

static int write_all(struct ibv_qp *qp, struct ibv_cq *cq, struct ibv_mr *mr, struct told *told,
		     const struct words *peer, unsigned int rate)
{
	uint64_t writes = 0;

	while (!stop_requested) {
		uint64_t random = mix64(writes);
		unsigned int a = random % AREAS, page = (random >> 8) % WRITTEN;

		told->count[a][page] = ++writes;
		rdma_write(qp, mr, &told->count[a][page], sizeof(uint64_t), peer->addr[a] + page * PAGE,
			   peer->rkey[a], false);
		wait_completion(cq);
		if (rate)
			usleep(1000000 / rate);
	}
	rdma_write(qp, mr, told, sizeof(*told), peer->told_addr, peer->told_rkey, true);
	wait_completion(cq);
	printf("{\"ok\":true,\"writes\":%lu}\n", writes);
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = { .port = 18600, .gid_index = -1, .server = false };
	int access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE;
	struct words mine = { 0 }, peer;
	uint8_t *area[AREAS] = { 0 };
	unsigned int rate = 0;
	uint64_t plain_pages = 0;
	int opt, fd;

	while ((opt = getopt(argc, argv, "sp:r:g:m:")) != -1)
		switch (opt) {
		case 's': o.server = true; break;
		case 'p': o.port = atoi(optarg); break;
		case 'r': rate = atoi(optarg); break;
		case 'g': o.gid_addr = optarg; break;
		case 'm': plain_pages = strtoul(optarg, NULL, 10) * ((1 << 20) / PAGE); break;
		default: die("usage: pages -s [-p port] [-g ip] [-m MiB] | pages [-p port] [-r rate] host");
		}
	o.host = argv[optind];
	install_signals();
	setvbuf(stdout, NULL, _IOLBF, 0);

	uint8_t *plain = plain_alloc(plain_pages);
	struct ibv_context *ctx = device_open(NULL);
	struct ibv_pd *pd = ibv_alloc_pd(ctx);
	struct ibv_cq *cq = ibv_create_cq(ctx, 32, NULL, NULL, 0);
	struct told *told = page_alloc(sizeof(*told));
	struct ibv_mr *mr = ibv_reg_mr(pd, memset(told, 0, sizeof(*told)), sizeof(*told), access);

	if (!pd || !cq || !mr)
		die("verbs: %m");
	struct ibv_qp *qp = rc_create(pd, cq);

	for (unsigned int a = 0; o.server && a < AREAS; a++) {
		area[a] = area_alloc(a);
		struct ibv_mr *region = ibv_reg_mr(pd, area[a], AREA_PAGES * PAGE, access);

		if (!region)
			die("ibv_reg_mr: %m");
		mine.addr[a] = (uintptr_t)area[a];
		mine.rkey[a] = region->rkey;
	}
	mine.told_addr = (uintptr_t)told;
	mine.told_rkey = mr->rkey;
	mine.qpn = qp->qp_num;
	mine.psn = (getpid() * 7919) & 0xffffff;

	int index = device_gid(ctx, &o, &mine.gid);

	fd = exchange_open(&o, 0);
	exchange_swap(fd, &mine, &peer, sizeof(mine));

	struct rc_path path = { .dest_qpn = peer.qpn, .rq_psn = peer.psn, .sq_psn = mine.psn, .dgid = peer.gid,
				.sgid_index = index, .mtu = IBV_MTU_1024, .timeout = 14, .retry = 7 };
	struct ibv_recv_wr *bad, recv = { 0 };

	if (rc_to_rtr(qp, &path) || rc_to_rts(qp, &path) || ibv_post_recv(qp, &recv, &bad))
		die("the QP cannot be connected: %m");
	exchange_swap(fd, &mine, &peer, sizeof(mine));
	exchange_close(fd);
	fprintf(stderr, "connected\n");
	return o.server ? serve(cq, area, told, plain, plain_pages) : write_all(qp, cq, mr, told, &peer, rate);
}
