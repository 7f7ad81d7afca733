// SPDX-License-Identifier: GPL-2.0
#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "log.h"

static bool is_migratable(const char *name)
{
	struct roam_rxe_query query;
	bool yes;
	int fd = rxe_client_open_context(name);

	if (fd < 0)
		return false;
	yes = !rxe_client_query(fd, &query) && query.abi == ROAM_RXE_ABI_VERSION;
	close(fd);
	return yes;
}

static int uverbs_name(dev_t rdev, char *name, size_t size)
{
	char link[64], target[512];
	const char *base;
	ssize_t n;

	snprintf(link, sizeof(link), "/sys/dev/char/%u:%u", major(rdev), minor(rdev));
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	base = strrchr(target, '/');
	base = base ? base + 1 : target;
	if (strlen(base) >= size)
		return -ENAMETOOLONG;
	strcpy(name, base);
	return 0;
}

/* True if name is an rxe device; fills in all but `migratable`. */
static bool probe(const char *name, struct rxe_device *device)
{
	struct stat st;
	bool ok;
	int fd = rxe_client_open_device(name);

	if (fd < 0)
		return false;
	*device = (struct rxe_device){ 0 };
	ok = rxe_client_is_rxe(fd) && !fstat(fd, &st) &&
	     !uverbs_name(st.st_rdev, device->uverbs, sizeof(device->uverbs));
	close(fd);
	if (!ok)
		return false;
	snprintf(device->name, sizeof(device->name), "%s", name);
	device->rdev = st.st_rdev;
	return true;
}

int rxe_devices_load(struct rxe_devices *devices)
{
	char(*names)[RXE_CLIENT_NAME_MAX];
	size_t count, i;
	int ret;

	*devices = (struct rxe_devices){ 0 };
	ret = rxe_client_devices(&names, &count);
	if (ret || !count)
		return ret;
	devices->list = calloc(count, sizeof(*devices->list));
	if (!devices->list) {
		free(names);
		return -ENOMEM;
	}
	for (i = 0; i < count; i++) {
		struct rxe_device *device = &devices->list[devices->count];

		if (!probe(names[i], device))
			continue;
		device->migratable = is_migratable(names[i]);
		devices->count++;
	}
	free(names);
	return 0;
}

void rxe_devices_free(struct rxe_devices *devices)
{
	free(devices->list);
	*devices = (struct rxe_devices){ 0 };
}

const struct rxe_device *rxe_devices_by_rdev(const struct rxe_devices *devices, dev_t rdev)
{
	size_t i;

	for (i = 0; i < devices->count; i++)
		if (devices->list[i].rdev == rdev)
			return &devices->list[i];
	return NULL;
}

static const struct rxe_device *by_name(const struct rxe_devices *devices, const char *name,
					size_t len)
{
	size_t i;

	for (i = 0; i < devices->count; i++)
		if (strlen(devices->list[i].name) == len &&
		    !memcmp(devices->list[i].name, name, len))
			return &devices->list[i];
	return NULL;
}

/* What ROAM_DEVICE_MAP maps `old` to; *len 0: nothing. */
static const char *mapped(const char *old, size_t *len)
{
	const char *at = getenv("ROAM_DEVICE_MAP");
	size_t old_len = strlen(old);

	*len = 0;
	while (at && *at) {
		size_t pair = strcspn(at, ",");

		if (pair > old_len + 1 && !strncmp(at, old, old_len) && at[old_len] == '=') {
			*len = pair - old_len - 1;
			return at + old_len + 1;
		}
		at += pair + (at[pair] == ',');
	}
	return NULL;
}

static const struct rxe_device *only_migratable(const struct rxe_devices *devices)
{
	const struct rxe_device *found = NULL;
	size_t i;

	for (i = 0; i < devices->count; i++) {
		if (!devices->list[i].migratable)
			continue;
		if (found)
			return NULL;
		found = &devices->list[i];
	}
	return found;
}

const struct rxe_device *rxe_devices_for(const struct rxe_devices *devices, const char *old)
{
	const struct rxe_device *device;
	size_t len;
	const char *name = mapped(old, &len);

	if (name) {
		device = by_name(devices, name, len);
		if (!device) {
			pr_err("ROAM_DEVICE_MAP maps %s to %.*s, which is no rxe device of this host",
			       old, (int)len, name);
			return NULL;
		}
	} else {
		device = by_name(devices, old, strlen(old));
		if (!device)
			device = only_migratable(devices);
		if (!device) {
			pr_err("no device for the context of %s: this host has %s; name one with ROAM_DEVICE_MAP=%s=NAME",
			       old, devices->count ? "several other rxe devices, or stock ones"
						   : "no rxe device", old);
			return NULL;
		}
	}
	if (!device->migratable) {
		pr_err("device %s of this host is driven by the stock rdma_rxe module, which can't restore contexts; load roam's",
		       device->name);
		return NULL;
	}
	return device;
}
