/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dirty.h: memory that RDMA writes and CRIU does not see.
 *
 * rxe stores what it receives through the kernel's own mapping, which leaves
 * no trace in the soft-dirty bits by which CRIU picks, in a dump that has a
 * parent, the pages to send again.
 */
#ifndef ROAM_PLUGIN_DIRTY_H
#define ROAM_PLUGIN_DIRTY_H

#include <sys/types.h>

#include "roam_rxe.h"

/* Makes every page of every MR of a (checked) dump soft-dirty in the frozen
 * process pid, contents unchanged.  0 or a negative errno. */
int dirty_mr_pages(pid_t pid, const struct roam_rxe_dump_hdr *dump);

#endif /* ROAM_PLUGIN_DIRTY_H */
