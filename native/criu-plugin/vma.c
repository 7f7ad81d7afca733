// SPDX-License-Identifier: GPL-2.0
#include "vma.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "log.h"

struct mapping {
	uint64_t start, end, offset;
	unsigned int major, minor;
	unsigned long inode;
};

static bool same_file(const struct mapping *a, const struct mapping *b)
{
	return a->major == b->major && a->minor == b->minor && a->inode == b->inode;
}

/* The device that a mapping of a device node is of; 0: of no device. */
static dev_t mapped_device(pid_t pid, const struct mapping *m)
{
	char path[96];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid, m->start,
		 m->end);
	return stat(path, &st) || !S_ISCHR(st.st_mode) ? 0 : st.st_rdev;
}

static int add(struct vma_list *list, const struct mapping *m, dev_t rdev, bool follows)
{
	void *grown = realloc(list->list, (list->count + 1) * sizeof(*list->list));

	if (!grown)
		return -ENOMEM;
	list->list = grown;
	list->list[list->count].vma = (struct img_vma){
		.start = m->start,
		.offset = m->offset,
		.follows = follows,
	};
	list->list[list->count++].rdev = rdev;
	return 0;
}

int vma_list_read(struct vma_list *list, pid_t pid, const struct rxe_devices *devices)
{
	struct mapping m, previous = { 0 };
	char path[64], line[512];
	bool whole = true;
	int ret = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return -errno;
	while (!ret && fgets(line, sizeof(line), maps)) {
		bool starts = whole;
		dev_t rdev;

		/* A path may be longer than the buffer: its rest is no line. */
		whole = strchr(line, '\n');
		if (!starts || sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %x:%x %lu",
				      &m.start, &m.end, &m.offset, &m.major, &m.minor,
				      &m.inode) != 6)
			continue;
		if (!m.inode)
			continue;
		rdev = mapped_device(pid, &m);
		if (rdev && rxe_devices_by_rdev(devices, rdev))
			ret = add(list, &m, rdev, same_file(&m, &previous));
		previous = m;
	}
	if (ferror(maps))
		ret = -EIO;
	fclose(maps);
	return ret;
}

void vma_list_free(struct vma_list *list)
{
	free(list->list);
	*list = (struct vma_list){ 0 };
}
