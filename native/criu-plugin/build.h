/* SPDX-License-Identifier: GPL-2.0 */
/* build.h: making a verbs context again, in the task that owns it. */
#ifndef ROAM_PLUGIN_BUILD_H
#define ROAM_PLUGIN_BUILD_H

#include <stddef.h>
#include <stdint.h>

#include "device.h"
#include "image.h"
#include "uverbs_cmd.h"

struct built_file {
	uint32_t kind;		/* enum img_fd_kind */
	uint64_t file_id;
	int fd;			/* -1: given away */
};

struct built_queue {
	uint64_t old_offset, new_offset, size;
};

struct built {
	struct built_file *files;	/* the first is the uverbs file */
	size_t nr_files;
	struct built_queue *queues;
	size_t nr_queues;
};

/*
 * Builds the context of a checked image on a device.  uverbs hands out the
 * lowest free handle, so the handles 0 to the highest are first filled with
 * PDs; then each object is created where the PD that holds its handle was
 * freed, what others refer to first; the PDs that were PDs stay, the rest goes.
 * fds are the descriptor images of the context: of its event files the dump has
 * only those that an object reports to.
 * Returns 0 or a negative errno, the reason logged and nothing left behind.
 */
int build_context(const struct img_ctx_view *view, const struct img_fd *fds, size_t nr_fds,
		  const struct rxe_device *device, struct built *out);
void built_free(struct built *built);

/* ---- between build.c, build_qp.c and build_more.c ---- */

struct build {
	int fd;
	const struct rxe_device *device;
	const struct roam_rxe_dump_hdr *dump;
	const struct roam_rxe_rec **table;	/* by handle */
	const struct img_fd *fds;
	size_t nr_fds;
	struct built *out;
};

/* Frees the PD that holds a handle, for the object that belongs there. */
int build_make_room(struct build *b, const struct roam_rxe_rec *rec);
int build_check_handle(const struct roam_rxe_rec *rec, uint32_t handle);
int build_note_queue(struct build *b, const struct roam_rxe_rec *rec, const char *which,
		     const struct roam_rxe_queue *old, const struct uverbs_queue_map *new);

/* The event file with an id, -1: none (an object without one has id 0). */
int build_event_file(const struct build *b, uint32_t kind, uint64_t id);

int build_qp(struct build *b, const struct roam_rxe_qp *qp);

/* build_more.c */
int build_srq(struct build *b, const struct roam_rxe_srq *srq);
int build_ah(struct build *b, const struct roam_rxe_ah *ah);
int build_mw(struct build *b, const struct roam_rxe_mw *mw);
int build_mcast(struct build *b, const struct roam_rxe_mcast *mcast);

#endif /* ROAM_PLUGIN_BUILD_H */
