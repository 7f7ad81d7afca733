// SPDX-License-Identifier: GPL-2.0
#include "dirty.h"

#include <sys/uio.h>
#include <unistd.h>

#include "image.h"
#include "log.h"

#define BATCH 512

/* IB_ACCESS_LOCAL_WRITE; remote writing and atomics imply it. */
#define ACCESS_LOCAL_WRITE 1u

/* Writes one byte of each page onto itself: the write fault marks the page. */
static int touch(pid_t pid, struct iovec *pages, size_t count)
{
	char bytes[BATCH];
	struct iovec local = { .iov_base = bytes, .iov_len = count };
	size_t done = 0;

	while (done < count) {
		ssize_t n;

		local.iov_len = count - done;
		n = process_vm_readv(pid, &local, 1, pages + done, count - done, 0);
		if (n > 0) {
			local.iov_len = (size_t)n;
			n = process_vm_writev(pid, &local, 1, pages + done, (size_t)n, 0);
		}
		if (n < 0 && errno != EFAULT)
			return -errno;
		/* A page that the process has unmapped is not in the images. */
		done += n > 0 ? (size_t)n : 1;
	}
	return 0;
}

static int dirty_mr(pid_t pid, const struct roam_rxe_mr *mr)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t at = mr->start & ~(page - 1), end = mr->start + mr->length;
	struct iovec pages[BATCH];
	size_t count = 0;
	int ret = 0;

	while (at < end && !ret) {
		pages[count++] = (struct iovec){ .iov_base = (void *)(uintptr_t)at, .iov_len = 1 };
		at += page;
		if (count == BATCH || at >= end) {
			ret = touch(pid, pages, count);
			count = 0;
		}
	}
	return ret;
}

int dirty_mr_pages(pid_t pid, const struct roam_rxe_dump_hdr *dump)
{
	const struct roam_rxe_rec *rec;
	int ret = 0;

	for (rec = img_next_record(dump, NULL); rec && !ret; rec = img_next_record(dump, rec)) {
		const struct roam_rxe_mr *mr = (const void *)rec;

		if (rec->type == ROAM_RXE_T_MR && (mr->access & ACCESS_LOCAL_WRITE))
			ret = dirty_mr(pid, mr);
	}
	return ret;
}
