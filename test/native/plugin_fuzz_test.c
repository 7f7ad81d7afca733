// SPDX-License-Identifier: GPL-2.0
/*
 * The plugin's image reader on images that were damaged at random, from a seed
 * that is printed.  As a program of its own, a fixed number of them:
 *   cc -fsanitize=address,undefined -I native/include -I native/criu-plugin
 *     test/native/plugin_fuzz_test.c native/criu-plugin/image.c
 *   ./a.out [SEED [RUNS]]
 * or with a fuzzer that looks for paths not taken yet, for as long as wanted:
 *   ./a.out --image >CORPUS/whole
 *   clang -DROAM_LIBFUZZER -fsanitize=fuzzer,address,undefined ... ; ./a.out CORPUS
 */
#undef NDEBUG
#include <errno.h>
#include <stdio.h>

#include "plugin_image.h"

static volatile unsigned int sum;

/* Every byte that a restore may look at. */
static void read_all(const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len--)
		sum += *p++;
}

/* What a restore takes for granted of an image that was accepted. */
static void use(const struct img_ctx_view *view, const struct roam_rxe_rec **table)
{
	const struct roam_rxe_rec *rec;
	uint32_t n = 0;

	for (rec = img_next_record(view->dump, NULL); rec; rec = img_next_record(view->dump, rec)) {
		const struct roam_rxe_qp *qp = (const void *)rec;

		read_all(rec, rec->len);
		n++;
		if (!table || rec->type != ROAM_RXE_T_QP)
			continue;
		assert(table[rec->handle] == rec);
		assert(table[qp->pd_handle]->type == ROAM_RXE_T_PD);
		assert(table[qp->send_cq]->type == ROAM_RXE_T_CQ);
		assert(table[qp->recv_cq]->type == ROAM_RXE_T_CQ);
		assert(sizeof(*qp) + (uint64_t)qp->res_count * sizeof(struct roam_rxe_res) <= rec->len);
	}
	assert(n == view->dump->count);
	read_all(view->ctx->uverbs, strlen(view->ctx->uverbs));
	read_all(view->dump->ib_name, strlen(view->dump->ib_name));
}

/* True if it was accepted. */
static int check(const void *data, size_t len)
{
	const struct roam_rxe_rec **table = NULL;
	struct img_ctx_view view;
	const char *why = NULL;
	/* A copy of its own: malloc aligns it, and its end is guarded. */
	void *copy = malloc(len ? len : 1);
	int ret;

	assert(copy);
	memcpy(copy, data, len);
	ret = img_check_fd(copy, len, &why);
	assert(ret == 0 || (ret == -EINVAL && why && why[0]));
	why = NULL;
	ret = img_check_ctx(copy, len, &view, &why);
	if (!ret)
		ret = img_index_handles(view.dump, &table, &why);
	/* refused with its reason */
	assert(ret == 0 || (ret == -EINVAL && why && why[0]));
	if (!ret)
		use(&view, table);
	free(table);
	free(copy);
	return !ret;
}

/* Lets damage pass that would be seen at once: all but what is looked for. */
static void mend(unsigned char *data, size_t len)
{
	struct roam_rxe_dump_hdr dump;
	struct img_ctx ctx;

	if (len < sizeof(ctx) + sizeof(dump))
		return;
	memcpy(&ctx, data, sizeof(ctx));
	memcpy(&dump, data + sizeof(ctx), sizeof(dump));
	ctx.hdr = (struct img_hdr){ IMG_CTX_MAGIC, IMG_VERSION, len };
	ctx.dump_len = len - sizeof(ctx);
	memcpy(ctx.uverbs, "uverbs0", 8);
	dump.magic = ROAM_RXE_DUMP_MAGIC;
	dump.version = ROAM_RXE_DUMP_VERSION;
	dump.len = ctx.dump_len;
	memcpy(dump.ib_name, "rxe0", 5);
	memcpy(data, &ctx, sizeof(ctx));
	memcpy(data + sizeof(ctx), &dump, sizeof(dump));
}

#ifdef ROAM_LIBFUZZER

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	unsigned char *mended = malloc(len ? len : 1);

	check(data, len);
	memcpy(mended, data, len);
	mend(mended, len);
	check(mended, len);
	free(mended);
	return 0;
}

#else

static uint64_t state;

static uint32_t below(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32) % n;
}

static uint32_t odd(void)
{
	static const uint32_t values[] = { 0, 1, 2, 7, 8, 9, 23, 24, 25, 0x7fffffff, 0x80000000,
					   0xfffffff8, 0xffffffff };

	return below(2) ? values[below(sizeof(values) / sizeof(values[0]))] : below(600);
}

static void damage(struct buffer *b)
{
	uint32_t n = 1 + below(4), value, at, from;

	while (n--) {
		value = odd();
		at = below(b->len);
		switch (below(8)) {
		case 0:
			b->data[at] ^= 1u << below(8);
			break;
		case 1:
			/* a part in the place of another */
			at &= ~7u;
			from = below(b->len) & ~7u;
			memmove(b->data + at, b->data + from,
				below(b->len - (at > from ? at : from)));
			break;
		case 2:
			b->len = at ? at : 1;
			break;
		default:
			at &= ~3u;
			if (at + 4 <= b->len)
				memcpy(b->data + at, &value, 4);
		}
	}
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	unsigned long runs = argc > 2 ? strtoul(argv[2], NULL, 0) : 100000, i, accepted = 0;
	struct buffer whole = make_image();

	if (argc > 1 && !strcmp(argv[1], "--image"))
		return fwrite(whole.data, 1, whole.len, stdout) != whole.len;
	state = seed ? seed : 1;
	assert(check(whole.data, whole.len));
	for (i = 0; i < runs; i++) {
		struct buffer b = { 0 };

		append(&b, whole.data, whole.len);
		damage(&b);
		if (below(8))
			mend(b.data, b.len);
		accepted += check(b.data, b.len);
		free(b.data);
	}
	free(whole.data);
	printf("plugin image reader: seed %lu, %lu damaged images, %lu of them readable\n", seed, runs,
	       accepted);
	/* or the damage is such that nothing behind the first check is reached */
	assert(accepted && accepted < runs);
	return 0;
}

#endif
