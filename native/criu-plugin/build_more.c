// SPDX-License-Identifier: GPL-2.0
/* SRQs, AHs, MWs and multicast attachments. */
#include <arpa/inet.h>

#include "build.h"
#include "gid.h"
#include "log.h"
#include "roam_rxe_client.h"

/* rxe has one port. */
#define PORT 1

/* What kept a number from being given; ret comes back. */
static int number_failed(const struct build *b, const struct roam_rxe_rec *rec, uint32_t number,
			 int ret)
{
	const char *type = rxe_client_type_name(rec->type);

	if (ret == -EBUSY)
		pr_err("%s number %#x is taken on device %s of this host", type, number,
		       b->device->name);
	else
		pr_err("can't create the %s with number %#x: %s", type, number, strerror(-ret));
	return ret;
}

static int check_number(const struct roam_rxe_rec *rec, uint32_t number, uint32_t wanted)
{
	if (number == wanted)
		return 0;
	pr_err("a %s got number %#x instead of %#x", rxe_client_type_name(rec->type), number,
	       wanted);
	return -EBADSLT;
}

static int filled(const struct roam_rxe_rec *rec, uint32_t number, int ret)
{
	if (ret)
		pr_err("can't fill the %s with number %#x: %s", rxe_client_type_name(rec->type),
		       number, strerror(-ret));
	return ret;
}

int build_srq(struct build *b, const struct roam_rxe_srq *srq)
{
	struct uverbs_srq_init init = {
		.user_handle = srq->rec.user_handle,
		.pd_handle = srq->pd_handle,
		.max_wr = srq->max_wr,
		.max_sge = srq->max_sge,
		.async_fd = build_event_file(b, IMG_FD_ASYNC, srq->async),
	};
	struct uverbs_srq made;
	int ret = build_make_room(b, &srq->rec);

	if (ret)
		return ret;
	ret = rxe_client_restore_number(b->fd, ROAM_RXE_T_SRQ, srq->srq_num);
	if (!ret)
		ret = uverbs_create_srq(b->fd, &init, &made);
	if (ret)
		return number_failed(b, &srq->rec, srq->srq_num, ret);
	ret = build_check_handle(&srq->rec, made.handle);
	if (!ret)
		ret = check_number(&srq->rec, made.number, srq->srq_num);
	if (!ret)
		ret = build_note_queue(b, &srq->rec, "receive", &srq->q, &made.queue);
	if (ret)
		return ret;
	ret = rxe_client_restore_srq(b->fd, made.handle, srq, srq->rec.len);
	return filled(&srq->rec, srq->srq_num, ret);
}

/* The source that serves to reach the destination, as both ends of a route:
 * RESTORE_AH sets the other one, which need not be there to be asked for now. */
static int choose_route(const struct build *b, const struct roam_rxe_ah *ah,
			struct ib_uverbs_ah_attr *attr)
{
	char old[INET6_ADDRSTRLEN], peer[INET6_ADDRSTRLEN];
	int index = gid_choose(b->device->name, PORT, ah->sgid, ah->dgid);

	*attr = (struct ib_uverbs_ah_attr){ .is_global = 1, .port_num = PORT };
	attr->grh.sgid_index = (uint8_t)index;
	attr->grh.hop_limit = (uint8_t)ah->hop_limit;
	if (index >= 0)
		index = gid_at(b->device->name, PORT, index, attr->grh.dgid);
	if (index >= 0)
		return 0;
	inet_ntop(AF_INET6, ah->sgid, old, sizeof(old));
	inet_ntop(AF_INET6, ah->dgid, peer, sizeof(peer));
	pr_err("AH %u: device %s has neither its address %s nor another from which to reach %s: %s",
	       ah->ah_num, b->device->name, old, peer, strerror(-index));
	return index;
}

int build_ah(struct build *b, const struct roam_rxe_ah *ah)
{
	struct ib_uverbs_ah_attr attr;
	struct uverbs_ah made;
	int ret = choose_route(b, ah, &attr);

	if (!ret)
		ret = build_make_room(b, &ah->rec);
	if (ret)
		return ret;
	ret = rxe_client_restore_number(b->fd, ROAM_RXE_T_AH, ah->ah_num);
	if (!ret)
		ret = uverbs_create_ah(b->fd, ah->rec.user_handle, ah->pd_handle, &attr, &made);
	if (ret)
		return number_failed(b, &ah->rec, ah->ah_num, ret);
	ret = build_check_handle(&ah->rec, made.handle);
	if (!ret)
		ret = check_number(&ah->rec, made.number, ah->ah_num);
	if (ret)
		return ret;
	ret = rxe_client_restore_ah(b->fd, made.handle, ah, ah->rec.len);
	return filled(&ah->rec, ah->ah_num, ret);
}

int build_mw(struct build *b, const struct roam_rxe_mw *mw)
{
	uint32_t handle, rkey;
	int ret = build_make_room(b, &mw->rec);

	if (ret)
		return ret;
	ret = rxe_client_restore_number(b->fd, ROAM_RXE_T_MW, mw->rkey);
	if (!ret)
		ret = uverbs_alloc_mw(b->fd, mw->pd_handle, (uint8_t)mw->mw_type, &handle, &rkey);
	if (ret)
		return number_failed(b, &mw->rec, mw->rkey, ret);
	ret = build_check_handle(&mw->rec, handle);
	if (!ret)
		ret = check_number(&mw->rec, rkey >> 8, mw->rkey >> 8);
	if (ret)
		return ret;
	ret = rxe_client_restore_mw(b->fd, handle, mw, mw->rec.len);
	return filled(&mw->rec, mw->rkey, ret);
}

int build_mcast(struct build *b, const struct roam_rxe_mcast *mcast)
{
	char group[INET6_ADDRSTRLEN];
	int ret = uverbs_attach_mcast(b->fd, mcast->rec.handle, mcast->gid, (uint16_t)mcast->lid);

	if (!ret)
		return 0;
	inet_ntop(AF_INET6, mcast->gid, group, sizeof(group));
	pr_err("can't attach the QP with handle %u to the multicast group %s: %s",
	       mcast->rec.handle, group, strerror(-ret));
	return ret;
}
