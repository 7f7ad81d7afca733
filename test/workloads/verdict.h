/* SPDX-License-Identifier: MIT */
#ifndef ROAM_WORKLOAD_VERDICT_H
#define ROAM_WORKLOAD_VERDICT_H

#include "lane.h"

/* Runs one end until the exchange is complete or quit_requested is set. */
void run_process(const struct options *o, struct result *r, int proc);

#endif
