// SPDX-License-Identifier: GPL-2.0
#include "shared.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

struct shared {
	_Atomic int used;
	_Atomic uint32_t nr_mappings;
	struct shared_context contexts[SHARED_MAX_CONTEXTS];
	struct shared_mapping mappings[SHARED_MAX_MAPPINGS];
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

int shared_add_mapping(const struct shared_mapping *mapping)
{
	uint32_t i = atomic_fetch_add(&shared->nr_mappings, 1);
	struct shared_mapping *entry;

	if (i >= SHARED_MAX_MAPPINGS)
		return -ENOSPC;
	entry = &shared->mappings[i];
	entry->context = mapping->context;
	memcpy(entry->uverbs, mapping->uverbs, sizeof(entry->uverbs));
	entry->start = mapping->start;
	entry->old_offset = mapping->old_offset;
	entry->new_offset = mapping->new_offset;
	entry->follows = mapping->follows;
	atomic_store(&entry->ready, 1);
	return 0;
}

const struct shared_mapping *shared_find_mapping(const char *uverbs, uint64_t start,
						 uint64_t offset, bool *known)
{
	const struct shared_mapping *found = NULL;
	uint32_t count, i;

	*known = false;
	if (!shared)
		return NULL;
	count = atomic_load(&shared->nr_mappings);
	for (i = 0; i < count && i < SHARED_MAX_MAPPINGS; i++) {
		const struct shared_mapping *m = &shared->mappings[i];

		if (!atomic_load(&m->ready) || strcmp(m->uverbs, uverbs))
			continue;
		*known = true;
		if (m->start != start || m->old_offset != offset)
			continue;
		/* Two processes may have it at one address: only if it follows
		 * in both may it be taken to follow. */
		if (!found || !m->follows)
			found = m;
	}
	return found;
}
