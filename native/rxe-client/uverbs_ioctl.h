/* SPDX-License-Identifier: (GPL-2.0 OR MIT) */
/*
 * uverbs_ioctl.h: command buffers for RDMA_VERBS_IOCTL.  Internal to this
 * directory and to its users in C.
 */
#ifndef RXE_CLIENT_UVERBS_IOCTL_H
#define RXE_CLIENT_UVERBS_IOCTL_H

#include <stdint.h>

#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/rdma_user_ioctl_cmds.h>

#define UVERBS_CMD_MAX_ATTRS 14

struct uverbs_cmd {
	_Alignas(struct ib_uverbs_ioctl_hdr) unsigned char
		buf[sizeof(struct ib_uverbs_ioctl_hdr) +
		    UVERBS_CMD_MAX_ATTRS * sizeof(struct ib_uverbs_attr)];
};

void uverbs_cmd_init(struct uverbs_cmd *cmd, uint16_t object, uint16_t method);

/* Input of up to 8 bytes travels in the attribute itself, longer input by
 * pointer, which must stay valid until uverbs_cmd_run(). */
void uverbs_cmd_in(struct uverbs_cmd *cmd, uint16_t attr, const void *data, uint16_t len);
void uverbs_cmd_in64(struct uverbs_cmd *cmd, uint16_t attr, uint64_t value);
void uverbs_cmd_out(struct uverbs_cmd *cmd, uint16_t attr, void *data, uint16_t len);
void uverbs_cmd_fd(struct uverbs_cmd *cmd, uint16_t attr, int fd);
void uverbs_cmd_handle(struct uverbs_cmd *cmd, uint16_t attr, uint32_t handle);

/* A handle or descriptor that the command creates; the position returned goes
 * to uverbs_cmd_created() after a successful run. */
unsigned int uverbs_cmd_new(struct uverbs_cmd *cmd, uint16_t attr);
int64_t uverbs_cmd_created(const struct uverbs_cmd *cmd, unsigned int position);

/* 0, or a negative errno. */
int uverbs_cmd_run(int fd, struct uverbs_cmd *cmd);

#endif /* RXE_CLIENT_UVERBS_IOCTL_H */
