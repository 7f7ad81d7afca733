/* SPDX-License-Identifier: GPL-2.0 */
/*
 * shared.h: what the tasks of one restore tell each other and CRIU, in memory
 * that CRIU maps before it forks them.  Entries are only ever added.
 */
#ifndef ROAM_PLUGIN_SHARED_H
#define ROAM_PLUGIN_SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "image.h"
#include "uverbs_cmd.h"

#define SHARED_MAX_CONTEXTS	4096
#define SHARED_MAX_QUEUES	(1u << 18)

struct shared_context {
	_Atomic int built;	/* 1: its queues are all there */
	_Atomic pid_t builder;	/* the task (in its pid namespace), 0: none yet */
	int number;		/* of its uverbs descriptor in the builder, at the end */
	dev_t rdev;		/* of the new device */
	uint32_t fd_floor;
};

struct shared_queue {
	_Atomic int ready;
	uint32_t context;
	char uverbs[32];	/* the old node, to which old_offset belongs */
	uint64_t old_offset, new_offset, size;
};

int shared_init(void);
void shared_exit(void);
bool shared_is_used(void);	/* some context was built */

/* NULL: the context's number is too high. */
struct shared_context *shared_context(uint32_t context);

/* -ENOSPC: too many of them. */
int shared_add_queue(uint32_t context, const char uverbs[32], uint64_t old_offset,
		     uint64_t new_offset, uint64_t size);

/* The queue that was mapped at an offset of a node, or NULL.  *known tells
 * whether the node is that of any restored context. */
const struct shared_queue *shared_find_queue(const char *uverbs, uint64_t offset, bool *known);

#endif /* ROAM_PLUGIN_SHARED_H */
