// SPDX-License-Identifier: GPL-2.0
/* What CRIU calls.  Without an rxe device on the host every hook keeps out. */
#include <criu/criu-plugin.h>

#include "log.h"
#include "plugin.h"

struct rxe_devices plugin_devices;

static int plugin_stage;
static bool enabled;

static int init(int stage)
{
	int ret;

	plugin_stage = stage;
	enabled = false;
	ret = rxe_devices_load(&plugin_devices);
	if (ret)
		pr_warn("can't look for RDMA devices: %s", strerror(-ret));
	if (stage == CR_PLUGIN_STAGE__RESTORE) {
		ret = restore_init();
		/* Images with contexts are refused later, by name, if there is
		 * no device for them. */
		enabled = !ret;
		return ret == NOT_OURS ? 0 : ret;
	}
	enabled = plugin_devices.count > 0;
	pr_debug("%zu rxe devices", plugin_devices.count);
	return 0;
}

static void fini(int stage, int ret)
{
	if (stage == CR_PLUGIN_STAGE__RESTORE)
		restore_exit();
	else
		dump_exit(ret);
	rxe_devices_free(&plugin_devices);
	enabled = false;
}

__attribute__((visibility("default"))) CR_PLUGIN_REGISTER(PLUGIN_NAME, init, fini)

static int to_criu(int ret)
{
	if (ret == NOT_OURS)
		return -ENOTSUP;
	return ret == -ENOTSUP ? -EIO : ret;
}

static int pause_devices(int pid)
{
	if (!enabled)
		return -ENOTSUP;
	/* A pre-dump lets the process run on: it only learns in time that the
	 * dump would be refused. */
	if (plugin_stage != CR_PLUGIN_STAGE__DUMP)
		return to_criu(dump_check(pid, false));
	return to_criu(dump_pause(pid));
}
CR_PLUGIN_REGISTER_HOOK(CR_PLUGIN_HOOK__PAUSE_DEVICES, pause_devices)

static int checkpoint_devices(int pid)
{
	return enabled ? to_criu(dump_checkpoint(pid)) : -ENOTSUP;
}
CR_PLUGIN_REGISTER_HOOK(CR_PLUGIN_HOOK__CHECKPOINT_DEVICES, checkpoint_devices)

static int handle_device_vma(int fd, const struct stat *st)
{
	(void)fd;
	return enabled ? to_criu(dump_device_vma(st)) : -ENOTSUP;
}
CR_PLUGIN_REGISTER_HOOK(CR_PLUGIN_HOOK__HANDLE_DEVICE_VMA, handle_device_vma)

static int dump_ext_file(int fd, int id)
{
	return enabled ? to_criu(dump_file(fd, (uint32_t)id)) : -ENOTSUP;
}
CR_PLUGIN_REGISTER_HOOK(CR_PLUGIN_HOOK__DUMP_EXT_FILE, dump_ext_file)

static int restore_ext_file(int id)
{
	return enabled ? to_criu(restore_file((uint32_t)id)) : -ENOTSUP;
}
CR_PLUGIN_REGISTER_HOOK(CR_PLUGIN_HOOK__RESTORE_EXT_FILE, restore_ext_file)

static int update_vma_map(const char *path, const uint64_t addr, const uint64_t old_pgoff,
			  uint64_t *new_pgoff, int *plugin_fd)
{
	if (!enabled)
		return -ENOTSUP;
	return to_criu(restore_vma(path, addr, old_pgoff, new_pgoff, plugin_fd));
}
CR_PLUGIN_REGISTER_HOOK(CR_PLUGIN_HOOK__UPDATE_VMA_MAP, update_vma_map)

static int resume_devices_late(int pid)
{
	return enabled ? to_criu(late_resume(pid)) : -ENOTSUP;
}
CR_PLUGIN_REGISTER_HOOK(CR_PLUGIN_HOOK__RESUME_DEVICES_LATE, resume_devices_late)
