/* SPDX-License-Identifier: (GPL-2.0 OR MIT) */
/*
 * roam_rxe_client.h: the methods of roam_rxe.h as C functions, and the verbs
 * contexts of another process.
 *
 * Every function returns 0 (or a count) on success and a negative errno on
 * failure.  What all methods have in common:
 *   -EPROTONOSUPPORT  the device's driver is rxe, but the stock module
 *   -EINVAL           another driver, or the descriptor has no verbs context
 *   -ENOTTY           the descriptor is no uverbs file
 *   -EPERM            see "Permission" in roam_rxe.h
 *   -EIO              the device was removed
 */
#ifndef ROAM_RXE_CLIENT_H
#define ROAM_RXE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "roam_rxe.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RXE_CLIENT_NAME_MAX 64

/* ---- methods; fd is a uverbs descriptor with a verbs context ---- */

int rxe_client_query(int fd, struct roam_rxe_query *out);

/* Arrays are malloc()ed and free()d by the caller; *out is NULL for none. */
int rxe_client_list(int fd, uint32_t flags, struct roam_rxe_qp_info **out, size_t *count);
int rxe_client_check(int fd, struct roam_rxe_unsupported **out, size_t *count);

/* qpn 0: every QP of the context. flags: 0 or ROAM_RXE_WHOLE_DEVICE. */
int rxe_client_stop(int fd, uint32_t qpn, uint32_t flags);
int rxe_client_resume(int fd, uint32_t qpn, uint32_t flags);
int rxe_client_greet(int fd, uint32_t qpn, uint32_t flags);

/* Somebody answers for QPs while they are nowhere; hold_ms 0 cancels. */
int rxe_client_reserve(int fd, const struct roam_rxe_reservation *list, size_t count);

/* *out starts with a struct roam_rxe_dump_hdr and is free()d by the caller. */
int rxe_client_dump(int fd, void **out, size_t *len);

/* The memory of an MR. */
struct rxe_client_memory {
	uint64_t start;		/* user address */
	uint64_t length;
	bool writable;		/* by the device */
};

/* Those of a context whose QPs are stopped; *out is free()d by the caller. */
int rxe_client_memory(int fd, struct rxe_client_memory **out, size_t *count);

/* -EBADF: event_fd is no event file of that kind of this context. */
int rxe_client_identify_comp(int fd, int event_fd, uint64_t *id);
int rxe_client_identify_async(int fd, int event_fd, uint64_t *id);

/* watch: what the dump tells of it. */
int rxe_client_restore_begin(int fd, uint32_t watch);
int rxe_client_restore_number(int fd, uint32_t type, uint32_t number);

/* record: one record of a dump, rec.len bytes. */
int rxe_client_restore_cq(int fd, uint32_t handle, const void *record, size_t len);
int rxe_client_restore_mr(int fd, uint32_t handle, const void *record, size_t len);
int rxe_client_restore_qp(int fd, uint32_t handle, const void *record, size_t len);
int rxe_client_restore_srq(int fd, uint32_t handle, const void *record, size_t len);
int rxe_client_restore_ah(int fd, uint32_t handle, const void *record, size_t len);
int rxe_client_restore_mw(int fd, uint32_t handle, const void *record, size_t len);
/* Puts the unread events back, when the QPs, CQs and SRQs that they are about are there. */
int rxe_client_restore_async(int fd, int event_fd, const void *record, size_t len);

/* Pins the memory of every MR of the context; fd was taken from its owner. */
int rxe_client_pin(int fd);

/* flags: the enum roam_rxe_watch_flags that hold from now on. */
int rxe_client_watch(int fd, uint32_t flags);
/* what: enum roam_rxe_announcement.  1: the program has still to say ready, 0: not. */
int rxe_client_announce(int fd, uint32_t what);
int rxe_client_ready(int fd);

int rxe_client_track(int fd);

/* True if the driver behind a uverbs descriptor is rxe, ours or the stock one,
 * and whether or not the descriptor has a verbs context yet. */
bool rxe_client_is_rxe(int fd);

/* Names of the enums of roam_rxe.h for messages; unknown values give "?". */
const char *rxe_client_type_name(uint32_t type);
const char *rxe_client_qp_type_name(uint32_t qp_type);
const char *rxe_client_qp_state_name(uint32_t qp_state);

/* ---- devices ---- */

/* The RDMA device ("rxe0") behind a uverbs character device number.
 * -ENODEV: rdev is no uverbs device. */
int rxe_client_ibdev_of(dev_t rdev, char name[RXE_CLIENT_NAME_MAX]);

/* Opens /dev/infiniband/uverbsN of an RDMA device, close-on-exec, without a
 * context.  -ENODEV: there is no such RDMA device. */
int rxe_client_open_device(const char *ibdev);

/* Opens it and gives it a verbs context, as ibv_open_device() does. */
int rxe_client_open_context(const char *ibdev);

/* The names of all RDMA devices that have a uverbs file, sorted; free()d by
 * the caller in one piece. */
int rxe_client_devices(char (**out)[RXE_CLIENT_NAME_MAX], size_t *count);

/* True for the character device of rdma_cm (librdmacm). */
bool rxe_client_is_rdma_cm(dev_t rdev);

/* ---- the contexts of a process ---- */

struct rxe_client_context {
	int fd;			/* ours: a duplicate, close-on-exec */
	int target_fd;		/* lowest number that it has in the process */
	int references;		/* numbers that the process has for the file */
	dev_t rdev;
	bool is_rxe;
	char ibdev[RXE_CLIENT_NAME_MAX];
};

struct rxe_client_process {
	struct rxe_client_context *contexts;	/* one per open file, by target_fd */
	size_t count;
	int max_fd;		/* highest descriptor number in the process, -1: none */
	int rdma_cm_fd;		/* lowest descriptor of /dev/infiniband/rdma_cm, -1: none */
};

/* Takes every distinct uverbs descriptor of pid (also of drivers other than
 * rxe: see is_rxe).  -ESRCH: no such process; -EPERM: not ptrace-attachable. */
int rxe_client_process_open(pid_t pid, struct rxe_client_process *out);
void rxe_client_process_close(struct rxe_client_process *process);

#ifdef __cplusplus
}
#endif

#endif /* ROAM_RXE_CLIENT_H */
