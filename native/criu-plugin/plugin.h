/* SPDX-License-Identifier: GPL-2.0 */
/*
 * plugin.h: what the hooks (hooks.c) call.  Every function returns what its
 * hook returns to CRIU: a negative errno stops the dump or restore, its reason
 * logged; NOT_OURS means that nothing was done, and nothing of ours was there.
 */
#ifndef ROAM_PLUGIN_H
#define ROAM_PLUGIN_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "device.h"

#define PLUGIN_NAME "roam_rdma_plugin"

/* To CRIU this is -ENOTSUP, which is no number to use inside: -EOPNOTSUPP is
 * the same one, and a refusal by the kernel must not pass for it. */
#define NOT_OURS INT_MIN

/* The rxe devices of this host, as they were when the plugin was loaded. */
extern struct rxe_devices plugin_devices;

/* ---- dump.c, dump_check.c ---- */

/* Refuses what can't be moved; with with_children, of the whole process tree. */
int dump_check(pid_t pid, bool with_children);

/* Before pid is frozen: check, stop. */
int dump_pause(pid_t pid);

/* All tasks are frozen: stop what came into being meanwhile, dump. */
int dump_checkpoint(pid_t pid);

int dump_device_vma(const struct stat *st);
int dump_file(int fd, uint32_t id);
void dump_exit(int ret);

/* ---- restore.c, restore_vma.c, late.c ---- */

/* In CRIU itself, before the tasks are created. */
int restore_init(void);

/* In the task that is restored. */
int restore_file(uint32_t id);
int restore_vma(const char *path, uint64_t start, uint64_t offset, uint64_t *new_offset,
		int *fd);

/* In CRIU, the tasks being stopped and whole. */
int late_resume(pid_t pid);
void restore_exit(void);

#endif /* ROAM_PLUGIN_H */
