// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Authentication of the protocol's messages: one key for all hosts of a site,
 * and a tag over everything in a message that its receiver acts upon. See
 * docs/threat-model.md.
 */
#include <linux/hex.h>
#include <linux/kernel.h>
#include <linux/seqlock.h>
#include <linux/siphash.h>
#include <linux/string.h>

#include "rxe.h"
#include "rxe_migrate.h"

#define RXE_MIGR_KEY_DIGITS	(2 * sizeof(siphash_key_t))

static DEFINE_SEQLOCK(rxe_migr_key_lock);
static siphash_key_t rxe_migr_key;
static bool rxe_migr_keyed;

/* What the tag of a message covers, network byte order, without holes. */
struct rxe_migr_tagged {
	u8	type;		/* enum; 0: the key's own id */
	u8	flags, hops, zero;
	__be32	from_qpn, to_qpn;
	__be32	epoch;
	__be32	psn;		/* Resume, Resumed: comp_psn */
	__be32	resp_psn;
	u8	origin[16];	/* of a note: its nonce */
	u8	saddr[16], daddr[16];
} __aligned(SIPHASH_ALIGNMENT);

static_assert(sizeof(struct rxe_migr_tagged) == 72);

/* 0: there is no key, and no tag is ever 0 with one. Any context but hard irq. */
static u64 rxe_migr_hash(const struct rxe_migr_tagged *t)
{
	siphash_key_t key;
	unsigned int seq;
	bool keyed;
	u64 tag;

	do {
		seq = read_seqbegin(&rxe_migr_key_lock);
		key = rxe_migr_key;
		keyed = rxe_migr_keyed;
	} while (read_seqretry(&rxe_migr_key_lock, seq));

	tag = keyed ? siphash(t, sizeof(*t), &key) ?: 1 : 0;
	memzero_explicit(&key, sizeof(key));
	return tag;
}

u64 rxe_migr_key_id(void)
{
	const struct rxe_migr_tagged t = {};

	return rxe_migr_hash(&t);
}

u64 rxe_migr_tag_resume(const struct rxe_migr_resume *msg, const struct rxe_migr_way *way)
{
	struct rxe_migr_tagged t = {
		.type = msg->type,
		.flags = msg->flags,
		.hops = msg->hops,
		.from_qpn = cpu_to_be32(way->from_qpn),
		.to_qpn = cpu_to_be32(way->to_qpn),
		.epoch = msg->epoch,
		.psn = msg->comp_psn,
		.resp_psn = msg->resp_psn,
	};

	memcpy(t.origin, msg->origin, sizeof(t.origin));
	memcpy(t.saddr, &way->saddr, sizeof(t.saddr));
	memcpy(t.daddr, &way->daddr, sizeof(t.daddr));
	return rxe_migr_hash(&t);
}

u64 rxe_migr_tag_note(const struct rxe_migr_note *note, u32 psn,
		      const struct rxe_migr_way *way)
{
	struct rxe_migr_tagged t = {
		.type = note->type,
		.from_qpn = cpu_to_be32(way->from_qpn),
		.to_qpn = cpu_to_be32(way->to_qpn),
		.epoch = note->epoch,
		.psn = cpu_to_be32(psn & BTH_PSN_MASK),
	};

	memcpy(t.origin, &note->nonce, sizeof(note->nonce));
	memcpy(t.saddr, &way->saddr, sizeof(t.saddr));
	memcpy(t.daddr, &way->daddr, sizeof(t.daddr));
	return rxe_migr_hash(&t);
}

bool rxe_migr_tag_ok(struct rxe_dev *rxe, u64 tag, u64 expected)
{
	if (likely(tag == expected))
		return true;
	atomic64_inc(&rxe->migr.unauthentic);
	return false;
}

/* ---- sysctls net.rdma_rxe.key and key_id ---- */

/*
 * 32 hexadecimal digits, or "none". It is never given out again: mode 0200,
 * and reading it would tell only that.
 */
int rxe_migr_proc_key(const struct ctl_table *table, int write, void *buffer,
		      size_t *lenp, loff_t *ppos)
{
	__le64 raw[2] = {};
	bool keyed = true;
	size_t len;
	char *text;
	int err = 0;

	if (!write)
		return -EPERM;
	/* a key that came in two writes would be half a key in between */
	if (*ppos || !*lenp)
		return -EINVAL;

	text = strim(buffer);
	len = strlen(text);
	if (!strcmp(text, "none"))
		keyed = false;
	else if (len != RXE_MIGR_KEY_DIGITS || hex2bin((u8 *)raw, text, sizeof(raw)))
		err = -EINVAL;

	if (!err) {
		/* readers are in softirq, too */
		write_seqlock_bh(&rxe_migr_key_lock);
		rxe_migr_key.key[0] = le64_to_cpu(raw[0]);
		rxe_migr_key.key[1] = le64_to_cpu(raw[1]);
		rxe_migr_keyed = keyed;
		write_sequnlock_bh(&rxe_migr_key_lock);
		*ppos += *lenp;
	}
	memzero_explicit(raw, sizeof(raw));
	memzero_explicit(buffer, *lenp);
	return err;
}

int rxe_migr_proc_key_id(const struct ctl_table *table, int write, void *buffer,
			 size_t *lenp, loff_t *ppos)
{
	u64 id = rxe_migr_key_id();
	char text[17] = "none";
	struct ctl_table shown = {
		.procname = table->procname,
		.data = text,
		.maxlen = sizeof(text),
		.mode = table->mode,
	};

	if (write)
		return -EPERM;
	if (id)
		snprintf(text, sizeof(text), "%016llx", id);
	return proc_dostring(&shown, 0, buffer, lenp, ppos);
}
