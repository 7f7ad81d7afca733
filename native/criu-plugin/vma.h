/* SPDX-License-Identifier: GPL-2.0 */
/* vma.h: the queues that a process maps. */
#ifndef ROAM_PLUGIN_VMA_H
#define ROAM_PLUGIN_VMA_H

#include <stddef.h>
#include <sys/types.h>

#include "device.h"
#include "image.h"

struct vma_list {
	struct {
		struct img_vma vma;
		dev_t rdev;
	} *list;
	size_t count;
};

/* Adds pid's mappings of rxe devices; 0 or a negative errno. */
int vma_list_read(struct vma_list *list, pid_t pid, const struct rxe_devices *devices);
void vma_list_free(struct vma_list *list);

#endif /* ROAM_PLUGIN_VMA_H */
