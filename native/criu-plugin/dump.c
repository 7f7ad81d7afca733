// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <criu/criu-plugin.h>

#include "dirty.h"
#include "dump_check.h"
#include "image_io.h"
#include "log.h"
#include "plugin.h"
#include "watch.h"

/* CRIU writes the names of plugins into its inventory since 4.1, so that a
 * restore without them fails at once. */
extern int add_inventory_plugin(const char *name)
	__attribute__((weak, visibility("default")));

struct dump_context {
	int fd;
	pid_t pid;		/* of the processes that have it, the lowest */
	int number;		/* its lowest descriptor there */
	uint32_t fd_floor;
	const struct rxe_device *device;
	void *dump;
	size_t dump_len;
	bool written;
};

static struct dump_context *contexts;
static size_t nr_contexts;
static int *watchers;
static size_t nr_watchers;
static bool paused_any;

static struct dump_context *find_context(int fd)
{
	pid_t self = getpid();
	size_t i;

	for (i = 0; i < nr_contexts; i++)
		if (!syscall(SYS_kcmp, self, self, KCMP_FILE, contexts[i].fd, fd))
			return &contexts[i];
	return NULL;
}

/* Takes over the descriptor of a context that is seen for the first time. */
static struct dump_context *add_context(struct rxe_client_context *from, pid_t pid)
{
	struct dump_context *grown = realloc(contexts, (nr_contexts + 1) * sizeof(*grown));
	const struct rxe_device *device = rxe_devices_by_rdev(&plugin_devices, from->rdev);

	if (grown)
		contexts = grown;
	if (!grown || !device) {
		pr_err("process %d: can't note its context of %s: %s", pid, from->ibdev,
		       grown ? "the device came into being meanwhile" : strerror(ENOMEM));
		return NULL;
	}
	if (!nr_contexts && add_inventory_plugin && add_inventory_plugin(PLUGIN_NAME))
		return NULL;
	grown += nr_contexts++;
	*grown = (struct dump_context){ .fd = from->fd, .pid = pid, .number = from->target_fd,
					.device = device };
	from->fd = -1;
	return grown;
}

static int watch(pid_t pid, const int *fds, size_t count)
{
	int *grown = realloc(watchers, (nr_watchers + 1) * sizeof(*grown));
	int watcher;

	if (grown)
		watchers = grown;
	watcher = grown ? watch_start(pid, fds, count) : -ENOMEM;
	if (watcher < 0) {
		pr_err("process %d: can't start a watcher for its QPs: %s", pid,
		       strerror(-watcher));
		return watcher;
	}
	watchers[nr_watchers++] = watcher;
	return 0;
}

/* Notes and stops every context of a checked process.  Stopping what is
 * stopped stops the QPs that were created since. */
static int stop_contexts(pid_t pid, struct rxe_client_process *process)
{
	int fresh[process->count], ret = 0;
	size_t nr_fresh = 0, i;

	for (i = 0; i < process->count; i++) {
		struct rxe_client_context *from = &process->contexts[i];
		struct dump_context *ctx = find_context(from->fd);

		if (!ctx) {
			ctx = add_context(from, pid);
			if (!ctx)
				return -ENODEV;
			fresh[nr_fresh++] = ctx->fd;
		}
		if (pid < ctx->pid) {
			ctx->pid = pid;
			ctx->number = from->target_fd;
		}
		if ((uint32_t)process->max_fd + 1 > ctx->fd_floor)
			ctx->fd_floor = (uint32_t)process->max_fd + 1;
	}
	/* The watcher first: from the first stop on, someone must resume. */
	if (nr_fresh)
		ret = watch(pid, fresh, nr_fresh);
	for (i = 0; i < process->count && !ret; i++) {
		int fd = process->contexts[i].fd;

		if (fd < 0)
			continue;
		ret = rxe_client_stop(fd, 0, 0);
		if (ret)
			pr_err("process %d: can't stop the QPs of its context of %s: %s", pid,
			       process->contexts[i].ibdev, strerror(-ret));
	}
	for (i = 0; i < nr_fresh && !ret; i++) {
		ret = rxe_client_stop(fresh[i], 0, 0);
		if (ret)
			pr_err("process %d: can't stop the QPs of a context: %s", pid,
			       strerror(-ret));
	}
	return ret;
}

static int open_and_stop(pid_t pid, struct rxe_client_process *process)
{
	int ret = rxe_client_process_open(pid, process);

	if (ret == -ESRCH)
		return NOT_OURS;
	if (ret) {
		pr_err("can't look into the descriptors of process %d: %s", pid, strerror(-ret));
		return ret;
	}
	ret = dump_check_process(pid, process);
	if (!ret)
		ret = stop_contexts(pid, process);
	if (ret)
		rxe_client_process_close(process);
	return ret;
}

int dump_pause(pid_t pid)
{
	struct rxe_client_process process;
	int ret;

	/* CRIU comes to the root of the tree first. */
	if (!paused_any) {
		ret = dump_check(pid, true);
		if (ret)
			return ret;
	}
	paused_any = true;
	ret = open_and_stop(pid, &process);
	if (ret)
		return ret;
	pr_info("process %d: %zu verbs contexts are stopped", pid, process.count);
	rxe_client_process_close(&process);
	return 0;
}

static int take_dump(struct dump_context *ctx)
{
	const char *why;
	int ret;

	if (ctx->dump)
		return 0;
	ret = rxe_client_dump(ctx->fd, &ctx->dump, &ctx->dump_len);
	if (ret) {
		pr_err("process %d: can't dump its context of %s (descriptor %d): %s", ctx->pid,
		       ctx->device->name, ctx->number, strerror(-ret));
		return ret;
	}
	ret = img_check_dump(ctx->dump, ctx->dump_len, &why);
	if (ret)
		pr_err("process %d: the module's dump of its context of %s makes no sense: %s",
		       ctx->pid, ctx->device->name, why);
	return ret;
}

static bool has_parent_images(void)
{
	return !faccessat(criu_get_image_dir(), "parent", F_OK, AT_SYMLINK_NOFOLLOW);
}

int dump_checkpoint(pid_t pid)
{
	struct rxe_client_process process;
	size_t i;
	int ret;

	ret = open_and_stop(pid, &process);
	if (ret)
		return ret;
	rxe_client_process_close(&process);
	for (i = 0; i < nr_contexts && !ret; i++) {
		if (contexts[i].pid != pid)
			continue;
		ret = take_dump(&contexts[i]);
		if (!ret && has_parent_images())
			ret = dirty_mr_pages(pid, contexts[i].dump);
	}
	return ret;
}

int dump_device_vma(const struct stat *st)
{
	if (!S_ISCHR(st->st_mode) || !rxe_devices_by_rdev(&plugin_devices, st->st_rdev))
		return NOT_OURS;
	return 0;
}

static int write_context(struct dump_context *ctx)
{
	struct img_ctx img = {
		.hdr = { .magic = IMG_CTX_MAGIC, .version = IMG_VERSION },
		.context = (uint32_t)(ctx - contexts),
		.fd_floor = ctx->fd_floor,
	};
	int ret;

	if (ctx->written)
		return 0;
	ret = take_dump(ctx);
	if (ret)
		return ret;
	snprintf(img.uverbs, sizeof(img.uverbs), "%s", ctx->device->uverbs);
	img.dump_len = ctx->dump_len;
	img.hdr.len = sizeof(img) + img.dump_len;
	ret = img_write_ctx(&img, ctx->dump);
	ctx->written = !ret;
	return ret;
}

static bool is_event_file(int fd)
{
	char link[64], target[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	return !strcmp(target, "anon_inode:[infinibandevent]");
}

/* The context that a descriptor belongs to, and what it is there. */
static struct dump_context *recognise(int fd, const struct stat *st, struct img_fd *img)
{
	struct dump_context *ctx;
	size_t i;

	if (S_ISCHR(st->st_mode)) {
		if (!rxe_devices_by_rdev(&plugin_devices, st->st_rdev))
			return NULL;
		ctx = find_context(fd);
		img->kind = IMG_FD_UVERBS;
		img->number = ctx ? ctx->number : -1;
		return ctx;
	}
	if (!nr_contexts || !is_event_file(fd))
		return NULL;
	for (i = 0; i < nr_contexts; i++) {
		if (!rxe_client_identify_comp(contexts[i].fd, fd, &img->file_id))
			img->kind = IMG_FD_COMP_CHANNEL;
		else if (!rxe_client_identify_async(contexts[i].fd, fd, &img->file_id))
			img->kind = IMG_FD_ASYNC;
		else
			continue;
		return &contexts[i];
	}
	return NULL;
}

int dump_file(int fd, uint32_t id)
{
	struct img_fd img = {
		.hdr = { .magic = IMG_FD_MAGIC, .version = IMG_VERSION, .len = sizeof(img) },
		.number = -1,
	};
	struct dump_context *ctx;
	struct stat st;
	int flags, ret;

	if (fstat(fd, &st))
		return NOT_OURS;
	ctx = recognise(fd, &st, &img);
	if (!ctx)
		return NOT_OURS;
	ret = write_context(ctx);
	if (ret)
		return ret;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0)
		return -errno;
	img.flags = (uint32_t)flags;
	img.context = (uint32_t)(ctx - contexts);
	return img_write_fd(id, &img);
}

void dump_exit(int ret)
{
	size_t i;

	/* Only a failure says for certain that the tasks run on. */
	for (i = 0; i < nr_contexts; i++) {
		int err = ret < 0 ? rxe_client_resume(contexts[i].fd, 0, 0) : 0;

		if (err)
			pr_err("process %d: can't resume the QPs of its context of %s: %s",
			       contexts[i].pid, contexts[i].device->name, strerror(-err));
		close(contexts[i].fd);
		free(contexts[i].dump);
	}
	for (i = 0; i < nr_watchers; i++) {
		if (ret < 0)
			watch_cancel(watchers[i]);
		else
			watch_release(watchers[i]);
	}
	free(contexts);
	free(watchers);
	contexts = NULL;
	watchers = NULL;
	nr_contexts = nr_watchers = 0;
	paused_any = false;
}
