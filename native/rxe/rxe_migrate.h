/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Live migration for rxe: what the hooks call. See docs/protocol.md.
 */
#ifndef RXE_MIGRATE_H
#define RXE_MIGRATE_H

#include <linux/capability.h>
#include <linux/sysctl.h>
#include <rdma/ib_pack.h>
#include <rdma/uverbs_ioctl.h>

#include "rxe.h"
#include "roam_rxe.h"
#include "rxe_migrate_compat.h"

#define RXE_MIGR_VERSION	"0.1.0"

/* The longest that anyone may have a QP wait for its partner. */
#define RXE_MIGR_MAX_HOLD_MS	(24U * 3600 * MSEC_PER_SEC)

/* RC opcodes that IBTA leaves unassigned; MigrOS's numbers. */
#define IB_OPCODE_RC_ROAM_PAUSE		0x18
#define IB_OPCODE_RC_ROAM_RESUME	0x19
/* In migr.flags beside enum roam_rxe_state: no task may touch the QP now. */
#define RXE_MIGR_HOLD			(1U << 31)
/* A stop is about to come: no request is sent, answers are taken. */
#define RXE_MIGR_DRAIN			(1U << 29)
#define RXE_MIGR_STATES			(ROAM_RXE_STOPPED | ROAM_RXE_PAUSED | \
					 ROAM_RXE_RESUMING)

/* Payload of the Resume opcode, network byte order. */
struct rxe_migr_resume {
	u8	version;
	u8	type;
	u8	flags;		/* RXE_MIGR_NO_REQUESTER */
	u8	hops;		/* hosts that sent it on */
	__be32	epoch;		/* of the QP that moved */
	__be32	comp_psn;	/* its oldest unacknowledged PSN */
	__be32	resp_psn;	/* the PSN that it expects next */
	u8	origin[16];	/* GID of the sender, whoever sends it on */
	__be64	tag;		/* rxe_migrate_auth.c; 0: no key */
};

/*
 * What follows the AETH of an RNR NAK, network byte order. Others than us take
 * it for the RNR NAK that it is.
 */
struct rxe_migr_note {
	u8	version;
	u8	type;		/* RXE_MIGR_NAK, RXE_MIGR_HELLO */
	__be16	magic;
	__be32	epoch;
	__be64	nonce;		/* of a greeting, to be given back */
	__be64	tag;		/* rxe_migrate_auth.c; 0: no key */
};

enum {
	RXE_MIGR_WIRE_VERSION	= 2,
	RXE_MIGR_NOTE_MAGIC	= 0x524d,
	RXE_MIGR_RESUME		= 1,
	RXE_MIGR_RESUMED	= 2,
	RXE_MIGR_NAK		= 3,		/* NAK-stopped */
	RXE_MIGR_HELLO		= 4,
	RXE_MIGR_AWARE		= 5,		/* its answer; the PSNs are the nonce */
	RXE_MIGR_NO_REQUESTER	= 1 << 0,	/* in RTR: comp_psn means nothing yet */
	RXE_MIGR_MAX_HOPS	= 8,
};

/* From whom to whom a message goes. Addresses are GIDs: IPv4 is mapped. */
struct rxe_migr_way {
	u32		from_qpn, to_qpn;
	struct in6_addr	saddr, daddr;
};

extern const struct uapi_definition rxe_migr_uapi_defs[];
extern const struct uapi_definition rxe_migr_watch_defs[];
extern const struct uapi_definition rxe_migr_track_defs[];
extern const struct uapi_definition rxe_migr_reserve_defs[];
extern const struct uapi_definition rxe_migr_restore_more_defs[];
extern unsigned int rxe_migr_max_hold;

/* rxe_migrate.c: module, device, context, QP lifetimes */
int rxe_migr_init(void);
void rxe_migr_exit(void);
void *rxe_migr_get(struct rxe_pool *pool, u32 index);
void rxe_migr_dev_add(struct rxe_dev *rxe);
void rxe_migr_dev_del(struct rxe_dev *rxe);
void rxe_migr_ctx_init(struct rxe_ucontext *uc);
void rxe_migr_ctx_exit(struct rxe_ucontext *uc);
void rxe_migr_qp_init(struct rxe_qp *qp);
void rxe_migr_qp_kill(struct rxe_qp *qp);
void rxe_migr_qp_reset_begin(struct rxe_qp *qp);
void rxe_migr_qp_reset_end(struct rxe_qp *qp);

/* rxe_migrate_numbers.c: objects that are born with a number */
int rxe_migr_add_qp(struct rxe_dev *rxe, struct rxe_qp *qp,
		    struct ib_udata *udata);
int rxe_migr_add_mr(struct rxe_dev *rxe, struct rxe_mr *mr,
		    struct ib_udata *udata);
int rxe_migr_add_srq(struct rxe_dev *rxe, struct rxe_srq *srq,
		     struct ib_udata *udata);
int rxe_migr_add_mw(struct rxe_dev *rxe, struct rxe_mw *mw,
		    struct ib_udata *udata);
int rxe_migr_add_ah(struct rxe_dev *rxe, struct rxe_ah *ah, bool sleepable,
		    struct ib_udata *udata);
int rxe_migr_mr_init(struct rxe_dev *rxe, u64 start, u64 length, int access,
		     struct rxe_mr *mr, struct ib_udata *udata);
bool rxe_migr_mmap_ok(struct ib_ucontext *a, struct ib_ucontext *b);
bool rxe_migr_mmap_keep(struct ib_ucontext *context);
int rxe_migr_pin(struct rxe_ucontext *uc);

/* rxe_migrate_file.c: the uverbs file of a restored context */
int rxe_migr_adopt_file(struct rxe_ucontext *uc, int fd);

/* rxe_migrate_scope.c: the QPs that a method is about */
struct uverbs_attr_bundle;
int rxe_migr_scope(struct uverbs_attr_bundle *attrs, int (*fn)(struct rxe_qp *qp), bool go_on);
int rxe_migr_stop(struct uverbs_attr_bundle *attrs);

/* rxe_migrate_state.c: stop and resume */
void rxe_migr_set(struct rxe_qp *qp, unsigned long clear, unsigned long set);
bool rxe_migr_connected(struct rxe_qp *qp);
u32 rxe_migr_expected_psn(struct rxe_qp *qp);
void rxe_migr_freeze(struct rxe_qp *qp);
void rxe_migr_thaw(struct rxe_qp *qp);
void rxe_migr_rewind(struct rxe_qp *qp);
void rxe_migr_resources_begin(struct rxe_qp *qp);
void rxe_migr_resources_end(struct rxe_qp *qp);
int rxe_migr_mark_qp(struct rxe_qp *qp);
int rxe_migr_stop_qp(struct rxe_qp *qp);
int rxe_migr_resume_qp(struct rxe_qp *qp);
void rxe_migr_resume_work(struct work_struct *work);
void rxe_migr_news_work(struct work_struct *work);

/* rxe_migrate_greet.c: what kind of peer it is */
u32 rxe_migr_rnr_timer(const struct rxe_qp *qp);
unsigned long rxe_migr_rnr_pause(u32 timer);
void rxe_migr_learn(struct rxe_qp *qp);
void rxe_migr_greet(struct rxe_qp *qp);
int rxe_migr_greet_qp(struct rxe_qp *qp);
void rxe_migr_rcv_greeting(struct rxe_qp *qp, struct rxe_pkt_info *pkt,
			   const struct sk_buff *skb);
bool rxe_migr_rcv_early_greeting(struct rxe_pkt_info *pkt, struct sk_buff *skb);
void rxe_migr_answer_greeting(struct rxe_qp *qp);
void rxe_migr_rcv_aware(struct rxe_qp *qp, const struct rxe_migr_resume *msg);

/* rxe_migrate_path.c: address vectors after a move */
void rxe_migr_refresh_peer(struct rxe_dev *rxe, struct rxe_av *av);
int rxe_migr_refresh_source(struct rxe_qp *qp);
void rxe_migr_await_sources(struct rxe_qp *qp);

/* rxe_migrate_hold.c: waiting for a partner that is being moved */
void rxe_migr_hold_begin(struct rxe_qp *qp);
void rxe_migr_hold_work(struct work_struct *work);
void rxe_migr_pause(struct rxe_qp *qp, u32 epoch);

/* rxe_migrate_reserve.c: answering for QPs that are on their way */
void rxe_migr_reserve_init(struct rxe_dev *rxe);
void rxe_migr_reserve_exit(struct rxe_dev *rxe);
void rxe_migr_unreserve(struct rxe_dev *rxe, u32 qpn);
u32 rxe_migr_reservations(struct rxe_dev *rxe);
void rxe_migr_no_qp(struct rxe_pkt_info *pkt, struct sk_buff *skb);

/* rxe_migrate_watch.c: telling the program */
void rxe_migr_changed(struct rxe_qp *qp);
void rxe_migr_moved(struct rxe_ucontext *uc);
int rxe_migr_watch(struct rxe_ucontext *uc, u32 flags);
u32 rxe_migr_watched(struct rxe_ucontext *uc);

/* rxe_migrate_mcast.c: multicast groups */
void rxe_migr_attached(struct rxe_mcg *mcg, struct rxe_qp *qp, u16 mlid);

/* rxe_migrate_track.c: registered memory during pre-copy */
void rxe_migr_track_mr(struct rxe_dev *rxe, struct rxe_mr *mr);

/* rxe_migrate_auth.c: who may say so */
u64 rxe_migr_key_id(void);
u64 rxe_migr_tag_resume(const struct rxe_migr_resume *msg, const struct rxe_migr_way *way);
u64 rxe_migr_tag_note(const struct rxe_migr_note *note, u32 psn,
		      const struct rxe_migr_way *way);
bool rxe_migr_tag_ok(struct rxe_dev *rxe, u64 tag, u64 expected);
int rxe_migr_proc_key(const struct ctl_table *table, int write, void *buffer,
		      size_t *lenp, loff_t *ppos);
int rxe_migr_proc_key_id(const struct ctl_table *table, int write, void *buffer,
			 size_t *lenp, loff_t *ppos);

/* rxe_migrate_packet.c: packets without a QP */
void rxe_migr_addresses(const struct sk_buff *skb, struct in6_addr *saddr,
			struct in6_addr *daddr);
bool rxe_migr_emit_nak(struct rxe_dev *rxe, struct net_device *ndev,
		       const struct rxe_migr_way *way, u32 psn, u32 epoch,
		       u32 timer, u32 msn);
bool rxe_migr_emit_resume(struct rxe_dev *rxe, struct net_device *ndev,
			  const struct rxe_migr_way *way, struct rxe_migr_resume *msg);

/* rxe_migrate_wire.c: packets */
bool rxe_migr_resume_ok(struct rxe_pkt_info *pkt, const struct sk_buff *skb,
			u32 from_qpn, u32 to_qpn);
bool rxe_migr_note_ok(struct rxe_pkt_info *pkt, const struct rxe_migr_way *way);
bool rxe_migr_rcv(struct rxe_pkt_info *pkt, struct sk_buff *skb);
struct rxe_migr_way rxe_migr_way_to_peer(struct rxe_qp *qp);
int rxe_migr_send_note(struct rxe_qp *qp, u8 type, u32 psn, u64 nonce);
int rxe_migr_send_aware(struct rxe_qp *qp, u64 nonce);
int rxe_migr_send_resume(struct rxe_qp *qp, u8 type, u32 epoch);
int rxe_migr_receive_stopped(struct rxe_qp *qp);
void rxe_migr_drop_responses(struct rxe_qp *qp);

/* rxe_migrate_dump.c, rxe_migrate_restore.c */
struct rxe_migr_buf;
int rxe_migr_dump(struct rxe_ucontext *uc, struct rxe_migr_buf *buf, u64 *count);
int rxe_migr_restore_cq(struct rxe_cq *cq, const void *rec, size_t len);
int rxe_migr_restore_qp(struct rxe_qp *qp, const void *rec, size_t len);
int rxe_migr_fill_res_qp(struct sk_buff *msg, struct ib_qp *ibqp);

static inline struct rxe_ucontext *rxe_migr_udata_ctx(struct ib_udata *udata)
{
	return udata ? rdma_udata_to_drv_context(udata, struct rxe_ucontext, ibuc)
		     : NULL;
}

/* The context that a method acts on. */
static inline struct rxe_ucontext *rxe_migr_uc(struct uverbs_attr_bundle *attrs)
{
	struct ib_ucontext *ibuc = ib_uverbs_get_ucontext(attrs);

	return IS_ERR(ibuc) ? ERR_CAST(ibuc) : to_ruc(ibuc);
}

static inline bool rxe_migr_privileged(void)
{
	return checkpoint_restore_ns_capable(&init_user_ns);
}

/* The same for a method that not everyone may call. */
static inline struct rxe_ucontext *rxe_migr_privileged_uc(struct uverbs_attr_bundle *attrs)
{
	struct rxe_ucontext *uc = rxe_migr_uc(attrs);

	return IS_ERR(uc) || rxe_migr_privileged() ? uc : ERR_PTR(-EPERM);
}

#define RXE_MIGR_REQ(type)						\
	UVERBS_ATTR_PTR_IN(ROAM_RXE_ATTR_REQ, UVERBS_ATTR_TYPE(type), UA_MANDATORY)
#define RXE_MIGR_RESP(type)						\
	UVERBS_ATTR_PTR_OUT(ROAM_RXE_ATTR_RESP, UVERBS_ATTR_TYPE(type), UA_MANDATORY)

/* QPs of these types can be stopped and dumped. */
static inline bool rxe_migr_movable(struct rxe_qp *qp)
{
	return qp_type(qp) == IB_QPT_RC || qp_type(qp) == IB_QPT_UC ||
	       qp_type(qp) == IB_QPT_UD;
}

/* The object behind elem belongs to uc. */
static inline bool rxe_migr_owns(struct rxe_ucontext *uc, struct ib_uobject *uobj)
{
	return uobj && uobj->context == &uc->ibuc;
}

/* ---- hooks on the data path ---- */

static inline bool rxe_migr_halted(struct rxe_qp *qp)
{
	return unlikely(READ_ONCE(qp->migr.flags));
}

/* The receiver of this QP takes no request. */
static inline bool rxe_migr_closed(struct rxe_qp *qp)
{
	return unlikely(READ_ONCE(qp->migr.flags) &
			(ROAM_RXE_STOPPED | RXE_MIGR_HOLD));
}

static inline bool rxe_migr_is_resume(struct rxe_pkt_info *pkt)
{
	return unlikely(pkt->opcode == IB_OPCODE_RC_ROAM_RESUME);
}

static inline bool rxe_migr_is_rnr(struct rxe_pkt_info *pkt)
{
	return unlikely(pkt->opcode == IB_OPCODE_RC_ACKNOWLEDGE &&
			(aeth_syn(pkt) & AETH_TYPE_MASK) == AETH_RNR_NAK);
}

/* NULL: an RNR NAK like any other. */
static inline const struct rxe_migr_note *rxe_migr_note_of(struct rxe_pkt_info *pkt)
{
	const struct rxe_migr_note *note = payload_addr(pkt);

	if (payload_size(pkt) < sizeof(*note) || note->version != RXE_MIGR_WIRE_VERSION ||
	    note->magic != cpu_to_be16(RXE_MIGR_NOTE_MAGIC))
		return NULL;
	return note;
}

static inline u64 rxe_migr_nonce_of(const struct rxe_migr_resume *msg)
{
	return (u64)be32_to_cpu(msg->comp_psn) << 32 | be32_to_cpu(msg->resp_psn);
}

/* True: the packet was ours and is consumed. */
static inline bool rxe_migr_rcv_hook(struct rxe_pkt_info *pkt, struct sk_buff *skb)
{
	if (likely(!rxe_migr_is_resume(pkt) && !rxe_migr_is_rnr(pkt)))
		return false;

	return rxe_migr_rcv(pkt, skb);
}

/* The packet is about to be dropped, because no QP takes it. */
static inline void rxe_migr_drop_hook(struct rxe_pkt_info *pkt, struct sk_buff *skb)
{
	if (rxe_migr_is_rnr(pkt) || !xa_empty(&pkt->rxe->migr.reserved))
		rxe_migr_no_qp(pkt, skb);
}

/*
 * True: the completer has nothing to do. A stopped QP takes no response at
 * all; a paused or resuming one takes responses but must not count a timeout.
 */
static inline bool rxe_migr_completer_hook(struct rxe_qp *qp)
{
	if (likely(!rxe_migr_halted(qp)))
		return false;

	if (READ_ONCE(qp->migr.flags) & RXE_MIGR_HOLD)
		return true;

	qp->comp.timeout = 0;
	if (!(READ_ONCE(qp->migr.flags) & ROAM_RXE_STOPPED))
		return false;

	rxe_migr_drop_responses(qp);
	return true;
}

#endif /* RXE_MIGRATE_H */
