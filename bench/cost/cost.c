/* SPDX-License-Identifier: MIT */
/*
 * What one post and one completion cost without Node: the same calls as
 * cost.mjs makes, by libibverbs, on a QP that is connected to another one of
 * this process.  Prints one line of JSON.
 *
 *   gcc -O2 -o cost cost.c -libverbs
 */
#include <arpa/inet.h>
#include <infiniband/verbs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS	40
#define WARM_UP	30
#define DEPTH	32
#define SIZE	64
#define SETTLE	25000
#define WHOLE	3200

#define CHECK(ok)							\
	do {								\
		if (!(ok)) {						\
			fprintf(stderr, "cost: %s failed\n", #ok);	\
			exit(1);					\
		}							\
	} while (0)

static struct ibv_context *context;
static struct ibv_cq *cq;
static struct ibv_qp *qps[2];
static struct ibv_sge sge;
static struct ibv_send_wr wrs[DEPTH];
static int gid_index;
static union ibv_gid gid;
static unsigned long sum;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

/* The first IPv4 address of RoCE v2. */
static void find_gid(void)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct ibv_gid_entry entry;

	for (gid_index = 0; gid_index < 64; gid_index++) {
		if (ibv_query_gid_ex(context, 1, gid_index, &entry, 0) ||
		    entry.gid_type != IBV_GID_TYPE_ROCE_V2 || memcmp(entry.gid.raw, mapped, sizeof(mapped)))
			continue;
		gid = entry.gid;
		return;
	}
	CHECK(!"finding a GID");
}

static void bring(struct ibv_qp *qp, const struct ibv_qp *peer)
{
	struct ibv_qp_attr init = { .qp_state = IBV_QPS_INIT, .port_num = 1,
				    .qp_access_flags = IBV_ACCESS_REMOTE_WRITE };
	struct ibv_qp_attr rtr = { .qp_state = IBV_QPS_RTR, .path_mtu = IBV_MTU_1024, .dest_qp_num = peer->qp_num,
				   .max_dest_rd_atomic = 1, .min_rnr_timer = 12 };
	struct ibv_qp_attr rts = { .qp_state = IBV_QPS_RTS, .timeout = 14, .retry_cnt = 7, .rnr_retry = 7,
				   .max_rd_atomic = 1 };

	rtr.ah_attr.is_global = 1;
	rtr.ah_attr.port_num = 1;
	rtr.ah_attr.grh.dgid = gid;
	rtr.ah_attr.grh.sgid_index = gid_index;
	rtr.ah_attr.grh.hop_limit = 64;
	CHECK(!ibv_modify_qp(qp, &init, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS));
	CHECK(!ibv_modify_qp(qp, &rtr, IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
			     IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER));
	CHECK(!ibv_modify_qp(qp, &rts, IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY |
			     IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC));
}

static void set_up(void)
{
	struct ibv_qp_init_attr attr = { .qp_type = IBV_QPT_RC,
					 .cap = { .max_send_wr = DEPTH, .max_recv_wr = 1, .max_send_sge = 1,
						  .max_recv_sge = 1 } };
	int access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE;
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_mr *from, *to;
	struct ibv_pd *pd;

	CHECK(list && list[0] && (context = ibv_open_device(list[0])));
	find_gid();
	CHECK((pd = ibv_alloc_pd(context)) && (cq = ibv_create_cq(context, 4 * DEPTH, NULL, NULL, 0)));
	attr.send_cq = attr.recv_cq = cq;
	for (int i = 0; i < 2; i++)
		CHECK((qps[i] = ibv_create_qp(pd, &attr)));
	bring(qps[0], qps[1]);
	bring(qps[1], qps[0]);
	CHECK((from = ibv_reg_mr(pd, aligned_alloc(4096, 4096), 4096, access)));
	CHECK((to = ibv_reg_mr(pd, aligned_alloc(4096, 4096), 4096, access)));
	sge = (struct ibv_sge){ (unsigned long)from->addr, SIZE, from->lkey };
	for (int i = 0; i < DEPTH; i++) {
		wrs[i].wr_id = i;
		wrs[i].sg_list = &sge;
		wrs[i].num_sge = 1;
		wrs[i].opcode = IBV_WR_RDMA_WRITE;
		wrs[i].send_flags = IBV_SEND_SIGNALED;
		wrs[i].wr.rdma.remote_addr = (unsigned long)to->addr;
		wrs[i].wr.rdma.rkey = to->rkey;
	}
}

static void post(int count)
{
	struct ibv_send_wr *bad;

	for (int i = 0; i < count; i++)
		wrs[i].next = i + 1 < count ? &wrs[i + 1] : NULL;
	CHECK(!ibv_post_send(qps[0], wrs, &bad));
}

static int poll(void)
{
	struct ibv_wc wcs[DEPTH];
	int found = ibv_poll_cq(cq, DEPTH, wcs);

	for (int i = 0; i < found; i++) {
		CHECK(wcs[i].status == IBV_WC_SUCCESS);
		sum += wcs[i].wr_id;
	}
	return found;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof(*values), ascending);
	return values[ROUNDS / 2];
}

static void calls(const char *name, int count)
{
	double posts[ROUNDS], polls[ROUNDS];

	for (int round = -WARM_UP; round < ROUNDS; round++) {
		double start = now(), posted, waited, polled;

		post(count);
		posted = now();
		usleep(SETTLE);
		waited = now();
		CHECK(poll() == count);
		polled = now();
		if (round < 0)
			continue;
		posts[round] = (posted - start) / count;
		polls[round] = (polled - waited) / count;
	}
	printf("\"%s\":{\"post\":%.0f,\"poll\":%.0f},", name, median(posts), median(polls));
}

static void together(void)
{
	double times[ROUNDS];

	for (int round = -WARM_UP; round < ROUNDS; round++) {
		double start = now(), end;
		int found;

		post(1);
		found = poll();
		end = now();
		usleep(SETTLE);
		CHECK(found + poll() == 1);
		if (round >= 0)
			times[round] = end - start;
	}
	printf("\"together\":{\"calls\":%.0f},", median(times));
}

int main(void)
{
	double start = 0;

	set_up();
	printf("{");
	calls("single", 1);
	calls("batch", DEPTH);
	together();
	for (int warm = 0; warm < 2; warm++) {
		start = now();
		for (int done = 0; done < WHOLE; done += DEPTH) {
			post(DEPTH);
			for (int found = 0; found < DEPTH;)
				found += poll();
		}
	}
	printf("\"batches\":{\"time\":%.0f}}\n", (now() - start) / WHOLE);
	return sum ? 0 : 1;
}
