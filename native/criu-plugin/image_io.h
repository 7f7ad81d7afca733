/* SPDX-License-Identifier: GPL-2.0 */
/* image_io.h: reading and writing images in CRIU's image directory. */
#ifndef ROAM_PLUGIN_IMAGE_IO_H
#define ROAM_PLUGIN_IMAGE_IO_H

#include "image.h"

/* All of them log their own errors and return 0 or a negative errno. */

int img_write_ctx(const struct img_ctx *ctx, const void *dump);
int img_write_fd(uint32_t id, const struct img_fd *fd);

/* *buf holds the image that *view points into; the caller free()s it. */
int img_read_ctx(uint32_t context, void **buf, struct img_ctx_view *view);

/* -ENOENT, without a message: the descriptor is none of ours. */
int img_read_fd(uint32_t id, struct img_fd *fd);

#endif /* ROAM_PLUGIN_IMAGE_IO_H */
