// SPDX-License-Identifier: MIT
/*
 * A process that has memory and RDMA objects, and does nothing: what its move takes is what they cost.
 *
 *   holder -s [-q QPs] [-m MRs] [-k MiB] [-p port]    waits for its peer, then to be ended
 *   holder [-q QPs] [-p port] host                    the peer
 *
 * With -q 0 there is no RDMA at all.
 */
#include "common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE	4096u
#define MAX_QPS	4096

struct words {
	uint32_t qpn[MAX_QPS];
	union ibv_gid gid;
};

static void make_objects(struct options *o, int mrs, uint8_t *memory, size_t len, int fd)
{
	int access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE;
	struct ibv_context *ctx = device_open(NULL);
	struct ibv_pd *pd = ibv_alloc_pd(ctx);
	struct ibv_cq *cq = ibv_create_cq(ctx, 1024, NULL, NULL, 0);
	struct words *mine = calloc(2, sizeof(*mine)), *peer = mine + 1;
	struct ibv_qp **qp = calloc(o->qps, sizeof(*qp));
	int sgid_index = device_gid(ctx, o, &mine->gid);

	if (!pd || !cq)
		die("verbs: %m");
	for (int i = 0; i < mrs; i++)
		if (!ibv_reg_mr(pd, memory + (size_t)i * PAGE % len, PAGE, access))
			die("ibv_reg_mr: %m");
	for (int i = 0; i < o->qps; i++) {
		qp[i] = rc_create(pd, cq);
		mine->qpn[i] = qp[i]->qp_num;
	}
	exchange_swap(fd, mine, peer, sizeof(*mine));
	for (int i = 0; i < o->qps; i++) {
		struct rc_path path = {
			.dest_qpn = peer->qpn[i], .dgid = peer->gid, .sgid_index = sgid_index,
			.mtu = IBV_MTU_1024, .timeout = 18, .retry = 7,
		};

		if (rc_to_rtr(qp[i], &path) || rc_to_rts(qp[i], &path))
			die("connect: %m");
	}
	free(mine);
}

int main(int argc, char **argv)
{
	struct options o = { .port = 18700, .gid_index = -1, .qps = 1 };
	size_t len = 16 << 20;
	int opt, fd, mrs = 0;
	char byte = 0, other;

	while ((opt = getopt(argc, argv, "sp:q:m:k:g:")) != -1)
		switch (opt) {
		case 's': o.server = true; break;
		case 'p': o.port = atoi(optarg); break;
		case 'q': o.qps = atoi(optarg); break;
		case 'm': mrs = atoi(optarg); break;
		case 'k': len = (size_t)atoi(optarg) << 20; break;
		case 'g': o.gid_addr = optarg; break;
		default: die("usage: holder -s [-q QPs] [-m MRs] [-k MiB] [-p port] | holder [-q QPs] [-p port] host");
		}
	o.host = argv[optind];
	if (o.qps < 0 || o.qps > MAX_QPS || len < PAGE || (!o.server && !o.host))
		die("holder: from 0 to %d QPs, 1 MiB or more, and a peer needs a host", MAX_QPS);
	install_signals();
	setvbuf(stdout, NULL, _IOLBF, 0);

	uint8_t *memory = page_alloc(len);

	pattern_fill(memory, len, pattern_key(0, 0, o.server, 0));
	fd = exchange_open(&o, 0);
	if (o.qps)
		make_objects(&o, mrs, memory, len, fd);
	exchange_swap(fd, &byte, &other, 1);
	exchange_close(fd);
	printf("ready\n");
	while (!quit_requested)
		pause();
	return 0;
}
