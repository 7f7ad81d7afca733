/* SPDX-License-Identifier: GPL-2.0 */
/* device.h: the rxe devices of this host. */
#ifndef ROAM_PLUGIN_DEVICE_H
#define ROAM_PLUGIN_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "roam_rxe_client.h"

struct rxe_device {
	char name[RXE_CLIENT_NAME_MAX];	/* rxe0 */
	char uverbs[32];		/* uverbs0 */
	dev_t rdev;
	bool migratable;		/* our module, not the stock one */
};

struct rxe_devices {
	struct rxe_device *list;
	size_t count;
};

/* Looks at every RDMA device; 0 or a negative errno. */
int rxe_devices_load(struct rxe_devices *devices);
void rxe_devices_free(struct rxe_devices *devices);

const struct rxe_device *rxe_devices_by_rdev(const struct rxe_devices *devices, dev_t rdev);

/* The device on which a context of device `old` is restored, or NULL after an
 * error message: what ROAM_DEVICE_MAP ("rxe0=rxe1,rxe2=rxe3") says of it, else
 * the device of that name, else the only migratable one. */
const struct rxe_device *rxe_devices_for(const struct rxe_devices *devices, const char *old);

#endif /* ROAM_PLUGIN_DEVICE_H */
