/* SPDX-License-Identifier: (GPL-2.0 OR MIT) */
/*
 * roam_rxe.h: the interface between the migratable rdma_rxe module and user
 * space (CRIU plugin, Node addon).
 *
 * The methods are driver methods of the uverbs ioctl interface: they go to a
 * /dev/infiniband/uverbsN descriptor and act on the verbs context behind it.
 * A descriptor that was taken from another process (SCM_RIGHTS, pidfd_getfd)
 * is as good as one's own.  Every method takes exactly the attributes listed
 * beside it; all structs are little endian, naturally aligned, without holes.
 *
 * Permission: STOP, RESUME, GREET, CHECK, LIST, WATCH and READY on the caller's own
 * context need nothing; whole-device scope, DUMP, IDENTIFY, ANNOUNCE, TRACK,
 * RESERVE, RESTORE_* and PIN need CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN in the initial user
 * namespace.
 */
#ifndef ROAM_RXE_H
#define ROAM_RXE_H

#include <linux/types.h>

#define ROAM_RXE_ABI_VERSION	6
#define ROAM_RXE_DUMP_MAGIC	0x524d5852u	/* "RXMR" */
#define ROAM_RXE_DUMP_VERSION	7

/* Driver namespace of uverbs ids: UVERBS_ID_DRIVER_NS in the kernel. */
#define ROAM_RXE_NS		(1U << 12)

/* Several, because the kernel allows a driver eight methods for each. */
enum roam_rxe_object {
	ROAM_RXE_OBJECT_MIGR = ROAM_RXE_NS,	/* enum roam_rxe_method */
	ROAM_RXE_OBJECT_RESTORE,		/* enum roam_rxe_restore_method */
	ROAM_RXE_OBJECT_WATCH,		/* enum roam_rxe_watch_method */
	ROAM_RXE_OBJECT_TRACK,		/* enum roam_rxe_track_method */
	ROAM_RXE_OBJECT_HOLD,		/* enum roam_rxe_hold_method */
	ROAM_RXE_OBJECT_RESTORE_MORE,	/* enum roam_rxe_restore_more_method */
	ROAM_RXE_OBJECT_GREET,		/* enum roam_rxe_greet_method */
};

enum roam_rxe_method {
	ROAM_RXE_METHOD_QUERY = ROAM_RXE_NS,	/* RESP: roam_rxe_query */
	ROAM_RXE_METHOD_LIST,			/* REQ: roam_rxe_buf, RESP: roam_rxe_buf_resp */
	ROAM_RXE_METHOD_CHECK,			/* REQ: roam_rxe_buf, RESP: roam_rxe_buf_resp */
	ROAM_RXE_METHOD_STOP,			/* REQ: roam_rxe_scope */
	ROAM_RXE_METHOD_RESUME,			/* REQ: roam_rxe_scope */
	ROAM_RXE_METHOD_DUMP,			/* REQ: roam_rxe_buf, RESP: roam_rxe_buf_resp */
	ROAM_RXE_METHOD_IDENTIFY_COMP,		/* FD (comp channel), RESP: roam_rxe_fd_id */
	ROAM_RXE_METHOD_IDENTIFY_ASYNC,		/* FD (async event file), RESP: roam_rxe_fd_id */
};

enum roam_rxe_restore_method {
	ROAM_RXE_METHOD_RESTORE_BEGIN = ROAM_RXE_NS,	/* REQ: roam_rxe_restore */
	ROAM_RXE_METHOD_RESTORE_NUMBER,		/* REQ: roam_rxe_number */
	ROAM_RXE_METHOD_RESTORE_CQ,		/* HANDLE (CQ), REQ: roam_rxe_buf (one record) */
	ROAM_RXE_METHOD_RESTORE_MR,		/* HANDLE (MR), REQ: roam_rxe_buf (one record) */
	ROAM_RXE_METHOD_RESTORE_QP,		/* HANDLE (QP), REQ: roam_rxe_buf (one record) */
	ROAM_RXE_METHOD_PIN,			/* FD (the uverbs file itself) */
	ROAM_RXE_METHOD_RESTORE_ASYNC,		/* FD (async event file), REQ: roam_rxe_buf (one record) */
};

enum roam_rxe_restore_more_method {
	ROAM_RXE_METHOD_RESTORE_SRQ = ROAM_RXE_NS,	/* HANDLE (SRQ), REQ: roam_rxe_buf (one record) */
	ROAM_RXE_METHOD_RESTORE_AH,		/* HANDLE (AH), REQ: roam_rxe_buf (one record) */
	ROAM_RXE_METHOD_RESTORE_MW,		/* HANDLE (MW), REQ: roam_rxe_buf (one record) */
};

enum roam_rxe_watch_method {
	ROAM_RXE_METHOD_WATCH = ROAM_RXE_NS,	/* REQ: roam_rxe_watch */
	ROAM_RXE_METHOD_ANNOUNCE,		/* REQ: roam_rxe_announce, RESP: roam_rxe_announced */
	ROAM_RXE_METHOD_READY,
};

enum roam_rxe_track_method {
	/*
	 * From now on every page of the context's MRs keeps its soft-dirty
	 * bit, huge pages too: they are mapped by small entries.  So are those
	 * of MRs that any context of the device registers later.
	 */
	ROAM_RXE_METHOD_TRACK = ROAM_RXE_NS,
};

enum roam_rxe_hold_method {
	ROAM_RXE_METHOD_RESERVE = ROAM_RXE_NS,	/* REQ: roam_rxe_buf (roam_rxe_reservation[]) */
};

enum roam_rxe_greet_method {
	/*
	 * Asks the peers that are not known to understand the protocol, once;
	 * LIST tells a moment later who has answered.  STOP does it too.
	 */
	ROAM_RXE_METHOD_GREET = ROAM_RXE_NS,	/* REQ: roam_rxe_scope */
};

enum roam_rxe_attr {
	ROAM_RXE_ATTR_REQ = ROAM_RXE_NS,
	ROAM_RXE_ATTR_RESP,
	ROAM_RXE_ATTR_FD,
	ROAM_RXE_ATTR_HANDLE,
};

/* Migration state of a QP: bits, 0 is running. */
enum roam_rxe_state {
	ROAM_RXE_STOPPED  = 1 << 0,	/* this end is being moved: nothing is sent, requests get NAK-stopped */
	ROAM_RXE_PAUSED   = 1 << 1,	/* the peer said NAK-stopped: nothing is sent until its Resume */
	ROAM_RXE_RESUMING = 1 << 2,	/* Resume is sent, its acknowledgement is awaited */
};

struct roam_rxe_query {
	__u32 abi;		/* ROAM_RXE_ABI_VERSION */
	__u32 dump_version;	/* ROAM_RXE_DUMP_VERSION */
	__u32 context_state;	/* enum roam_rxe_ctx_state */
	__u32 reservations;	/* that hold on the device */
	char  module_version[32];
	__u64 nak_stopped_sent, nak_stopped_rcvd;	/* device counters */
	__u64 resume_sent, resume_rcvd;
	__u64 resume_acked, resume_refused;
	__u64 resume_forwarded;
	__u64 unauthentic;	/* messages that were dropped for their tag */
	__u64 key_id;		/* tells keys apart (net.rdma_rxe.key); 0: none */
};

enum roam_rxe_ctx_state {
	ROAM_RXE_CTX_LIVE = 0,
	ROAM_RXE_CTX_RESTORING = 1,	/* after RESTORE_BEGIN: MRs are created without pages */
	ROAM_RXE_CTX_PINNED = 2,	/* after PIN: whole again, QPs still stopped */
};

/* A caller's buffer.  When it is too small, -ENOSPC and needed tells the size. */
struct roam_rxe_buf {
	__u64 addr;
	__u64 len;
	__u32 flags;		/* LIST: ROAM_RXE_WHOLE_DEVICE */
	__u32 reserved;
};

struct roam_rxe_buf_resp {
	__u64 needed;		/* bytes that were, or would have been, written */
	__u64 count;		/* records */
};

#define ROAM_RXE_WHOLE_DEVICE	(1U << 0)

/* qpn 0: every QP of the context; else that QP, of any context of the device
 * with ROAM_RXE_WHOLE_DEVICE. */
struct roam_rxe_scope {
	__u32 qpn;
	__u32 flags;
};

struct roam_rxe_qp_info {	/* LIST */
	__u32 qpn;
	__u32 dest_qpn;
	__u32 qp_type;		/* enum ib_qp_type (IB_QPT_RC = 2, ...) */
	__u32 qp_state;		/* enum ib_qp_state (RESET 0 ... ERR 6) */
	__u32 migr_state;	/* enum roam_rxe_state bits */
	__u32 pid;		/* of the owning process, in the initial pid namespace; 0: kernel */
	__u32 req_psn, comp_psn, resp_psn, msn;
	__u8  sgid[16];
	__u8  dgid[16];
	__u32 uobject;		/* uverbs handle, ~0 for kernel QPs */
	__u32 epoch;		/* counts this QP's stops */
	__u32 peer_aware;	/* the peer understands NAK-stopped and Resume */
	__u32 rnr_timer;	/* that it is told meanwhile if not: encoded as in the AETH; or ROAM_RXE_NO_RNR */
};

/* An RNR NAK would end the peer: it is not answered at all. */
#define ROAM_RXE_NO_RNR		32

enum roam_rxe_type {
	ROAM_RXE_T_CTX = 1,
	ROAM_RXE_T_PD,
	ROAM_RXE_T_COMP_CHANNEL,
	ROAM_RXE_T_ASYNC,
	ROAM_RXE_T_CQ,
	ROAM_RXE_T_MR,
	ROAM_RXE_T_QP,
	ROAM_RXE_T_AH,
	ROAM_RXE_T_SRQ,
	ROAM_RXE_T_MW,
	ROAM_RXE_T_MCAST,
	ROAM_RXE_T_OTHER,
	ROAM_RXE_T_ODP,		/* an MR whose pages come on demand; only in CHECK */
};

struct roam_rxe_unsupported {	/* CHECK: one per object that DUMP would refuse */
	__u32 type;		/* enum roam_rxe_type */
	__u32 id;		/* QPN, SRQ number, key, ...: what a user would recognise */
	__u32 handle;		/* uverbs handle */
	__u32 detail;		/* QP: qp_type */
};

struct roam_rxe_fd_id {
	__u64 id;		/* stable while the file is open; 0 never */
};

/* ---- watch: a program is told of its migration, if it asked for that ---- */

/*
 * Async events (ibv_get_async_event(3)) beyond those of IBTA.  Each is about
 * the whole context, and like any unread event it moves along.
 */
enum roam_rxe_event_type {
	ROAM_RXE_EVENT_QPS = 0x10000,	/* the migration state of some QP has changed: see LIST */
	ROAM_RXE_EVENT_MOVES,		/* ANNOUNCE_MOVE: a dump waits for READY */
	ROAM_RXE_EVENT_STAYS,		/* ANNOUNCE_STAY: it has not been moved after all */
	ROAM_RXE_EVENT_MOVED,		/* it was restored, here */
};

enum roam_rxe_watch_flags {
	/* One EVENT_QPS for any number of changes; then the flag is gone and
	 * wants another WATCH: watch, then look, then wait. */
	ROAM_RXE_WATCH_QPS   = 1 << 0,
	ROAM_RXE_WATCH_MOVES = 1 << 1,	/* the other events */
	ROAM_RXE_WATCH_ALL   = ROAM_RXE_WATCH_QPS | ROAM_RXE_WATCH_MOVES,
};

struct roam_rxe_watch {
	__u32 flags;		/* those that hold from now on */
	__u32 reserved;
};

enum roam_rxe_announcement {
	ROAM_RXE_ANNOUNCE_NOTHING = 0,	/* only asks for the answer */
	ROAM_RXE_ANNOUNCE_MOVE = 1,
	ROAM_RXE_ANNOUNCE_STAY = 2,
};

struct roam_rxe_announce {
	__u32 what;		/* enum roam_rxe_announcement */
	__u32 reserved;
};

struct roam_rxe_announced {
	__u32 awaited;		/* 1: the program was told, and has not said READY */
	__u32 reserved;
};

/* ---- hold: somebody answers while a QP is nowhere ---- */

/*
 * Requests of the QP's peer that find no QP are answered NAK-stopped on its
 * behalf, until it is resumed on this device, or for hold_ms.  A peer on this
 * very device is paused at once.  With a GID in forward, the peer's Resume goes
 * on to there.  One for each QPN: a later one takes the place of an earlier one.
 * -EINVAL: none of them was made; -ENOSPC: too many.
 */
struct roam_rxe_reservation {
	__u32 qpn;
	__u32 peer_qpn;
	__u32 epoch;		/* of the stop, as LIST tells it while the QP is stopped */
	__u32 hold_ms;		/* up to a day; 0: cancelled */
	__u32 psn, msn;		/* resp_psn, msn, rnr_timer of LIST */
	__u32 rnr_timer;
	__u32 flags;		/* ROAM_RXE_PEER_AWARE */
	__u8  peer_gid[16];
	__u8  forward[16];	/* where the QP will be; zeros: not known */
};

#define ROAM_RXE_PEER_AWARE	(1U << 0)	/* peer_aware of LIST */

/* ---- dump: one roam_rxe_dump_hdr, then records, each 8-byte aligned ---- */

struct roam_rxe_dump_hdr {
	__u32 magic;
	__u32 version;
	__u64 len;		/* whole dump, this header included */
	__u32 count;		/* records */
	__u32 max_handle;	/* highest uverbs handle in use; ~0: none */
	char  ib_name[64];	/* device, e.g. rxe0 */
	__u32 num_comp_vectors;
	__u32 watch;		/* enum roam_rxe_watch_flags that hold */
};

struct roam_rxe_rec {
	__u32 type;		/* enum roam_rxe_type */
	__u32 len;		/* this header and the body, before alignment */
	__u32 handle;		/* uverbs handle; MCAST: of the QP; ~0 for files */
	__u32 reserved;
	__u64 user_handle;
};

/* Ring of a queue as the application maps it; the bytes follow its record. */
struct roam_rxe_queue {
	__u64 mmap_offset;	/* vm_pgoff << PAGE_SHIFT that the application used */
	__u64 size;		/* mapped size, page aligned */
	__u64 buf_size;		/* bytes that follow: struct rxe_queue_buf and elements */
	__u32 index;		/* the driver's own copy of its index */
	__u32 mapped;		/* times it is mapped; 0 from a kernel that does not count them (7.3) */
};

struct roam_rxe_pd {
	struct roam_rxe_rec rec;
};

struct roam_rxe_file {		/* COMP_CHANNEL, ASYNC */
	struct roam_rxe_rec rec;
	__u64 id;		/* as roam_rxe_fd_id */
	__u32 event_count;	/* ASYNC: roam_rxe_event[] that follow, oldest first */
	__u32 reserved;
};

struct roam_rxe_event {		/* unread in an async event file */
	__u32 type;		/* enum ib_event_type */
	__u32 handle;		/* of the QP, CQ or SRQ that it is about; ~0: of none */
	__u32 port;		/* when of none */
	__u32 reserved;
};

struct roam_rxe_cq {
	struct roam_rxe_rec rec;
	__u64 channel;		/* roam_rxe_fd_id of its channel, 0: none */
	__u64 async;		/* of its async event file, 0: the context's first */
	__u32 cqe;		/* to ask for at creation */
	__u32 comp_vector;
	__u32 notify;		/* armed: enum ib_cq_notify_flags */
	__u32 comp_events_reported;
	__u32 async_events_reported;
	__u32 comp_events_pending;	/* unread in the channel */
	struct roam_rxe_queue q;
	/* q.buf_size bytes */
};

struct roam_rxe_srq {
	struct roam_rxe_rec rec;
	__u32 srq_num;
	__u32 pd_handle;
	__u32 max_wr, max_sge;	/* to ask for at creation */
	__u32 limit;		/* armed: the event comes below it; 0: not armed */
	__u32 events_reported;
	__u64 async;		/* as in roam_rxe_cq */
	struct roam_rxe_queue q;
	/* q.buf_size bytes */
};

struct roam_rxe_ah {
	struct roam_rxe_rec rec;
	__u32 ah_num;		/* that user space puts in its send requests */
	__u32 pd_handle;
	__u32 port_num;
	__u32 flow_label, sgid_index, hop_limit, traffic_class;
	__u32 reserved;
	__u8  dgid[16];
	__u8  sgid[16];
};

struct roam_rxe_mw {
	struct roam_rxe_rec rec;
	__u32 pd_handle;
	__u32 mw_type;		/* enum ib_mw_type */
	__u32 rkey;		/* as it is now: a bind changes its last byte */
	__u32 state;
	__u32 access;
	__u32 mr_lkey;		/* of the MR that it is bound to; 0: none */
	__u32 qpn;		/* type 2: of the QP that it is bound to; 0: none */
	__u32 reserved;
	__u64 addr;
	__u64 length;
};

struct roam_rxe_mcast {		/* of the UD QP that rec.handle tells */
	struct roam_rxe_rec rec;
	__u8  gid[16];
	__u32 lid;		/* that it was attached with */
	__u32 reserved;
};

struct roam_rxe_mr {
	struct roam_rxe_rec rec;
	__u32 pd_handle;
	__u32 access;
	__u64 start;		/* user address */
	__u64 length;
	__u64 iova;
	__u32 lkey;
	__u32 rkey;
	__u32 state;
	__u32 reserved;
};

struct roam_rxe_res {		/* responder resource: replay of READ and atomics */
	__u32 type;
	__u32 replay;
	__u32 first_psn, last_psn, cur_psn;
	__u32 state;
	__u64 va_org;		/* READ; atomics: the original value */
	__u64 va;
	__u32 rkey, length, resid;
	__u8  flush_type, flush_level;
	__u8  reserved[2];
};

struct roam_rxe_qp {
	struct roam_rxe_rec rec;
	__u32 qpn;
	__u32 qp_type;
	__u32 pd_handle, send_cq, recv_cq;	/* uverbs handles */
	__u32 sq_sig_all;
	__u64 async;
	/* create */
	__u32 max_send_wr, max_recv_wr, max_send_sge, max_recv_sge, max_inline;
	/* modify, in the values of struct ibv_qp_attr */
	__u32 state;
	__u32 path_mtu, pkey_index, port_num, access_flags;
	__u32 qkey, rq_psn, sq_psn, dest_qpn;
	__u32 max_rd_atomic, max_dest_rd_atomic, min_rnr_timer;
	__u32 timeout, retry_cnt, rnr_retry;
	__u32 sq_draining;
	/* address */
	__u8  dgid[16];
	__u8  sgid[16];
	__u32 flow_label, sgid_index, hop_limit, traffic_class, sl, gid_type;
	__u32 src_port;
	__u32 events_reported;
	/* requester */
	__u32 req_wqe_index, req_psn, req_opcode, req_rd_atomic;
	__u32 req_wait_fence, req_need_rd_atomic, req_wait_psn, req_need_retry, req_noack_pkts;
	/* completer */
	__u32 comp_psn, comp_opcode, comp_retry_cnt, comp_rnr_retry, comp_started_retry;
	__u32 ssn;
	/* responder */
	__u32 resp_msn, resp_psn, resp_ack_psn, resp_opcode;
	__u32 resp_drop_msg, resp_goto_error, resp_sent_psn_nak, resp_status, resp_aeth_syndrome;
	__u32 resp_rkey, resp_length, resp_resid;
	__u64 resp_va, resp_offset;
	__u32 has_recv_wqe;	/* a receive WQE is half filled: recv_wqe_len bytes follow */
	__u32 recv_wqe_len;
	__u32 res_head, res_tail;
	__u32 res_count;	/* roam_rxe_res entries that follow */
	__u32 migr_state;
	__u32 epoch;		/* counts this QP's stops: told in NAK-stopped and Resume */
	__u32 peer_epoch;	/* the last one that the peer's Resume told */
	__u32 nak_epoch;	/* 24 bits, of the stop that the peer's NAK-stopped told, while PAUSED */
	__u32 srq;		/* uverbs handle; ~0: none, and an rq of its own */
	__u32 peer_aware;	/* as in LIST */
	__u32 reserved;
	struct roam_rxe_queue sq, rq;
	/* roam_rxe_res[res_count], recv_wqe_len bytes (padded to 8),
	 * sq.buf_size bytes (padded to 8), rq.buf_size bytes */
};

/* ---- restore ---- */

struct roam_rxe_restore {
	__u32 dump_version;
	__u32 watch;		/* as in the dump */
};

/* The number that the next object of that type in this context gets.
 * -EBUSY at its creation when it is taken on this device. */
struct roam_rxe_number {
	__u32 type;		/* enum roam_rxe_type: QP: QPN; MR: lkey; SRQ and AH: number; MW: rkey */
	__u32 number;
};

#endif /* ROAM_RXE_H */
