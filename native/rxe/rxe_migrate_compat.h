/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What kernels that we are built for call by different names. */
#ifndef RXE_MIGRATE_COMPAT_H
#define RXE_MIGRATE_COMPAT_H

#include <linux/version.h>
#include <linux/workqueue.h>
#include <net/ipv6.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 2, 0)
#include <net/ipv6_stubs.h>

#define RXE_MIGR_WQ	system_unbound_wq

/* IPv6 could be a module then, which only a table of its functions reached. */
static inline struct dst_entry *rxe_migr_dst_lookup6(struct net *net, struct flowi6 *fl)
{
	return ipv6_stub->ipv6_dst_lookup_flow(net, NULL, fl, NULL);
}
#else
#define RXE_MIGR_WQ	system_dfl_wq

static inline struct dst_entry *rxe_migr_dst_lookup6(struct net *net, struct flowi6 *fl)
{
	return ip6_dst_lookup_flow(net, NULL, fl, NULL);
}
#endif

#endif /* RXE_MIGRATE_COMPAT_H */
