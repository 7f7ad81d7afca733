// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <unistd.h>

#include "log.h"
#include "plugin.h"
#include "shared.h"

/* Whether fd, of this task, is a descriptor of a restored context on rdev. */
static bool is_restored(int fd, dev_t rdev)
{
	struct roam_rxe_query query;
	struct stat st;

	return !fstat(fd, &st) && S_ISCHR(st.st_mode) && st.st_rdev == rdev &&
	       !rxe_client_query(fd, &query) && query.context_state == ROAM_RXE_CTX_RESTORING;
}

/* A descriptor of this task through which a queue of the context can be mapped.
 * All are at their numbers by now.  The module maps a queue of a context that
 * is being restored through any such context of the device. */
static int find_uverbs(const struct shared_context *ctx)
{
	int fd;

	if (ctx->number >= 0 && is_restored(ctx->number, ctx->rdev))
		return ctx->number;
	for (fd = 0; fd < (int)ctx->fd_floor; fd++)
		if (is_restored(fd, ctx->rdev))
			return fd;
	return -1;
}

/*
 * CRIU has every mapping of a device as a file of its own, so that it uses, and
 * in the end closes, the descriptor that it is given for each.
 */
int restore_vma(const char *path, uint64_t start, uint64_t offset, uint64_t *new_offset, int *fd)
{
	const char *name = strrchr(path, '/');
	const struct shared_queue *queue;
	bool known;
	int uverbs;

	queue = shared_find_queue(name ? name + 1 : path, offset, &known);
	if (!queue && !known)
		return NOT_OURS;
	if (!queue) {
		pr_err("no restored queue belongs to the mapping of %s at %#llx (offset %#llx)", path,
		       (unsigned long long)start, (unsigned long long)offset);
		return -EINVAL;
	}
	uverbs = find_uverbs(shared_context(queue->context));
	*fd = uverbs < 0 ? -1 : fcntl(uverbs, F_DUPFD_CLOEXEC, 0);
	if (*fd < 0) {
		pr_err("no descriptor through which to map the queue at %#llx of context %u",
		       (unsigned long long)start, queue->context);
		return -EBADF;
	}
	*new_offset = queue->new_offset + (offset - queue->old_offset);
	return 1;
}
