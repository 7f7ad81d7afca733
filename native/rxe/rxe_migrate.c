// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Lifetimes of what live migration adds to the module, its devices, contexts
 * and QPs, and the sysctls net.rdma_rxe.last_qpn and qpn_range and their like,
 * max_hold_ms, key and key_id.
 */
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sysctl.h>
#include <net/net_namespace.h>

#include "rxe.h"
#include "rxe_migrate.h"

MODULE_VERSION(RXE_MIGR_VERSION);

static LIST_HEAD(rxe_migr_devs);
static DEFINE_MUTEX(rxe_migr_devs_lock);
static struct ctl_table_header *rxe_migr_sysctl;

/* Numbers of one type of object. */
struct rxe_migr_range {
	unsigned int	last;		/* given out; a new device continues after it */
	unsigned int	min, max;	/* that there are at all */
	struct xa_limit	own;		/* that this host gives out */
	size_t		pool;		/* offset in struct rxe_dev */
};

#define RXE_MIGR_RANGE(type, name) {					\
	.last	= RXE_MIN_##type##_INDEX - 1,				\
	.min	= RXE_MIN_##type##_INDEX,				\
	.max	= RXE_MAX_##type##_INDEX,				\
	.own	= { .min = RXE_MIN_##type##_INDEX, .max = RXE_MAX_##type##_INDEX }, \
	.pool	= offsetof(struct rxe_dev, name),			\
}

enum { RXE_MIGR_QPN, RXE_MIGR_MRN, RXE_MIGR_MWN, RXE_MIGR_SRQN, RXE_MIGR_AHN, RXE_MIGR_NR_RANGES };

static struct rxe_migr_range rxe_migr_ranges[RXE_MIGR_NR_RANGES] = {
	[RXE_MIGR_QPN]	= RXE_MIGR_RANGE(QP, qp_pool),
	[RXE_MIGR_MRN]	= RXE_MIGR_RANGE(MR, mr_pool),
	[RXE_MIGR_MWN]	= RXE_MIGR_RANGE(MW, mw_pool),
	[RXE_MIGR_SRQN]	= RXE_MIGR_RANGE(SRQ, srq_pool),
	[RXE_MIGR_AHN]	= RXE_MIGR_RANGE(AH, ah_pool),
};
static unsigned int rxe_migr_hold_ceiling = RXE_MIGR_MAX_HOLD_MS;

/*
 * As rxe_pool_get_index(), for objects that are not freed by RCU: the lock
 * that takes an object out of its pool keeps it from being freed meanwhile.
 */
void *rxe_migr_get(struct rxe_pool *pool, u32 index)
{
	struct rxe_pool_elem *elem;
	void *obj = NULL;
	unsigned long irq;

	xa_lock_irqsave(&pool->xa, irq);
	elem = xa_load(&pool->xa, index);
	if (elem && kref_get_unless_zero(&elem->ref_cnt))
		obj = elem->obj;
	xa_unlock_irqrestore(&pool->xa, irq);

	return obj;
}

static struct rxe_pool *rxe_migr_pool(struct rxe_dev *rxe, const struct rxe_migr_range *range)
{
	return (void *)((u8 *)rxe + range->pool);
}

static int rxe_migr_proc_last(const struct ctl_table *table, int write,
			      void *buffer, size_t *lenp, loff_t *ppos)
{
	unsigned int *last = table->data;
	struct rxe_migr_range *range = container_of(last, struct rxe_migr_range, last);
	struct rxe_dev *rxe;
	int err;

	mutex_lock(&rxe_migr_devs_lock);
	rxe = list_first_entry_or_null(&rxe_migr_devs, struct rxe_dev, migr.list);
	if (!write && rxe) {
		u32 next = READ_ONCE(rxe_migr_pool(rxe, range)->next);

		if (next)
			*last = next - 1;
	}

	err = proc_douintvec_minmax(table, write, buffer, lenp, ppos);
	if (!err && write)
		list_for_each_entry(rxe, &rxe_migr_devs, migr.list)
			WRITE_ONCE(rxe_migr_pool(rxe, range)->next, *last + 1);
	mutex_unlock(&rxe_migr_devs_lock);

	return err;
}

/*
 * The numbers that new objects get. Others stay what they are: an object that
 * came from another host has one of that host's.
 *
 * Both bounds are read by who creates an object, without a lock: the widest
 * range in between keeps him from an empty one.
 */
static void rxe_migr_bound(struct rxe_dev *rxe, const struct rxe_migr_range *range)
{
	struct rxe_pool *pool = rxe_migr_pool(rxe, range);
	u32 next = READ_ONCE(pool->next);

	WRITE_ONCE(pool->limit.min, range->min);
	WRITE_ONCE(pool->limit.max, range->max);
	smp_wmb();
	WRITE_ONCE(pool->limit.min, range->own.min);
	WRITE_ONCE(pool->limit.max, range->own.max);
	if (next < range->own.min || next > range->own.max)
		WRITE_ONCE(pool->next, range->own.min);
}

static int rxe_migr_proc_range(const struct ctl_table *table, int write,
			       void *buffer, size_t *lenp, loff_t *ppos)
{
	struct rxe_migr_range *range = table->data;
	int min = range->min, max = range->max;
	struct ctl_table own = { .extra1 = &min, .extra2 = &max };
	struct rxe_dev *rxe;
	int bounds[2];
	int err;

	own.data = bounds;
	own.maxlen = sizeof(bounds);
	mutex_lock(&rxe_migr_devs_lock);
	bounds[0] = range->own.min;
	bounds[1] = range->own.max;
	err = proc_dointvec_minmax(&own, write, buffer, lenp, ppos);
	if (!err && write && bounds[0] > bounds[1])
		err = -EINVAL;
	if (!err && write) {
		range->own.min = bounds[0];
		range->own.max = bounds[1];
		if (range->last < range->own.min || range->last > range->own.max)
			range->last = range->own.min - 1;
		list_for_each_entry(rxe, &rxe_migr_devs, migr.list)
			rxe_migr_bound(rxe, range);
	}
	mutex_unlock(&rxe_migr_devs_lock);

	return err;
}

#define RXE_MIGR_OWN(name, n) {						\
	.procname	= name,						\
	.data		= &rxe_migr_ranges[n],				\
	.maxlen		= 2 * sizeof(int),				\
	.mode		= 0644,						\
	.proc_handler	= rxe_migr_proc_range,				\
}

#define RXE_MIGR_LAST(name, n) {					\
	.procname	= name,						\
	.data		= &rxe_migr_ranges[n].last,			\
	.maxlen		= sizeof(rxe_migr_ranges[n].last),		\
	.mode		= 0644,						\
	.proc_handler	= rxe_migr_proc_last,				\
	.extra2		= &rxe_migr_ranges[n].max,			\
}

static struct ctl_table rxe_migr_table[] = {
	RXE_MIGR_LAST("last_qpn", RXE_MIGR_QPN),
	RXE_MIGR_LAST("last_mrn", RXE_MIGR_MRN),
	RXE_MIGR_LAST("last_mwn", RXE_MIGR_MWN),
	RXE_MIGR_LAST("last_srqn", RXE_MIGR_SRQN),
	RXE_MIGR_LAST("last_ahn", RXE_MIGR_AHN),
	RXE_MIGR_OWN("qpn_range", RXE_MIGR_QPN),
	RXE_MIGR_OWN("mrn_range", RXE_MIGR_MRN),
	RXE_MIGR_OWN("mwn_range", RXE_MIGR_MWN),
	RXE_MIGR_OWN("srqn_range", RXE_MIGR_SRQN),
	RXE_MIGR_OWN("ahn_range", RXE_MIGR_AHN),
	{
		.procname	= "max_hold_ms",
		.data		= &rxe_migr_max_hold,
		.maxlen		= sizeof(rxe_migr_max_hold),
		.mode		= 0644,
		.proc_handler	= proc_douintvec_minmax,
		.extra1		= SYSCTL_ONE,
		.extra2		= &rxe_migr_hold_ceiling,
	},
	{
		.procname	= "key",
		.mode		= 0200,
		.proc_handler	= rxe_migr_proc_key,
	},
	{
		.procname	= "key_id",
		.mode		= 0444,
		.proc_handler	= rxe_migr_proc_key_id,
	},
};

int rxe_migr_init(void)
{
	rxe_migr_sysctl = register_net_sysctl(&init_net, "net/rdma_rxe",
					      rxe_migr_table);
	return rxe_migr_sysctl ? 0 : -ENOMEM;
}

void rxe_migr_exit(void)
{
	unregister_net_sysctl_table(rxe_migr_sysctl);
}

void rxe_migr_dev_add(struct rxe_dev *rxe)
{
	int i;

	rxe->ib_dev.driver_def = rxe_migr_uapi_defs;
	rxe_migr_reserve_init(rxe);

	mutex_lock(&rxe_migr_devs_lock);
	for (i = 0; i < RXE_MIGR_NR_RANGES; i++) {
		rxe_migr_pool(rxe, &rxe_migr_ranges[i])->next = rxe_migr_ranges[i].last + 1;
		rxe_migr_bound(rxe, &rxe_migr_ranges[i]);
	}
	list_add_tail(&rxe->migr.list, &rxe_migr_devs);
	mutex_unlock(&rxe_migr_devs_lock);
}

void rxe_migr_dev_del(struct rxe_dev *rxe)
{
	mutex_lock(&rxe_migr_devs_lock);
	/* a device whose registration failed early was never added */
	if (rxe->migr.list.next) {
		list_del(&rxe->migr.list);
		rxe_migr_reserve_exit(rxe);
	}
	mutex_unlock(&rxe_migr_devs_lock);
}

void rxe_migr_ctx_init(struct rxe_ucontext *uc)
{
	mutex_init(&uc->migr.lock);
	uc->migr.state = ROAM_RXE_CTX_LIVE;
}

/* A queue that is mapped through another context's file outlives its own. */
static void rxe_migr_forget_queues(struct rxe_ucontext *uc)
{
	struct rxe_dev *rxe = to_rdev(uc->ibuc.device);
	struct rxe_mmap_info *ip, *next;

	spin_lock_bh(&rxe->pending_lock);
	list_for_each_entry_safe(ip, next, &rxe->pending_mmaps, pending_mmaps)
		if (ip->context == &uc->ibuc)
			list_del_init(&ip->pending_mmaps);
	spin_unlock_bh(&rxe->pending_lock);
}

void rxe_migr_ctx_exit(struct rxe_ucontext *uc)
{
	rxe_migr_forget_queues(uc);
	if (uc->migr.mm)
		mmdrop(uc->migr.mm);
	uc->migr.mm = NULL;
	put_pid(uc->migr.owner);
	uc->migr.owner = NULL;
	put_cred(uc->migr.opener);
	uc->migr.opener = NULL;
}

void rxe_migr_qp_init(struct rxe_qp *qp)
{
	spin_lock_init(&qp->migr.lock);
	mutex_init(&qp->migr.mutex);
	INIT_WORK(&qp->migr.news_work, rxe_migr_news_work);
	INIT_DELAYED_WORK(&qp->migr.resume_work, rxe_migr_resume_work);
	INIT_DELAYED_WORK(&qp->migr.hold_work, rxe_migr_hold_work);
	qp->migr.dead = false;
}

/*
 * Before the QP is taken out of its pool: no work item outlives it, not even
 * one that a RESUME under way would queue.
 */
void rxe_migr_qp_kill(struct rxe_qp *qp)
{
	unsigned long irq;

	spin_lock_irqsave(&qp->migr.lock, irq);
	qp->migr.dead = true;
	spin_unlock_irqrestore(&qp->migr.lock, irq);

	disable_work_sync(&qp->migr.news_work);
	disable_delayed_work_sync(&qp->migr.resume_work);
	disable_delayed_work_sync(&qp->migr.hold_work);
}

/* A reset drains the tasks as a freeze does, and must not meet one. */
void rxe_migr_qp_reset_begin(struct rxe_qp *qp)
{
	mutex_lock(&qp->migr.mutex);
}

/* A QP that was reset has no peer: nothing is owed to it or awaited from it. */
void rxe_migr_qp_reset_end(struct rxe_qp *qp)
{
	unsigned long irq;

	spin_lock_irqsave(&qp->migr.lock, irq);
	WRITE_ONCE(qp->migr.flags, qp->migr.flags &
		   ~(unsigned long)(ROAM_RXE_PAUSED | ROAM_RXE_RESUMING));
	qp->migr.peer_epoch = 0;
	qp->migr.nak_epoch = 0;
	qp->migr.aware = false;
	qp->migr.unsaid = false;
	qp->migr.nonce = 0;
	qp->migr.asked = 0;
	qp->migr.news.pending = false;
	qp->migr.answer.pending = false;
	spin_unlock_irqrestore(&qp->migr.lock, irq);
	rxe_migr_changed(qp);
	mutex_unlock(&qp->migr.mutex);
}
