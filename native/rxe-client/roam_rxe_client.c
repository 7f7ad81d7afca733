// SPDX-License-Identifier: (GPL-2.0 OR MIT)
#include "roam_rxe_client.h"

#include <errno.h>
#include <stdlib.h>

#include "uverbs_ioctl.h"

/* A dump, or a list, that keeps growing under our hands is given up. */
#define MAX_GROW_ROUNDS 16
#define FIRST_BUFFER 4096u

/* No driver has a method of that id, and rxe least of all. */
#define METHOD_OF_NO_DRIVER 0x1fff

static int run_request(int fd, enum roam_rxe_object object, uint16_t method, const void *req,
		       uint16_t len)
{
	struct uverbs_cmd cmd;

	uverbs_cmd_init(&cmd, object, method);
	uverbs_cmd_in(&cmd, ROAM_RXE_ATTR_REQ, req, len);
	return uverbs_cmd_run(fd, &cmd);
}

/* Runs a method that fills a buffer until the buffer is large enough. */
static int run_growing(int fd, enum roam_rxe_method method, uint32_t flags, void **out,
		       struct roam_rxe_buf_resp *resp)
{
	size_t size = FIRST_BUFFER;
	int round, ret = -ENOSPC;

	*out = NULL;
	for (round = 0; round < MAX_GROW_ROUNDS && ret == -ENOSPC; round++) {
		struct roam_rxe_buf req = { .len = size, .flags = flags };
		struct uverbs_cmd cmd;
		/* Queues are copied as they are: no byte of ours may be left in them. */
		void *buf = calloc(1, size);

		if (!buf)
			return -ENOMEM;
		req.addr = (uintptr_t)buf;
		*resp = (struct roam_rxe_buf_resp){ 0 };
		uverbs_cmd_init(&cmd, ROAM_RXE_OBJECT_MIGR, method);
		uverbs_cmd_in(&cmd, ROAM_RXE_ATTR_REQ, &req, sizeof(req));
		uverbs_cmd_out(&cmd, ROAM_RXE_ATTR_RESP, resp, sizeof(*resp));
		ret = uverbs_cmd_run(fd, &cmd);
		if (!ret && resp->needed > size)
			ret = -EOVERFLOW;
		if (!ret) {
			*out = buf;
			return 0;
		}
		free(buf);
		size = resp->needed > size ? resp->needed : size * 2;
	}
	return ret;
}

static int run_listing(int fd, enum roam_rxe_method method, uint32_t flags, size_t record,
		       void **out, size_t *count)
{
	struct roam_rxe_buf_resp resp;
	int ret;

	*count = 0;
	ret = run_growing(fd, method, flags, out, &resp);
	if (ret)
		return ret;
	if (resp.needed != resp.count * record) {
		free(*out);
		*out = NULL;
		return -EOVERFLOW;
	}
	if (!resp.count) {
		free(*out);
		*out = NULL;
	}
	*count = resp.count;
	return 0;
}

int rxe_client_query(int fd, struct roam_rxe_query *out)
{
	struct uverbs_cmd cmd;

	uverbs_cmd_init(&cmd, ROAM_RXE_OBJECT_MIGR, ROAM_RXE_METHOD_QUERY);
	uverbs_cmd_out(&cmd, ROAM_RXE_ATTR_RESP, out, sizeof(*out));
	return uverbs_cmd_run(fd, &cmd);
}

int rxe_client_list(int fd, uint32_t flags, struct roam_rxe_qp_info **out, size_t *count)
{
	void *buf;
	int ret = run_listing(fd, ROAM_RXE_METHOD_LIST, flags, sizeof(**out), &buf, count);

	*out = ret ? NULL : buf;
	return ret;
}

int rxe_client_check(int fd, struct roam_rxe_unsupported **out, size_t *count)
{
	void *buf;
	int ret = run_listing(fd, ROAM_RXE_METHOD_CHECK, 0, sizeof(**out), &buf, count);

	*out = ret ? NULL : buf;
	return ret;
}

int rxe_client_stop(int fd, uint32_t qpn, uint32_t flags)
{
	struct roam_rxe_scope scope = { .qpn = qpn, .flags = flags };

	return run_request(fd, ROAM_RXE_OBJECT_MIGR, ROAM_RXE_METHOD_STOP, &scope, sizeof(scope));
}

int rxe_client_resume(int fd, uint32_t qpn, uint32_t flags)
{
	struct roam_rxe_scope scope = { .qpn = qpn, .flags = flags };

	return run_request(fd, ROAM_RXE_OBJECT_MIGR, ROAM_RXE_METHOD_RESUME, &scope, sizeof(scope));
}

int rxe_client_greet(int fd, uint32_t qpn, uint32_t flags)
{
	struct roam_rxe_scope scope = { .qpn = qpn, .flags = flags };

	return run_request(fd, ROAM_RXE_OBJECT_GREET, ROAM_RXE_METHOD_GREET, &scope, sizeof(scope));
}

int rxe_client_reserve(int fd, const struct roam_rxe_reservation *list, size_t count)
{
	struct roam_rxe_buf req = { .addr = (uintptr_t)list, .len = count * sizeof(*list) };

	return run_request(fd, ROAM_RXE_OBJECT_HOLD, ROAM_RXE_METHOD_RESERVE, &req, sizeof(req));
}

int rxe_client_dump(int fd, void **out, size_t *len)
{
	struct roam_rxe_buf_resp resp;
	int ret = run_growing(fd, ROAM_RXE_METHOD_DUMP, 0, out, &resp);

	*len = ret ? 0 : resp.needed;
	return ret;
}

static int identify(int fd, enum roam_rxe_method method, int event_fd, uint64_t *id)
{
	struct roam_rxe_fd_id resp = { 0 };
	struct uverbs_cmd cmd;
	int ret;

	uverbs_cmd_init(&cmd, ROAM_RXE_OBJECT_MIGR, method);
	uverbs_cmd_fd(&cmd, ROAM_RXE_ATTR_FD, event_fd);
	uverbs_cmd_out(&cmd, ROAM_RXE_ATTR_RESP, &resp, sizeof(resp));
	ret = uverbs_cmd_run(fd, &cmd);
	*id = resp.id;
	return ret;
}

int rxe_client_identify_comp(int fd, int event_fd, uint64_t *id)
{
	return identify(fd, ROAM_RXE_METHOD_IDENTIFY_COMP, event_fd, id);
}

int rxe_client_identify_async(int fd, int event_fd, uint64_t *id)
{
	return identify(fd, ROAM_RXE_METHOD_IDENTIFY_ASYNC, event_fd, id);
}

int rxe_client_restore_begin(int fd, uint32_t watch)
{
	struct roam_rxe_restore req = { .dump_version = ROAM_RXE_DUMP_VERSION, .watch = watch };

	return run_request(fd, ROAM_RXE_OBJECT_RESTORE, ROAM_RXE_METHOD_RESTORE_BEGIN, &req, sizeof(req));
}

int rxe_client_restore_number(int fd, uint32_t type, uint32_t number)
{
	struct roam_rxe_number req = { .type = type, .number = number };

	return run_request(fd, ROAM_RXE_OBJECT_RESTORE, ROAM_RXE_METHOD_RESTORE_NUMBER, &req, sizeof(req));
}

static int restore_object(int fd, enum roam_rxe_object object, uint16_t method, uint32_t handle,
			  const void *record, size_t len)
{
	struct roam_rxe_buf req = { .addr = (uintptr_t)record, .len = len };
	struct uverbs_cmd cmd;

	uverbs_cmd_init(&cmd, object, method);
	uverbs_cmd_handle(&cmd, ROAM_RXE_ATTR_HANDLE, handle);
	uverbs_cmd_in(&cmd, ROAM_RXE_ATTR_REQ, &req, sizeof(req));
	return uverbs_cmd_run(fd, &cmd);
}

int rxe_client_restore_cq(int fd, uint32_t handle, const void *record, size_t len)
{
	return restore_object(fd, ROAM_RXE_OBJECT_RESTORE, ROAM_RXE_METHOD_RESTORE_CQ, handle, record, len);
}

int rxe_client_restore_mr(int fd, uint32_t handle, const void *record, size_t len)
{
	return restore_object(fd, ROAM_RXE_OBJECT_RESTORE, ROAM_RXE_METHOD_RESTORE_MR, handle, record, len);
}

int rxe_client_restore_qp(int fd, uint32_t handle, const void *record, size_t len)
{
	return restore_object(fd, ROAM_RXE_OBJECT_RESTORE, ROAM_RXE_METHOD_RESTORE_QP, handle, record, len);
}

int rxe_client_restore_srq(int fd, uint32_t handle, const void *record, size_t len)
{
	return restore_object(fd, ROAM_RXE_OBJECT_RESTORE_MORE, ROAM_RXE_METHOD_RESTORE_SRQ, handle,
			      record, len);
}

int rxe_client_restore_ah(int fd, uint32_t handle, const void *record, size_t len)
{
	return restore_object(fd, ROAM_RXE_OBJECT_RESTORE_MORE, ROAM_RXE_METHOD_RESTORE_AH, handle,
			      record, len);
}

int rxe_client_restore_mw(int fd, uint32_t handle, const void *record, size_t len)
{
	return restore_object(fd, ROAM_RXE_OBJECT_RESTORE_MORE, ROAM_RXE_METHOD_RESTORE_MW, handle,
			      record, len);
}

int rxe_client_restore_async(int fd, int event_fd, const void *record, size_t len)
{
	struct roam_rxe_buf req = { .addr = (uintptr_t)record, .len = len };
	struct uverbs_cmd cmd;

	uverbs_cmd_init(&cmd, ROAM_RXE_OBJECT_RESTORE, ROAM_RXE_METHOD_RESTORE_ASYNC);
	uverbs_cmd_fd(&cmd, ROAM_RXE_ATTR_FD, event_fd);
	uverbs_cmd_in(&cmd, ROAM_RXE_ATTR_REQ, &req, sizeof(req));
	return uverbs_cmd_run(fd, &cmd);
}

int rxe_client_pin(int fd)
{
	struct uverbs_cmd cmd;

	uverbs_cmd_init(&cmd, ROAM_RXE_OBJECT_RESTORE, ROAM_RXE_METHOD_PIN);
	uverbs_cmd_fd(&cmd, ROAM_RXE_ATTR_FD, fd);
	return uverbs_cmd_run(fd, &cmd);
}

int rxe_client_watch(int fd, uint32_t flags)
{
	struct roam_rxe_watch req = { .flags = flags };

	return run_request(fd, ROAM_RXE_OBJECT_WATCH, ROAM_RXE_METHOD_WATCH, &req, sizeof(req));
}

int rxe_client_announce(int fd, uint32_t what)
{
	struct roam_rxe_announce req = { .what = what };
	struct roam_rxe_announced resp = { 0 };
	struct uverbs_cmd cmd;
	int ret;

	uverbs_cmd_init(&cmd, ROAM_RXE_OBJECT_WATCH, ROAM_RXE_METHOD_ANNOUNCE);
	uverbs_cmd_in(&cmd, ROAM_RXE_ATTR_REQ, &req, sizeof(req));
	uverbs_cmd_out(&cmd, ROAM_RXE_ATTR_RESP, &resp, sizeof(resp));
	ret = uverbs_cmd_run(fd, &cmd);
	return ret ? ret : !!resp.awaited;
}

int rxe_client_ready(int fd)
{
	struct uverbs_cmd cmd;

	uverbs_cmd_init(&cmd, ROAM_RXE_OBJECT_WATCH, ROAM_RXE_METHOD_READY);
	return uverbs_cmd_run(fd, &cmd);
}

int rxe_client_track(int fd)
{
	struct uverbs_cmd cmd;

	uverbs_cmd_init(&cmd, ROAM_RXE_OBJECT_TRACK, ROAM_RXE_METHOD_TRACK);
	return uverbs_cmd_run(fd, &cmd);
}

bool rxe_client_is_rxe(int fd)
{
	struct uverbs_cmd cmd;

	/* uverbs compares the driver before it looks for the method. */
	uverbs_cmd_init(&cmd, UVERBS_OBJECT_DEVICE, METHOD_OF_NO_DRIVER);
	return uverbs_cmd_run(fd, &cmd) == -EPROTONOSUPPORT;
}
