/* SPDX-License-Identifier: GPL-2.0 */
/* gid.h: the source GID of a restored QP or AH. */
#ifndef ROAM_PLUGIN_GID_H
#define ROAM_PLUGIN_GID_H

#include <stdint.h>

/* Before anything is restored, in the network namespace of the host: 0 or a
 * negative errno. */
int gid_init(void);
void gid_exit(void);

/* Index, in the GID table of a port, of the address that a QP gets which used
 * sgid to talk to dgid: sgid itself if the device has it (a floating address),
 * else the RoCE v2 GID of an address of the host of dgid's family, in dgid's
 * subnet if there is one.  -ENOENT: the device has no such address; or another negative errno. */
int gid_choose(const char *device, uint32_t port, const uint8_t sgid[16], const uint8_t dgid[16]);

/* The RoCE v2 GID at an index; -ENOENT: there is none. */
int gid_at(const char *device, uint32_t port, int index, uint8_t gid[16]);

#endif /* ROAM_PLUGIN_GID_H */
