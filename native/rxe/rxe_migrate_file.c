// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The uverbs file of a restored context.
 *
 * rxe's user space rings the doorbell of a send queue with write(), and uverbs
 * takes a write() only from a task whose credentials are those of the file's
 * opener, the same object, not equal ones. A restored file was opened by the
 * restoring task before it got its own credentials back, and every one of its
 * threads got an object of its own. So the file is given the credentials that
 * the task has in the end, and a write() that takes equal ones.
 */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/pid.h>
#include <linux/sched/task.h>
#include <linux/security.h>

#include "rxe.h"
#include "rxe_migrate.h"

static DEFINE_MUTEX(rxe_migr_fops_lock);
static const struct file_operations *rxe_migr_uverbs_fops;
static struct file_operations rxe_migr_fops;

static bool rxe_migr_same_lsm(const struct cred *a, const struct cred *b)
{
	u32 sid_a = 0, sid_b = 0;

	security_cred_getsecid(a, &sid_a);
	security_cred_getsecid(b, &sid_b);
	return sid_a == sid_b;
}

/* Nothing that one may and the other may not. */
static bool rxe_migr_same_creds(const struct cred *a, const struct cred *b)
{
	return a == b ||
	       (uid_eq(a->uid, b->uid) && uid_eq(a->euid, b->euid) &&
		uid_eq(a->suid, b->suid) && gid_eq(a->gid, b->gid) &&
		gid_eq(a->egid, b->egid) && gid_eq(a->sgid, b->sgid) &&
		!cred_fscmp(a, b) && a->user_ns == b->user_ns &&
		a->securebits == b->securebits &&
		a->cap_inheritable.val == b->cap_inheritable.val &&
		a->cap_permitted.val == b->cap_permitted.val &&
		a->cap_effective.val == b->cap_effective.val &&
		a->cap_bset.val == b->cap_bset.val &&
		a->cap_ambient.val == b->cap_ambient.val &&
		rxe_migr_same_lsm(a, b));
}

static ssize_t rxe_migr_write(struct file *file, const char __user *buf,
			      size_t count, loff_t *pos)
{
	const struct cred *old;
	ssize_t ret;

	/* uverbs refuses by itself, and says so in the log */
	if (!rxe_migr_same_creds(current_cred(), file->f_cred))
		return rxe_migr_uverbs_fops->write(file, buf, count, pos);

	old = override_creds(file->f_cred);
	ret = rxe_migr_uverbs_fops->write(file, buf, count, pos);
	revert_creds(old);
	return ret;
}

/* As uverbs's, but for write(); the same for every file of an rxe device. */
static const struct file_operations *rxe_migr_make_fops(struct file *file)
{
	const struct file_operations *fops = NULL;

	mutex_lock(&rxe_migr_fops_lock);
	if (!rxe_migr_uverbs_fops && file->f_op->write) {
		rxe_migr_fops = *file->f_op;
		rxe_migr_fops.owner = THIS_MODULE;
		rxe_migr_fops.write = rxe_migr_write;
		rxe_migr_uverbs_fops = file->f_op;
	}
	if (file->f_op == rxe_migr_uverbs_fops)
		fops = fops_get(&rxe_migr_fops);
	mutex_unlock(&rxe_migr_fops_lock);
	return fops;
}

/*
 * Called with uc->migr.lock, while nobody but CRIU uses the file: its owner
 * is stopped and has never run since it was restored.
 */
static int rxe_migr_adopt(struct rxe_ucontext *uc, struct file *file)
{
	const struct file_operations *fops;
	struct task_struct *task;
	const struct cred *cred;

	if (file->f_op == &rxe_migr_fops)
		return 0;

	task = get_pid_task(uc->migr.owner, PIDTYPE_TGID);
	if (!task)
		return -ESRCH;
	cred = get_task_cred(task);
	put_task_struct(task);

	fops = rxe_migr_make_fops(file);
	if (!fops) {
		put_cred(cred);
		return -EINVAL;
	}

	replace_fops(file, fops);
	/* kept as long as the context: someone may be looking at it */
	uc->migr.opener = file->f_cred;
	file->f_cred = cred;
	return 0;
}

/* fd: of the uverbs file of uc itself, in the calling process */
int rxe_migr_adopt_file(struct rxe_ucontext *uc, int fd)
{
	struct file *file = fget(fd);
	int err;

	if (!file)
		return -EBADF;

	mutex_lock(&uc->migr.lock);
	if (file->private_data != uc->ibuc.ufile)
		err = -EINVAL;
	else if (uc->migr.state != ROAM_RXE_CTX_RESTORING)
		err = uc->migr.state == ROAM_RXE_CTX_PINNED ? 0 : -EINVAL;
	else
		err = rxe_migr_adopt(uc, file);
	mutex_unlock(&uc->migr.lock);
	fput(file);
	return err;
}
