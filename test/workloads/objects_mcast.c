// SPDX-License-Identifier: MIT
/*
 * A UD QP in two multicast groups, with datagrams of one that nobody has read and an
 * AH for a third, in which the client is.  After the move all three go on, until
 * the server leaves one.
 */
#include "objects.h"

#include <arpa/inet.h>
#include <unistd.h>

#define POSTED	8
#define EARLY	3	/* received, and not polled, when the process moves */
#define LID	7	/* means nothing to RoCE; but who leaves has to name it again */
#define EVERYONE	0xffffff

enum { LEFT, KEPT, CLIENTS, NR_GROUPS };

static union ibv_gid group(int which)
{
	static const char *const names[NR_GROUPS] = { "ff0e::d1:1", "ff0e::d1:2", "ff0e::d1:3" };
	union ibv_gid gid;

	if (inet_pton(AF_INET6, names[which], gid.raw) != 1)
		die("%s is no address", names[which]);
	return gid;
}

/* A group of IPv6 is reached from an address of IPv6; the link's own is always there. */
static int link_local(struct objects *b)
{
	struct ibv_port_attr port;
	union ibv_gid gid;

	good(b, ibv_query_port(b->ctx, 1, &port), "ibv_query_port");
	for (int i = 0; i < port.gid_tbl_len; i++)
		if (!ibv_query_gid(b->ctx, 1, i, &gid) && gid.raw[0] == 0xfe && gid.raw[1] == 0x80)
			return i;
	die("the device has no GID of the link");
}

static void aim(struct objects *b, struct side *s, int which)
{
	struct ibv_ah_attr attr = { .is_global = 1, .port_num = 1,
				    .grh = { .dgid = group(which), .sgid_index = link_local(b),
					     .hop_limit = 1 } };

	good(b, ibv_destroy_ah(s->ah), "ibv_destroy_ah");
	s->ah = ibv_create_ah(b->pd, &attr);
	if (!s->ah)
		die("AH of a group: %m");
	s->remote_qpn = EVERYONE;
}

static void attach(struct objects *b, struct side *s, int which, uint16_t lid)
{
	union ibv_gid gid = group(which);

	good(b, ibv_attach_mcast(s->qp, &gid, lid), "ibv_attach_mcast");
}

static void detach(struct objects *b, struct side *s, int which, uint16_t lid)
{
	union ibv_gid gid = group(which);

	good(b, ibv_detach_mcast(s->qp, &gid, lid), "ibv_detach_mcast");
}

void mcast_server(struct objects *b)
{
	unsigned int id = 0;
	struct side s;

	side_create(b, &s, 0, IBV_QPT_UD, NULL);
	attach(b, &s, LEFT, LID);
	attach(b, &s, KEPT, 0);
	for (unsigned int i = 0; i < POSTED; i++)
		post_recv(b, s.qp, NULL, i);
	side_connect(b, &s);
	aim(b, &s, CLIENTS);
	barrier(b);
	barrier(b);
	usleep(500000);		/* what the client sent has arrived by then */
	ready(b);

	while (id < EARLY)
		expect_received(b, &s, 1, id++);
	expect_empty(b, b->rcq, "receives");
	checked();
	/* two by each group */
	for (int i = 0; i < 4; i++)
		expect_received(b, &s, 1, id++);
	detach(b, &s, LEFT, LID);
	post_send(b, &s);
	expect_sent(b, 1);
	/* the next one goes to the group that was left */
	s.received++;
	expect_received(b, &s, 1, id);
	usleep(300000);
	expect_empty(b, b->rcq, "the group that was left");
	detach(b, &s, KEPT, 0);
	good(b, ibv_destroy_ah(s.ah), "ibv_destroy_ah");
	good(b, ibv_destroy_qp(s.qp), "ibv_destroy_qp");
}

static void send_to(struct objects *b, struct side *s, int which, unsigned int count)
{
	aim(b, s, which);
	for (unsigned int i = 0; i < count; i++)
		post_send(b, s);
	expect_sent(b, count);
	usleep(200000);		/* datagrams of one group may pass those of another */
}

void mcast_client(struct objects *b)
{
	struct side s;

	side_create(b, &s, 0, IBV_QPT_UD, NULL);
	attach(b, &s, CLIENTS, 0);
	post_recv(b, s.qp, NULL, 0);
	side_connect(b, &s);
	barrier(b);
	send_to(b, &s, LEFT, EARLY);
	barrier(b);
	ready(b);
	send_to(b, &s, LEFT, 2);
	send_to(b, &s, KEPT, 2);
	expect_received(b, &s, 1, 0);
	send_to(b, &s, LEFT, 1);
	send_to(b, &s, KEPT, 1);
	detach(b, &s, CLIENTS, 0);
	good(b, ibv_destroy_ah(s.ah), "ibv_destroy_ah");
	good(b, ibv_destroy_qp(s.qp), "ibv_destroy_qp");
}
