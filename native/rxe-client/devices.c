// SPDX-License-Identifier: (GPL-2.0 OR MIT)
#include "roam_rxe_client.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "uverbs_cmd.h"

#define VERBS_CLASS "/sys/class/infiniband_verbs"

/* The last component of what /sys/dev/char/MAJOR:MINOR points to. */
static int char_device_name(dev_t rdev, char *name, size_t size, const char *class)
{
	char link[64], target[PATH_MAX];
	const char *base;
	ssize_t n;

	snprintf(link, sizeof(link), "/sys/dev/char/%u:%u", major(rdev), minor(rdev));
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		return errno == ENOENT ? -ENODEV : -errno;
	target[n] = '\0';
	if (class && !strstr(target, class))
		return -ENODEV;
	base = strrchr(target, '/');
	base = base ? base + 1 : target;
	if (strlen(base) >= size)
		return -ENAMETOOLONG;
	strcpy(name, base);
	return 0;
}

static int read_line(const char *path, char *line, size_t size)
{
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	n = read(fd, line, size - 1);
	if (n < 0) {
		int err = errno;

		close(fd);
		return -err;
	}
	close(fd);
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return 0;
}

static int ibdev_of_uverbs(const char *uverbs, char name[RXE_CLIENT_NAME_MAX])
{
	char path[PATH_MAX];
	int ret;

	snprintf(path, sizeof(path), VERBS_CLASS "/%s/ibdev", uverbs);
	ret = read_line(path, name, RXE_CLIENT_NAME_MAX);
	return ret == -ENOENT ? -ENODEV : ret;
}

int rxe_client_ibdev_of(dev_t rdev, char name[RXE_CLIENT_NAME_MAX])
{
	char uverbs[NAME_MAX];
	int ret = char_device_name(rdev, uverbs, sizeof(uverbs), "/infiniband_verbs/");

	return ret ? ret : ibdev_of_uverbs(uverbs, name);
}

bool rxe_client_is_rdma_cm(dev_t rdev)
{
	char name[NAME_MAX];

	return !char_device_name(rdev, name, sizeof(name), NULL) && !strcmp(name, "rdma_cm");
}

static int is_uverbs_name(const struct dirent *entry)
{
	return !strncmp(entry->d_name, "uverbs", 6) && isdigit((unsigned char)entry->d_name[6]);
}

static int uverbs_names(struct dirent ***entries)
{
	int n = scandir(VERBS_CLASS, entries, is_uverbs_name, NULL);

	if (n >= 0)
		return n;
	/* Without ib_uverbs there is no class, and so no device. */
	*entries = NULL;
	return errno == ENOENT ? 0 : -errno;
}

static void free_names(struct dirent **entries, int n)
{
	while (n-- > 0)
		free(entries[n]);
	free(entries);
}

int rxe_client_open_device(const char *ibdev)
{
	char name[RXE_CLIENT_NAME_MAX], path[PATH_MAX], number[32];
	struct dirent **entries;
	int n, i, fd = -ENODEV;

	n = uverbs_names(&entries);
	if (n < 0)
		return n;
	for (i = 0; i < n; i++) {
		struct stat st;

		if (ibdev_of_uverbs(entries[i]->d_name, name) || strcmp(name, ibdev))
			continue;
		snprintf(path, sizeof(path), "/dev/infiniband/%s", entries[i]->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0) {
			fd = -errno;
			break;
		}
		/* A stale node in /dev would silently be another device. */
		snprintf(path, sizeof(path), VERBS_CLASS "/%s/dev", entries[i]->d_name);
		if (!fstat(fd, &st) && !read_line(path, number, sizeof(number))) {
			char expected[32];

			snprintf(expected, sizeof(expected), "%u:%u", major(st.st_rdev),
				 minor(st.st_rdev));
			if (!strcmp(number, expected))
				break;
		}
		close(fd);
		fd = -ENXIO;
		break;
	}
	free_names(entries, n);
	return fd;
}

int rxe_client_open_context(const char *ibdev)
{
	int ret, fd = rxe_client_open_device(ibdev);

	if (fd < 0)
		return fd;
	ret = uverbs_get_context(fd, NULL);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

int rxe_client_devices(char (**out)[RXE_CLIENT_NAME_MAX], size_t *count)
{
	struct dirent **entries;
	int n, i;

	*out = NULL;
	*count = 0;
	n = uverbs_names(&entries);
	if (n <= 0)
		return n;
	*out = calloc((size_t)n, sizeof(**out));
	if (!*out) {
		free_names(entries, n);
		return -ENOMEM;
	}
	for (i = 0; i < n; i++) {
		/* A device that vanishes meanwhile is no device. */
		if (!ibdev_of_uverbs(entries[i]->d_name, (*out)[*count]))
			(*count)++;
	}
	free_names(entries, n);
	qsort(*out, *count, sizeof(**out), compare_names);
	return 0;
}
