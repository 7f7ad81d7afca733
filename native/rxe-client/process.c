// SPDX-License-Identifier: (GPL-2.0 OR MIT)
#include "roam_rxe_client.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool same_file(pid_t pid, int a, int b)
{
	return syscall(SYS_kcmp, pid, pid, KCMP_FILE, a, b) == 0;
}

static int compare_ints(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* Descriptor numbers of a process in ascending order. */
static int list_fds(DIR *dir, int **out, size_t *count)
{
	struct dirent *entry;
	size_t room = 0;

	*out = NULL;
	*count = 0;
	while ((errno = 0, entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		if (*count == room) {
			int *grown;

			room = room ? room * 2 : 64;
			grown = realloc(*out, room * sizeof(**out));
			if (!grown) {
				free(*out);
				*out = NULL;
				return -ENOMEM;
			}
			*out = grown;
		}
		(*out)[(*count)++] = atoi(entry->d_name);
	}
	if (errno) {
		int err = errno;

		free(*out);
		*out = NULL;
		return -err;
	}
	if (*count)
		qsort(*out, *count, sizeof(**out), compare_ints);
	return 0;
}

static int add_context(struct rxe_client_process *process, pid_t pid, int pidfd, int target_fd,
		       dev_t rdev, const char *ibdev)
{
	struct rxe_client_context *grown, *ctx;
	size_t i;
	int fd;

	for (i = 0; i < process->count; i++) {
		ctx = &process->contexts[i];
		if (ctx->rdev == rdev && same_file(pid, ctx->target_fd, target_fd)) {
			ctx->references++;
			return 0;
		}
	}
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, target_fd, 0);
	if (fd < 0)
		/* Closed since the directory was read: not a context any more. */
		return errno == EBADF ? 0 : -errno;
	grown = realloc(process->contexts, (process->count + 1) * sizeof(*grown));
	if (!grown) {
		close(fd);
		return -ENOMEM;
	}
	process->contexts = grown;
	ctx = &grown[process->count++];
	*ctx = (struct rxe_client_context){
		.fd = fd,
		.target_fd = target_fd,
		.references = 1,
		.rdev = rdev,
		.is_rxe = rxe_client_is_rxe(fd),
	};
	snprintf(ctx->ibdev, sizeof(ctx->ibdev), "%s", ibdev);
	return 0;
}

static int scan(struct rxe_client_process *process, pid_t pid, int pidfd, DIR *dir)
{
	size_t count, i;
	int *fds, ret;

	ret = list_fds(dir, &fds, &count);
	if (ret)
		return ret;
	for (i = 0; i < count && !ret; i++) {
		char name[32], ibdev[RXE_CLIENT_NAME_MAX];
		struct stat st;

		process->max_fd = fds[i];
		snprintf(name, sizeof(name), "%d", fds[i]);
		if (fstatat(dirfd(dir), name, &st, 0) || !S_ISCHR(st.st_mode))
			continue;
		if (!rxe_client_ibdev_of(st.st_rdev, ibdev))
			ret = add_context(process, pid, pidfd, fds[i], st.st_rdev, ibdev);
		else if (process->rdma_cm_fd < 0 && rxe_client_is_rdma_cm(st.st_rdev))
			process->rdma_cm_fd = fds[i];
	}
	free(fds);
	return ret;
}

int rxe_client_process_open(pid_t pid, struct rxe_client_process *out)
{
	char path[64];
	int pidfd, ret;
	DIR *dir;

	*out = (struct rxe_client_process){ .max_fd = -1, .rdma_cm_fd = -1 };
	/* The descriptor is taken before /proc is read: should the pid be given
	 * to another process meanwhile, pidfd_getfd fails. */
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir) {
		ret = errno == ENOENT ? -ESRCH : errno == EACCES ? -EPERM : -errno;
		close(pidfd);
		return ret;
	}
	ret = scan(out, pid, pidfd, dir);
	closedir(dir);
	close(pidfd);
	if (ret)
		rxe_client_process_close(out);
	return ret;
}

void rxe_client_process_close(struct rxe_client_process *process)
{
	size_t i;

	for (i = 0; i < process->count; i++)
		if (process->contexts[i].fd >= 0)
			close(process->contexts[i].fd);
	free(process->contexts);
	*process = (struct rxe_client_process){ .max_fd = -1, .rdma_cm_fd = -1 };
}
