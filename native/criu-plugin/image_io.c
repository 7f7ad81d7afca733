// SPDX-License-Identifier: GPL-2.0
#include "image_io.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criu/criu-plugin.h>

#include "log.h"

/* Larger than any context that fits a machine, small enough for a bad length
 * not to take its memory. */
#define MAX_IMAGE_BYTES (UINT64_C(1) << 36)

static void ctx_name(char *name, size_t size, uint32_t context)
{
	snprintf(name, size, "roam-rdma-ctx-%u.img", context);
}

static void fd_name(char *name, size_t size, uint32_t id)
{
	snprintf(name, size, "roam-rdma-fd-%x.img", id);
}

static int write_all(int fd, const void *buf, size_t len)
{
	const char *at = buf;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static int create(const char *name)
{
	int fd = openat(criu_get_image_dir(), name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0) {
		int err = errno;

		pr_err("can't create image %s: %s", name, strerror(err));
		return -err;
	}
	return fd;
}

static int finish(int fd, const char *name, int ret)
{
	if (close(fd) && !ret)
		ret = -errno;
	if (ret)
		pr_err("can't write image %s: %s", name, strerror(-ret));
	return ret;
}

int img_write_ctx(const struct img_ctx *ctx, const void *dump)
{
	char name[64];
	int fd, ret;

	ctx_name(name, sizeof(name), ctx->context);
	fd = create(name);
	if (fd < 0)
		return fd;
	ret = write_all(fd, ctx, sizeof(*ctx));
	if (!ret)
		ret = write_all(fd, dump, ctx->dump_len);
	return finish(fd, name, ret);
}

int img_write_fd(uint32_t id, const struct img_fd *img)
{
	char name[64];
	int fd;

	fd_name(name, sizeof(name), id);
	fd = create(name);
	if (fd < 0)
		return fd;
	return finish(fd, name, write_all(fd, img, sizeof(*img)));
}

static int read_all(int fd, void *buf, size_t len)
{
	char *at = buf;

	while (len) {
		ssize_t n = read(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENODATA;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The whole of an image; -ENOENT without a message. */
static int read_image(const char *name, void **buf, size_t *len)
{
	struct stat st;
	int fd, ret;

	*buf = NULL;
	fd = openat(criu_get_image_dir(), name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 || fstat(fd, &st)) {
		ret = -errno;
		goto out;
	}
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > MAX_IMAGE_BYTES) {
		ret = -EFBIG;
		goto out;
	}
	*len = (size_t)st.st_size;
	*buf = malloc(*len ? *len : 1);
	ret = *buf ? read_all(fd, *buf, *len) : -ENOMEM;
out:
	if (fd >= 0)
		close(fd);
	if (ret) {
		pr_err("can't read image %s: %s", name, strerror(-ret));
		free(*buf);
		*buf = NULL;
	}
	return ret;
}

int img_read_ctx(uint32_t context, void **buf, struct img_ctx_view *view)
{
	const char *why = "its number is not that of its name";
	char name[64];
	size_t len;
	int ret;

	ctx_name(name, sizeof(name), context);
	ret = read_image(name, buf, &len);
	if (ret == -ENOENT)
		pr_err("image %s is missing", name);
	if (ret)
		return ret;
	ret = img_check_ctx(*buf, len, view, &why);
	if (!ret && view->ctx->context != context)
		ret = -EINVAL;
	if (ret) {
		pr_err("image %s can't be used: %s", name, why);
		free(*buf);
		*buf = NULL;
	}
	return ret;
}

int img_read_fd(uint32_t id, struct img_fd *img)
{
	const char *why;
	char name[64];
	size_t len;
	void *buf;
	int ret;

	fd_name(name, sizeof(name), id);
	ret = read_image(name, &buf, &len);
	if (ret)
		return ret;
	ret = img_check_fd(buf, len, &why);
	if (ret)
		pr_err("image %s can't be used: %s", name, why);
	else
		memcpy(img, buf, sizeof(*img));
	free(buf);
	return ret;
}
