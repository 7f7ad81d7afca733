/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ROAM_PLUGIN_DUMP_CHECK_H
#define ROAM_PLUGIN_DUMP_CHECK_H

#include "roam_rxe_client.h"

/* 0: it has rxe contexts, all of which can be moved; NOT_OURS: it has none;
 * else a logged error. */
int dump_check_process(pid_t pid, const struct rxe_client_process *process);

#endif /* ROAM_PLUGIN_DUMP_CHECK_H */
