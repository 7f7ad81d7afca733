// SPDX-License-Identifier: (GPL-2.0 OR MIT)
#include "uverbs_ioctl.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include <rdma/ib_user_ioctl_verbs.h>

static struct ib_uverbs_ioctl_hdr *header(struct uverbs_cmd *cmd)
{
	return (struct ib_uverbs_ioctl_hdr *)cmd->buf;
}

static struct ib_uverbs_attr *append(struct uverbs_cmd *cmd, uint16_t attr)
{
	struct ib_uverbs_ioctl_hdr *hdr = header(cmd);
	struct ib_uverbs_attr *a;

	assert(hdr->num_attrs < UVERBS_CMD_MAX_ATTRS);
	a = &hdr->attrs[hdr->num_attrs++];
	hdr->length += sizeof(*a);
	a->attr_id = attr;
	a->flags = UVERBS_ATTR_F_MANDATORY;
	return a;
}

void uverbs_cmd_init(struct uverbs_cmd *cmd, uint16_t object, uint16_t method)
{
	struct ib_uverbs_ioctl_hdr *hdr = header(cmd);

	memset(cmd, 0, sizeof(*cmd));
	hdr->length = sizeof(*hdr);
	hdr->object_id = object;
	hdr->method_id = method;
	hdr->driver_id = RDMA_DRIVER_RXE;
}

void uverbs_cmd_in(struct uverbs_cmd *cmd, uint16_t attr, const void *data, uint16_t len)
{
	struct ib_uverbs_attr *a = append(cmd, attr);

	a->len = len;
	if (len <= sizeof(a->data))
		memcpy(&a->data, data, len);
	else
		a->data = (uintptr_t)data;
}

void uverbs_cmd_in64(struct uverbs_cmd *cmd, uint16_t attr, uint64_t value)
{
	uverbs_cmd_in(cmd, attr, &value, sizeof(value));
}

void uverbs_cmd_out(struct uverbs_cmd *cmd, uint16_t attr, void *data, uint16_t len)
{
	struct ib_uverbs_attr *a = append(cmd, attr);

	a->len = len;
	a->data = (uintptr_t)data;
}

void uverbs_cmd_fd(struct uverbs_cmd *cmd, uint16_t attr, int fd)
{
	append(cmd, attr)->data_s64 = fd;
}

void uverbs_cmd_handle(struct uverbs_cmd *cmd, uint16_t attr, uint32_t handle)
{
	append(cmd, attr)->data = handle;
}

unsigned int uverbs_cmd_new(struct uverbs_cmd *cmd, uint16_t attr)
{
	append(cmd, attr);
	return header(cmd)->num_attrs - 1u;
}

int64_t uverbs_cmd_created(const struct uverbs_cmd *cmd, unsigned int position)
{
	return ((const struct ib_uverbs_ioctl_hdr *)cmd->buf)->attrs[position].data_s64;
}

int uverbs_cmd_run(int fd, struct uverbs_cmd *cmd)
{
	return ioctl(fd, RDMA_VERBS_IOCTL, cmd->buf) ? -errno : 0;
}
