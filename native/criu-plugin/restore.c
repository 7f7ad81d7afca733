// SPDX-License-Identifier: GPL-2.0
/* Restoring descriptors: runs inside the task that gets them, where whatever
 * is left open stays with the application. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <criu/criu-plugin.h>

#include "build.h"
#include "gid.h"
#include "image_io.h"
#include "log.h"
#include "plugin.h"
#include "shared.h"

extern bool check_and_remove_inventory_plugin(const char *name, size_t n)
	__attribute__((weak, visibility("default")));

/* CRIU's own descriptors lie below a multiple of this (see kept_floor). */
#define CRIU_FD_ALIGN 128

struct restored {
	uint32_t context;
	struct built built;
};

static struct restored *restored;
static size_t nr_restored;

int restore_init(void)
{
	int ret;

	/* Images that do not name the plugin have nothing for it. */
	if (check_and_remove_inventory_plugin &&
	    !check_and_remove_inventory_plugin(PLUGIN_NAME, strlen(PLUGIN_NAME)))
		return NOT_OURS;
	ret = gid_init();
	return ret ? ret : shared_init();
}

static struct restored *find_restored(uint32_t context)
{
	size_t i;

	for (i = 0; i < nr_restored; i++)
		if (restored[i].context == context)
			return &restored[i];
	return NULL;
}

/* What the image directory has of a context's descriptors. */
struct fd_images {
	struct img_fd *list;
	size_t count;
};

static int add_fd_image(struct fd_images *images, uint32_t context, uint32_t id)
{
	struct img_fd img, *grown;
	int ret = img_read_fd(id, &img);

	if (ret || img.context != context)
		return ret;
	grown = realloc(images->list, (images->count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	images->list = grown;
	grown[images->count++] = img;
	return 0;
}

static int find_fd_images(struct fd_images *images, uint32_t context)
{
	struct dirent *entry;
	int ret = 0;
	DIR *dir;
	int fd = openat(criu_get_image_dir(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*images = (struct fd_images){ 0 };
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		ret = -errno;
		if (fd >= 0)
			close(fd);
		pr_err("can't list the image directory: %s", strerror(-ret));
		return ret;
	}
	while (!ret && (entry = readdir(dir))) {
		uint32_t id;
		int end = 0;

		if (sscanf(entry->d_name, "roam-rdma-fd-%x.img%n", &id, &end) == 1 && end &&
		    !entry->d_name[end])
			ret = add_fd_image(images, context, id);
	}
	closedir(dir);
	return ret;
}

static bool is_claimed(const struct fd_images *images, const struct built_file *file)
{
	size_t i;

	for (i = 0; i < images->count; i++)
		if (images->list[i].kind == file->kind && images->list[i].file_id == file->file_id)
			return true;
	return false;
}

/* Closes the event files that no process has a descriptor of: nobody will ask
 * for them.  The objects that report to them keep them. */
static void drop_unclaimed(const struct fd_images *images, struct built *built)
{
	size_t i;

	/* The first is the uverbs file, without which nothing can be asked for. */
	for (i = 1; i < built->nr_files; i++) {
		if (is_claimed(images, &built->files[i]))
			continue;
		close(built->files[i].fd);
		built->files[i].fd = -1;
	}
}

static int uverbs_number(const struct fd_images *images)
{
	size_t i;

	for (i = 0; i < images->count; i++)
		if (images->list[i].kind == IMG_FD_UVERBS)
			return images->list[i].number;
	return -1;
}

/*
 * CRIU puts every descriptor straight to its number, so those that wait must
 * be above all numbers of the process, and out of the way of the descriptors
 * that CRIU itself opens and closes meanwhile: those lie in a block that ends
 * at a multiple of 128.
 */
static int kept_floor(uint32_t fd_floor)
{
	int above = (criu_get_image_dir() / CRIU_FD_ALIGN + 1) * CRIU_FD_ALIGN;

	return above > (int)fd_floor ? above : (int)fd_floor;
}

static int move_up(struct built *built, uint32_t fd_floor)
{
	size_t i;

	for (i = 0; i < built->nr_files; i++) {
		int fd = built->files[i].fd, moved;

		if (fd < 0)
			continue;
		moved = fcntl(fd, F_DUPFD_CLOEXEC, kept_floor(fd_floor));
		if (moved < 0 && errno == EINVAL)
			/* CRIU's block reaches up to the limit. */
			moved = fcntl(fd, F_DUPFD_CLOEXEC, (int)fd_floor);
		if (moved < 0) {
			int err = errno;

			pr_err("can't move a descriptor out of the way: %s", strerror(err));
			return -err;
		}
		close(fd);
		built->files[i].fd = moved;
	}
	return 0;
}

static int publish(const struct img_ctx *ctx, const struct built *built)
{
	size_t i;
	int ret = 0;

	for (i = 0; i < built->nr_queues && !ret; i++)
		ret = shared_add_queue(ctx->context, ctx->uverbs, built->queues[i].old_offset,
				       built->queues[i].new_offset, built->queues[i].size);
	if (ret)
		pr_err("more than %u queues", SHARED_MAX_QUEUES);
	return ret;
}

static int build_and_keep(const struct img_ctx_view *view, struct shared_context *shared,
			  struct built *built)
{
	const struct rxe_device *device = rxe_devices_for(&plugin_devices, view->dump->ib_name);
	struct fd_images images;
	int ret;

	if (!device)
		return -ENODEV;
	ret = find_fd_images(&images, view->ctx->context);
	if (!ret)
		ret = build_context(view, images.list, images.count, device, built);
	if (!ret) {
		drop_unclaimed(&images, built);
		shared->number = uverbs_number(&images);
		ret = move_up(built, view->ctx->fd_floor);
		if (!ret)
			ret = publish(view->ctx, built);
		if (ret)
			built_free(built);
	}
	free(images.list);
	if (ret)
		return ret;
	shared->rdev = device->rdev;
	shared->fd_floor = view->ctx->fd_floor;
	atomic_store(&shared->built, 1);
	pr_info("context %u of %s is restored on %s: %u objects, %zu queues", view->ctx->context,
		view->dump->ib_name, device->name, view->dump->count, built->nr_queues);
	return 0;
}

static struct restored *restore_context(uint32_t context)
{
	struct shared_context *shared = shared_context(context);
	struct restored *grown;
	struct img_ctx_view view;
	pid_t none = 0;
	void *buf;
	int ret;

	if (!shared) {
		pr_err("more than %u verbs contexts", SHARED_MAX_CONTEXTS);
		return NULL;
	}
	if (!atomic_compare_exchange_strong(&shared->builder, &none, getpid())) {
		pr_err("context %u is shared by processes %d and %d, and not all of its descriptors are in both",
		       context, none, getpid());
		return NULL;
	}
	if (img_read_ctx(context, &buf, &view))
		return NULL;
	grown = realloc(restored, (nr_restored + 1) * sizeof(*grown));
	if (grown) {
		restored = grown;
		grown += nr_restored;
		grown->context = context;
	}
	ret = grown ? build_and_keep(&view, shared, &grown->built) : -ENOMEM;
	free(buf);
	if (ret)
		return NULL;
	nr_restored++;
	return grown;
}

int restore_file(uint32_t id)
{
	struct restored *ctx;
	struct img_fd img;
	size_t i;
	int ret;

	ret = img_read_fd(id, &img);
	if (ret == -ENOENT)
		return NOT_OURS;
	if (ret)
		return ret;
	ctx = find_restored(img.context);
	if (!ctx)
		ctx = restore_context(img.context);
	if (!ctx)
		return -EIO;
	for (i = 0; i < ctx->built.nr_files; i++) {
		struct built_file *file = &ctx->built.files[i];
		int fd = file->fd;

		if (file->kind != img.kind || file->file_id != img.file_id || fd < 0)
			continue;
		if (fcntl(fd, F_SETFL, img.flags)) {
			ret = -errno;
			pr_err("can't set the flags of descriptor %#x: %s", id, strerror(-ret));
			return ret;
		}
		file->fd = -1;
		return fd;
	}
	pr_err("descriptor %#x is not in the image of its context %u", id, img.context);
	return -EINVAL;
}
