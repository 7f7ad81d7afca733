// SPDX-License-Identifier: GPL-2.0
/*
 * The last step of a restore, in CRIU, with the tasks stopped and their memory
 * at its place: MRs get their pages, then QPs run.
 *
 * CRIU only logs a failure of this hook and lets the tasks go.  A process whose
 * memory the device does not reach must not run, so without someone who looks
 * after it (ROAM_DEFER_RESUME) the tasks are killed, upon which CRIU fails.
 * QPs are resumed only when the contexts of all tasks are whole: to a peer, a
 * resumed QP says that the process lives here now.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "gid.h"
#include "log.h"
#include "plugin.h"
#include "shared.h"

struct late_task {
	pid_t pid;
	struct rxe_client_process process;
};

static struct late_task *tasks;
static size_t nr_tasks;
static uint32_t nr_pinned;
static bool failed;

static bool resume_is_deferred(void)
{
	const char *value = getenv("ROAM_DEFER_RESUME");

	return value && !strcmp(value, "1");
}

static struct late_task *add_task(pid_t pid)
{
	struct late_task *grown = realloc(tasks, (nr_tasks + 1) * sizeof(*grown));
	int ret;

	if (!grown) {
		pr_err("process %d: %s", pid, strerror(ENOMEM));
		return NULL;
	}
	tasks = grown;
	grown += nr_tasks;
	*grown = (struct late_task){ .pid = pid };
	ret = rxe_client_process_open(pid, &grown->process);
	/* It is counted even so, for it is one of those to be killed. */
	nr_tasks++;
	if (ret) {
		pr_err("can't look into the descriptors of process %d: %s", pid, strerror(-ret));
		return NULL;
	}
	return grown;
}

static int pin_context(pid_t pid, const struct rxe_client_context *ctx)
{
	struct roam_rxe_query query;
	int ret = rxe_client_query(ctx->fd, &query);

	/* Two processes may share a context: then it is pinned already. */
	if (!ret && query.context_state == ROAM_RXE_CTX_RESTORING) {
		ret = rxe_client_pin(ctx->fd);
		nr_pinned += !ret;
	}
	if (ret)
		pr_err("process %d: can't pin the memory of its context of %s (descriptor %d): %s",
		       pid, ctx->ibdev, ctx->target_fd, strerror(-ret));
	return ret;
}

static int pin_task(pid_t pid)
{
	struct late_task *task = add_task(pid);
	size_t i;
	int ret = task ? 0 : -ESRCH;

	for (i = 0; !ret && i < task->process.count; i++)
		if (task->process.contexts[i].is_rxe)
			ret = pin_context(pid, &task->process.contexts[i]);
	return ret;
}

static void kill_tasks(void)
{
	size_t i;

	if (resume_is_deferred())
		return;
	for (i = 0; i < nr_tasks; i++) {
		pr_err("process %d is killed: it can't run without its RDMA memory", tasks[i].pid);
		kill(tasks[i].pid, SIGKILL);
	}
}

static bool all_pinned(void)
{
	uint32_t built = 0, i;

	for (i = 0; i < SHARED_MAX_CONTEXTS; i++)
		built += atomic_load(&shared_context(i)->built);
	return nr_pinned == built;
}

static int resume_all(void)
{
	size_t t, c;
	int ret = 0;

	for (t = 0; t < nr_tasks; t++) {
		for (c = 0; c < tasks[t].process.count; c++) {
			const struct rxe_client_context *ctx = &tasks[t].process.contexts[c];
			int err = ctx->is_rxe ? rxe_client_resume(ctx->fd, 0, 0) : 0;

			if (!err)
				continue;
			pr_err("process %d: can't resume the QPs of its context of %s: %s",
			       tasks[t].pid, ctx->ibdev, strerror(-err));
			ret = err;
		}
	}
	return ret;
}

int late_resume(pid_t pid)
{
	int ret;

	if (!shared_is_used())
		return NOT_OURS;
	ret = pin_task(pid);
	if (ret || failed) {
		failed = true;
		kill_tasks();
		return ret ? ret : -ECANCELED;
	}
	if (resume_is_deferred()) {
		pr_info("process %d: its contexts are pinned, its QPs stay stopped", pid);
		return 0;
	}
	if (!all_pinned())
		return 0;
	ret = resume_all();
	if (ret) {
		failed = true;
		kill_tasks();
	}
	return ret;
}

void restore_exit(void)
{
	while (nr_tasks)
		rxe_client_process_close(&tasks[--nr_tasks].process);
	free(tasks);
	tasks = NULL;
	nr_pinned = 0;
	failed = false;
	shared_exit();
	gid_exit();
}
