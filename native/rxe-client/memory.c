// SPDX-License-Identifier: (GPL-2.0 OR MIT)
/* The memory that is registered with a context's device, from its dump. */
#include <errno.h>
#include <infiniband/verbs.h>
#include <stdlib.h>
#include <string.h>

#include "roam_rxe_client.h"

static const uint32_t written = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC;

static size_t collect(const char *dump, size_t len, struct rxe_client_memory *out, size_t max)
{
	size_t at = sizeof(struct roam_rxe_dump_hdr), count = 0;
	struct roam_rxe_rec rec;
	struct roam_rxe_mr mr;

	while (count < max && at + sizeof(rec) <= len) {
		memcpy(&rec, dump + at, sizeof(rec));
		if (rec.len < sizeof(rec) || rec.len > len - at)
			break;
		if (rec.type == ROAM_RXE_T_MR && rec.len >= sizeof(mr)) {
			memcpy(&mr, dump + at, sizeof(mr));
			if (mr.length)
				out[count++] = (struct rxe_client_memory){ mr.start, mr.length,
									   (mr.access & written) != 0 };
		}
		at += ((size_t)rec.len + 7) & ~(size_t)7;
	}
	return count;
}

int rxe_client_memory(int fd, struct rxe_client_memory **out, size_t *count)
{
	const struct roam_rxe_dump_hdr *hdr;
	void *dump;
	size_t len;
	int ret;

	*out = NULL;
	*count = 0;
	ret = rxe_client_dump(fd, &dump, &len);
	if (ret)
		return ret;
	hdr = dump;
	*out = calloc(hdr->count ? hdr->count : 1, sizeof(**out));
	if (*out)
		*count = collect(dump, len, *out, hdr->count);
	else
		ret = -ENOMEM;
	free(dump);
	return ret;
}
