/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * State that live migration adds to rxe's device, context, QP and MR.
 * Included by rxe_verbs.h before those structs.
 */
#ifndef RXE_MIGRATE_TYPES_H
#define RXE_MIGRATE_TYPES_H

#include <linux/atomic.h>
#include <linux/in6.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

/* Types of objects: enum roam_rxe_type. */
#define RXE_MIGR_NR_TYPES	13

struct cred;
struct mm_struct;
struct pid;

struct rxe_migr_dev {
	struct list_head	list;		/* rxe_migr_devs */
	atomic64_t		nak_sent, nak_rcvd;
	atomic64_t		resume_sent, resume_rcvd;
	atomic64_t		resume_acked, resume_refused;
	atomic64_t		forwarded;	/* Resumes that were sent on */
	atomic64_t		unauthentic;	/* messages with a wrong tag, or without the one that is due */
	bool			tracked;	/* MRs are mapped by small pages; never unset */
	struct xarray		reserved;	/* by QPN: struct rxe_migr_reserved */
	atomic_t		nr_reserved;
	struct mutex		reserve_lock;	/* keeps RESERVE within its bound */
	bool			source_missing;	/* a wait for a GID was in vain, */
	unsigned long		missed_at;	/* then (jiffies) */
};

/*
 * A context is RESTORING between RESTORE_BEGIN and PIN: new QPs are born
 * stopped, new MRs have keys but no pages. wanted[] is consumed by the next
 * object of that type; 0 means none. All under lock, but for watch.
 */
struct rxe_migr_ctx {
	struct mutex		lock;
	unsigned long		watch;		/* enum roam_rxe_watch_flags, changed bit by bit */
	u32			state;		/* enum roam_rxe_ctx_state */
	u32			wanted[RXE_MIGR_NR_TYPES];	/* by enum roam_rxe_type */
	bool			awaited;	/* the program has not said READY yet */
	struct mm_struct	*mm;		/* mmgrab'ed by RESTORE_BEGIN */
	struct pid		*owner;		/* the process that called it */
	const struct cred	*opener;	/* what the file had before PIN */
};

/* The peer's Resume or Resumed as it came in, until the work item has acted on it. */
struct rxe_migr_news {
	bool			pending;
	bool			forwarded;	/* smac is not the sender's */
	u8			smac[6];
	u32			epoch;
	u32			comp_psn, resp_psn;	/* of the peer */
	u32			own_psn;	/* resp.psn when it came in */
	bool			no_requester;	/* comp_psn means nothing */
	struct in6_addr		origin;		/* IPv4 is mapped */
};

/*
 * flags is read without a lock on every packet and written under both mutex
 * and lock, except that PAUSED is set under lock alone from softirq.
 *
 * Invariant: while STOPPED is set and mutex is held by nobody, no task of
 * this QP changes anything that a dump contains.
 */
struct rxe_migr_qp {
	unsigned long		flags;		/* enum roam_rxe_state */
	spinlock_t		lock;
	struct mutex		mutex;
	bool			dead;		/* no work may be queued any more */
	bool			flushed;	/* frozen in ERR: an SRQ's QP has said LAST_WQE_REACHED */
	u32			epoch;
	u32			peer_epoch;
	u32			nak_epoch;	/* 24 bits; only grows while PAUSED */
	unsigned int		resume_tries;
	unsigned int		greetings;	/* since RESUME */
	bool			aware;		/* the peer understands these messages; set under lock */
	bool			unsaid;		/* RESUME was told to no peer that understands it */
	u64			nonce;		/* of the greeting whose answer is awaited; 0: none is */
	u64			asked;		/* of the peer's greeting, until it is answered */
	unsigned long		answered;	/* jiffies of the last NAK-stopped */
	struct rxe_migr_news	news;		/* Resume */
	struct rxe_migr_news	answer;		/* Resumed */
	struct work_struct	news_work;
	struct delayed_work	resume_work;
	unsigned long		hold_until;	/* jiffies; while PAUSED or RESUMING */
	struct delayed_work	hold_work;
};

#endif /* RXE_MIGRATE_TYPES_H */
