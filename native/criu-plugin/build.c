// SPDX-License-Identifier: GPL-2.0
#include "build.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "log.h"
#include "roam_rxe_client.h"

int build_make_room(struct build *b, const struct roam_rxe_rec *rec)
{
	int ret = uverbs_dealloc_pd(b->fd, rec->handle);

	if (ret)
		pr_err("can't free handle %u for a %s: %s", rec->handle,
		       rxe_client_type_name(rec->type), strerror(-ret));
	return ret;
}

int build_check_handle(const struct roam_rxe_rec *rec, uint32_t handle)
{
	if (handle == rec->handle)
		return 0;
	pr_err("a %s got handle %u instead of %u", rxe_client_type_name(rec->type), handle,
	       rec->handle);
	return -EBADSLT;
}

int build_note_queue(struct build *b, const struct roam_rxe_rec *rec, const char *which,
		     const struct roam_rxe_queue *old, const struct uverbs_queue_map *new)
{
	struct built_queue *grown;

	if (!old->size && !new->size)
		return 0;
	if (old->size != new->size) {
		pr_err("the %s queue of the %s with handle %u has %u bytes here, %llu where it was dumped",
		       which, rxe_client_type_name(rec->type), rec->handle, new->size,
		       (unsigned long long)old->size);
		return -EMSGSIZE;
	}
	grown = realloc(b->out->queues, (b->out->nr_queues + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	b->out->queues = grown;
	grown[b->out->nr_queues++] = (struct built_queue){
		.old_offset = old->mmap_offset,
		.new_offset = new->offset,
		.size = old->size,
	};
	return 0;
}

int build_event_file(const struct build *b, uint32_t kind, uint64_t id)
{
	size_t i;

	for (i = 0; id && i < b->out->nr_files; i++)
		if (b->out->files[i].kind == kind && b->out->files[i].file_id == id)
			return b->out->files[i].fd;
	return -1;
}

static int add_file(struct built *out, uint32_t kind, uint64_t id, int fd)
{
	struct built_file *grown = realloc(out->files, (out->nr_files + 1) * sizeof(*grown));

	if (!grown) {
		close(fd);
		return -ENOMEM;
	}
	out->files = grown;
	grown[out->nr_files++] = (struct built_file){ .kind = kind, .file_id = id, .fd = fd };
	return 0;
}

static int build_file(struct build *b, uint32_t kind, uint64_t id)
{
	bool async = kind == IMG_FD_ASYNC;
	int fd, ret;

	if (build_event_file(b, kind, id) >= 0)
		return 0;
	ret = async ? uverbs_alloc_async(b->fd, &fd) : uverbs_create_comp_channel(b->fd, &fd);
	if (ret) {
		pr_err("can't create %s: %s", async ? "an async event file"
						    : "a completion channel", strerror(-ret));
		return ret;
	}
	return add_file(b->out, kind, id, fd);
}

/* Those of the dump come first: the first async event file is the default one,
 * to which QPs and CQs report. */
static int build_files(struct build *b)
{
	const struct roam_rxe_rec *rec;
	size_t i;
	int ret = 0;

	for (rec = img_next_record(b->dump, NULL); rec && !ret;
	     rec = img_next_record(b->dump, rec)) {
		const struct roam_rxe_file *file = (const void *)rec;

		if (rec->type == ROAM_RXE_T_ASYNC)
			ret = build_file(b, IMG_FD_ASYNC, file->id);
		else if (rec->type == ROAM_RXE_T_COMP_CHANNEL)
			ret = build_file(b, IMG_FD_COMP_CHANNEL, file->id);
	}
	for (i = 0; i < b->nr_fds && !ret; i++)
		if (b->fds[i].kind != IMG_FD_UVERBS)
			ret = build_file(b, b->fds[i].kind, b->fds[i].file_id);
	return ret;
}

static int fill_handles(struct build *b)
{
	uint32_t i, handle;
	int ret;

	if (b->dump->max_handle == IMG_NO_HANDLE)
		return 0;
	for (i = 0; i <= b->dump->max_handle; i++) {
		ret = uverbs_alloc_pd(b->fd, &handle);
		if (!ret && handle != i)
			ret = -EBADSLT;
		if (ret) {
			pr_err("can't fill handle %u of a new context: %s", i, strerror(-ret));
			return ret;
		}
	}
	return 0;
}

static int drain_handles(struct build *b)
{
	uint32_t i;
	int ret;

	if (b->dump->max_handle == IMG_NO_HANDLE)
		return 0;
	for (i = 0; i <= b->dump->max_handle; i++) {
		ret = b->table[i] ? 0 : uverbs_dealloc_pd(b->fd, i);
		if (ret) {
			pr_err("can't free handle %u: %s", i, strerror(-ret));
			return ret;
		}
	}
	return 0;
}

static int build_cq(struct build *b, const struct roam_rxe_cq *cq)
{
	struct uverbs_cq_init init = {
		.user_handle = cq->rec.user_handle,
		.cqe = cq->cqe,
		.comp_vector = cq->comp_vector,
		.channel_fd = build_event_file(b, IMG_FD_COMP_CHANNEL, cq->channel),
		.async_fd = build_event_file(b, IMG_FD_ASYNC, cq->async),
	};
	struct uverbs_cq made;
	int ret;

	if (cq->channel && init.channel_fd < 0) {
		pr_err("CQ with handle %u names a completion channel that is not in its image",
		       cq->rec.handle);
		return -EINVAL;
	}
	ret = build_make_room(b, &cq->rec);
	if (ret)
		return ret;
	ret = uverbs_create_cq(b->fd, &init, &made);
	if (ret) {
		pr_err("can't create the CQ with handle %u (%u entries, vector %u): %s",
		       cq->rec.handle, cq->cqe, cq->comp_vector, strerror(-ret));
		return ret;
	}
	ret = build_check_handle(&cq->rec, made.handle);
	if (!ret)
		ret = build_note_queue(b, &cq->rec, "completion", &cq->q, &made.queue);
	if (ret)
		return ret;
	ret = rxe_client_restore_cq(b->fd, made.handle, cq, cq->rec.len);
	if (ret)
		pr_err("can't fill the CQ with handle %u: %s", cq->rec.handle, strerror(-ret));
	return ret;
}

static int build_mr(struct build *b, const struct roam_rxe_mr *mr)
{
	struct uverbs_mr_init init = {
		.start = mr->start,
		.length = mr->length,
		.iova = mr->iova,
		.pd_handle = mr->pd_handle,
		.access = mr->access,
	};
	struct uverbs_mr made;
	int ret = build_make_room(b, &mr->rec);

	if (ret)
		return ret;
	ret = rxe_client_restore_number(b->fd, ROAM_RXE_T_MR, mr->lkey);
	if (!ret)
		ret = uverbs_reg_mr(b->fd, &init, &made);
	if (ret == -EBUSY) {
		pr_err("the keys of an MR (lkey %#x) are taken on device %s of this host",
		       mr->lkey, b->device->name);
		return ret;
	}
	if (ret) {
		pr_err("can't register the MR with lkey %#x (%llu bytes at %#llx): %s", mr->lkey,
		       (unsigned long long)mr->length, (unsigned long long)mr->start,
		       strerror(-ret));
		return ret;
	}
	ret = build_check_handle(&mr->rec, made.handle);
	if (ret)
		return ret;
	if (made.lkey != mr->lkey || made.rkey != mr->rkey) {
		pr_err("an MR got lkey %#x and rkey %#x instead of %#x and %#x", made.lkey,
		       made.rkey, mr->lkey, mr->rkey);
		return -EBADSLT;
	}
	ret = rxe_client_restore_mr(b->fd, made.handle, mr, mr->rec.len);
	if (ret)
		pr_err("can't fill the MR with lkey %#x: %s", mr->lkey, strerror(-ret));
	return ret;
}

static int build_object(struct build *b, const struct roam_rxe_rec *rec)
{
	switch (rec->type) {
	case ROAM_RXE_T_CQ:
		return build_cq(b, (const void *)rec);
	case ROAM_RXE_T_MR:
		return build_mr(b, (const void *)rec);
	case ROAM_RXE_T_SRQ:
		return build_srq(b, (const void *)rec);
	case ROAM_RXE_T_AH:
		return build_ah(b, (const void *)rec);
	case ROAM_RXE_T_MW:
		return build_mw(b, (const void *)rec);
	case ROAM_RXE_T_MCAST:
		return build_mcast(b, (const void *)rec);
	default:
		return build_qp(b, (const void *)rec);
	}
}

static int build_objects(struct build *b)
{
	static const uint32_t order[] = { ROAM_RXE_T_CQ, ROAM_RXE_T_SRQ, ROAM_RXE_T_AH,
					  ROAM_RXE_T_MR, ROAM_RXE_T_QP, ROAM_RXE_T_MW,
					  ROAM_RXE_T_MCAST };
	const struct roam_rxe_rec *rec;
	size_t i;
	int ret;

	ret = fill_handles(b);
	for (i = 0; i < sizeof(order) / sizeof(order[0]) && !ret; i++)
		for (rec = img_next_record(b->dump, NULL); rec && !ret;
		     rec = img_next_record(b->dump, rec))
			if (rec->type == order[i])
				ret = build_object(b, rec);
	return ret ? ret : drain_handles(b);
}

static int build_events(struct build *b)
{
	const struct roam_rxe_rec *rec;
	int ret = 0;

	for (rec = img_next_record(b->dump, NULL); rec && !ret;
	     rec = img_next_record(b->dump, rec)) {
		const struct roam_rxe_file *file = (const void *)rec;

		if (rec->type != ROAM_RXE_T_ASYNC || !file->event_count)
			continue;
		ret = rxe_client_restore_async(
			b->fd, build_event_file(b, IMG_FD_ASYNC, file->id), file, rec->len);
		if (ret)
			pr_err("can't put back %u unread async events: %s", file->event_count,
			       strerror(-ret));
	}
	return ret;
}

static int open_context(struct build *b)
{
	uint32_t vectors;
	int ret;

	b->fd = rxe_client_open_device(b->device->name);
	if (b->fd < 0) {
		pr_err("can't open device %s: %s", b->device->name, strerror(-b->fd));
		return b->fd;
	}
	ret = add_file(b->out, IMG_FD_UVERBS, 0, b->fd);
	if (ret)
		return ret;
	ret = uverbs_get_context(b->fd, &vectors);
	if (!ret && vectors < b->dump->num_comp_vectors)
		pr_warn("device %s has %u completion vectors, %s had %u", b->device->name, vectors,
			b->dump->ib_name, b->dump->num_comp_vectors);
	if (!ret)
		ret = rxe_client_restore_begin(b->fd, b->dump->watch);
	if (ret)
		pr_err("can't start to restore a context on %s: %s", b->device->name,
		       strerror(-ret));
	return ret;
}

int build_context(const struct img_ctx_view *view, const struct img_fd *fds, size_t nr_fds,
		  const struct rxe_device *device, struct built *out)
{
	struct build b = { .device = device, .dump = view->dump, .fds = fds, .nr_fds = nr_fds,
			   .out = out };
	const char *why;
	int ret;

	*out = (struct built){ 0 };
	ret = img_index_handles(view->dump, &b.table, &why);
	if (ret) {
		pr_err("the image of context %u can't be used: %s", view->ctx->context,
		       ret == -EINVAL ? why : strerror(-ret));
		return ret;
	}
	ret = open_context(&b);
	if (!ret)
		ret = build_files(&b);
	if (!ret)
		ret = build_objects(&b);
	if (!ret)
		ret = build_events(&b);
	free(b.table);
	if (ret)
		built_free(out);
	return ret;
}

void built_free(struct built *built)
{
	size_t i;

	for (i = 0; i < built->nr_files; i++)
		if (built->files[i].fd >= 0)
			close(built->files[i].fd);
	free(built->files);
	free(built->queues);
	*built = (struct built){ 0 };
}
