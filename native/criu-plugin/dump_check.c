// SPDX-License-Identifier: GPL-2.0
/* What can't be moved is refused by name, before anything is stopped. */
#include "dump_check.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "log.h"
#include "plugin.h"

/* As many messages as a person reads. */
#define MAX_NAMED 16

static void name_object(pid_t pid, const char *device, const struct roam_rxe_unsupported *object)
{
	if (object->type == ROAM_RXE_T_QP)
		pr_err("process %d can't be moved: of its objects on %s, %s QP %u is not supported (RC, UC and UD QPs are)",
		       pid, device, rxe_client_qp_type_name(object->detail), object->id);
	else
		pr_err("process %d can't be moved: of its objects on %s, %s %u (handle %u) is not supported",
		       pid, device, rxe_client_type_name(object->type), object->id,
		       object->handle);
}

static int check_context(pid_t pid, const struct rxe_client_context *ctx)
{
	struct roam_rxe_unsupported *objects;
	struct roam_rxe_query query;
	size_t count, i;
	int ret;

	ret = rxe_client_query(ctx->fd, &query);
	if (ret == -EPROTONOSUPPORT) {
		pr_err("process %d uses %s, which the stock rdma_rxe module drives: it can't move contexts; load roam's",
		       pid, ctx->ibdev);
		return ret;
	}
	if (!ret && query.abi != ROAM_RXE_ABI_VERSION) {
		pr_err("the rdma_rxe module has interface version %u, this plugin has %u: install the two that belong together",
		       query.abi, ROAM_RXE_ABI_VERSION);
		return -EPROTONOSUPPORT;
	}
	if (!ret)
		ret = rxe_client_check(ctx->fd, &objects, &count);
	if (ret) {
		pr_err("process %d: can't look into its descriptor %d of %s: %s", pid,
		       ctx->target_fd, ctx->ibdev, strerror(-ret));
		return ret;
	}
	for (i = 0; i < count && i < MAX_NAMED; i++)
		name_object(pid, ctx->ibdev, &objects[i]);
	if (count > MAX_NAMED)
		pr_err("process %d has %zu more objects that can't be moved", pid,
		       count - MAX_NAMED);
	free(objects);
	return count ? -EOPNOTSUPP : 0;
}

int dump_check_process(pid_t pid, const struct rxe_client_process *process)
{
	const struct rxe_client_context *other = NULL;
	bool any = false;
	size_t i;
	int ret;

	if (process->rdma_cm_fd >= 0) {
		pr_err("process %d has /dev/infiniband/rdma_cm open (descriptor %d): rdma_cm connections can't be moved",
		       pid, process->rdma_cm_fd);
		return -EOPNOTSUPP;
	}
	for (i = 0; i < process->count; i++) {
		if (!process->contexts[i].is_rxe) {
			other = &process->contexts[i];
			continue;
		}
		any = true;
		ret = check_context(pid, &process->contexts[i]);
		if (ret)
			return ret;
	}
	if (any && other) {
		pr_err("process %d has a descriptor (%d) of %s, which is no rxe device: it can't be moved",
		       pid, other->target_fd, other->ibdev);
		return -EOPNOTSUPP;
	}
	return any ? 0 : NOT_OURS;
}

static int check_children(pid_t pid)
{
	char path[64];
	struct dirent *entry;
	int ret = 0;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	while (tasks && !ret && (entry = readdir(tasks))) {
		char children[PATH_MAX];
		FILE *file;
		int child;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(children, sizeof(children), "%s/%s/children", path, entry->d_name);
		file = fopen(children, "re");
		while (file && !ret && fscanf(file, "%d", &child) == 1)
			ret = dump_check(child, true);
		if (file)
			fclose(file);
	}
	if (tasks)
		closedir(tasks);
	return ret;
}

int dump_check(pid_t pid, bool with_children)
{
	struct rxe_client_process process;
	int ret = rxe_client_process_open(pid, &process);

	if (ret == -ESRCH)
		return 0;
	if (ret) {
		pr_err("can't look into the descriptors of process %d: %s", pid, strerror(-ret));
		return ret;
	}
	ret = dump_check_process(pid, &process);
	rxe_client_process_close(&process);
	if (ret == NOT_OURS)
		ret = 0;
	if (!ret && with_children)
		ret = check_children(pid);
	return ret;
}
