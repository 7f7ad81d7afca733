// SPDX-License-Identifier: GPL-2.0
#include "shared.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

struct shared {
	_Atomic int used;
	_Atomic uint32_t nr_queues;
	struct shared_context contexts[SHARED_MAX_CONTEXTS];
	struct shared_queue queues[SHARED_MAX_QUEUES];
};

static struct shared *shared;

int shared_init(void)
{
	void *map = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		return -errno;
	shared = map;
	return 0;
}

void shared_exit(void)
{
	if (shared)
		munmap(shared, sizeof(*shared));
	shared = NULL;
}

bool shared_is_used(void)
{
	return shared && atomic_load(&shared->used);
}

struct shared_context *shared_context(uint32_t context)
{
	if (!shared || context >= SHARED_MAX_CONTEXTS)
		return NULL;
	atomic_store(&shared->used, 1);
	return &shared->contexts[context];
}

int shared_add_queue(uint32_t context, const char uverbs[32], uint64_t old_offset,
		     uint64_t new_offset, uint64_t size)
{
	uint32_t i = atomic_fetch_add(&shared->nr_queues, 1);
	struct shared_queue *queue;

	if (i >= SHARED_MAX_QUEUES)
		return -ENOSPC;
	queue = &shared->queues[i];
	queue->context = context;
	memcpy(queue->uverbs, uverbs, sizeof(queue->uverbs));
	queue->old_offset = old_offset;
	queue->new_offset = new_offset;
	queue->size = size;
	atomic_store(&queue->ready, 1);
	return 0;
}

const struct shared_queue *shared_find_queue(const char *uverbs, uint64_t offset, bool *known)
{
	uint32_t count, i;

	*known = false;
	if (!shared)
		return NULL;
	count = atomic_load(&shared->nr_queues);
	for (i = 0; i < count && i < SHARED_MAX_QUEUES; i++) {
		const struct shared_queue *queue = &shared->queues[i];

		if (!atomic_load(&queue->ready) || strcmp(queue->uverbs, uverbs))
			continue;
		*known = true;
		if (offset >= queue->old_offset && offset - queue->old_offset < queue->size)
			return queue;
	}
	return NULL;
}
