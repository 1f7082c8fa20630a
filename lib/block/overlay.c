/* SPDX-License-Identifier: Apache-2.0 */
#include "overlay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "checked.h"
#include "err.h"

bool overlay_present(const struct overlay *o, uint64_t cluster)
{
	uint64_t word = atomic_load_explicit(&o->present[cluster / 64], memory_order_acquire);

	return word >> cluster % 64 & 1;
}

uint64_t overlay_cluster_end(const struct overlay *o, uint64_t off)
{
	uint64_t end = align_down(off, o->cluster_bytes) + o->cluster_bytes;

	return end < o->b.bytes ? end : o->b.bytes;
}

uint64_t overlay_run(const struct overlay *o, uint64_t off, uint64_t len, bool *there)
{
	uint64_t at = off;

	*there = overlay_present(o, off / o->cluster_bytes);
	while (at < off + len && overlay_present(o, at / o->cluster_bytes) == *there)
		at = overlay_cluster_end(o, at);
	return at < off + len ? at - off : len;
}

void overlay_set_present(struct overlay *o, uint64_t off, uint64_t len)
{
	for (uint64_t at = off; at < off + len; at = overlay_cluster_end(o, at)) {
		uint64_t cluster = at / o->cluster_bytes;

		atomic_fetch_or(&o->present[cluster / 64], 1ull << cluster % 64);
		/* after the bit: who finds the page clean finds nothing to write */
		if (o->page)
			atomic_store(&o->page[cluster / 8 / OVERLAY_PAGE], PAGE_DIRTY);
	}
}

int overlay_base_read(struct overlay *o, uint64_t off, void *buf, uint64_t len, uint32_t flags)
{
	int rc;

	if (flags & BLOCK_NOW && atomic_load_explicit(&o->base_blocks, memory_order_relaxed))
		return -EAGAIN;
	rc = o->base->ops->rw(o->base, BLOCK_READ, off, buf, len, flags & BLOCK_NOW);
	if (rc != -EOPNOTSUPP || !(flags & BLOCK_NOW))
		return rc;
	atomic_store_explicit(&o->base_blocks, true, memory_order_relaxed);
	return -EAGAIN;
}

static int overlay_read(struct overlay *o, uint64_t off, uint8_t *buf, uint64_t len, uint32_t flags)
{
	int rc = 0;

	while (len && !rc) {
		bool there;
		uint64_t n = overlay_run(o, off, len, &there);

		rc = there ? top_rw(o, BLOCK_READ, off, buf, n, flags) : overlay_base_read(o, off, buf, n, flags);
		off += n;
		buf += n;
		len -= n;
	}
	return rc;
}

static int op_rw(struct block_backend *b, enum block_op op, uint64_t off, void *buf, size_t len, uint32_t flags)
{
	struct overlay *o = (struct overlay *)b;

	return op == BLOCK_READ ? overlay_read(o, off, buf, len, flags) : overlay_write(o, off, buf, len, flags);
}

static int op_flush(struct block_backend *b)
{
	struct overlay *o = (struct overlay *)b;

	return o->fd < 0 ? 0 : top_file_flush(o);
}

static int op_zero(struct block_backend *b, uint64_t off, uint64_t len, uint32_t flags)
{
	int rc = overlay_zero((struct overlay *)b, off, len, flags);

	return rc || !(flags & BLOCK_SYNC) ? rc : op_flush(b);
}

static int op_discard(struct block_backend *b, uint64_t off, uint64_t len, uint32_t flags)
{
	int rc = overlay_discard((struct overlay *)b, off, len);

	return rc || !(flags & BLOCK_SYNC) ? rc : op_flush(b);
}

static int op_rebind(struct block_backend *b, int fd)
{
	struct block_backend *base = ((struct overlay *)b)->base;

	return base->ops->rebind(base, fd);
}

static void op_close(struct block_backend *b)
{
	struct overlay *o = (struct overlay *)b;

	top_close(o);
	o->base->ops->close(o->base);
	pthread_mutex_destroy(&o->lock);
	pthread_mutex_destroy(&o->flush_lock);
	free(o->present);
	free(o->written);
	free(o->page);
	free(o->merge);
	free(o);
}

static const struct block_ops overlay_ops = {
	.rw = op_rw,
	.flush = op_flush,
	.zero = op_zero,
	.discard = op_discard,
	.rebind = op_rebind,
	.close = op_close,
};

int overlay_lay_out(struct overlay_layout *l, uint64_t bytes, uint32_t cluster_bytes)
{
	uint64_t whole;

	if (align_up_wraps(bytes, cluster_bytes, &whole) || whole > INT64_MAX / 2)
		return -EOVERFLOW;
	l->clusters = whole / cluster_bytes;
	/* cannot wrap: far below `whole` and a page */
	l->bitmap_bytes = align_down(l->clusters / 8 + OVERLAY_PAGE, OVERLAY_PAGE);
	l->data_off = OVERLAY_PAGE + l->bitmap_bytes;
	l->file_bytes = l->data_off + whole;
	return 0;
}

int block_overlay(struct block_backend **out, struct block_backend *base, int top_fd, const char *object,
	struct ukvmm_err *err)
{
	struct overlay *o = calloc(1, sizeof *o);
	int rc;

	if (!o) {
		base->ops->close(base);
		return err_set(err, -ENOMEM, "calloc", object, "out of memory");
	}
	pthread_mutex_init(&o->lock, NULL);
	pthread_mutex_init(&o->flush_lock, NULL);
	o->base = base;
	o->fd = -1;
	o->b = (struct block_backend){ .ops = &overlay_ops, .bytes = base->bytes, .can_discard = true,
		.flush_free = top_fd < 0, .fds = base->fds + (top_fd >= 0), .ring_fd = -1, .ring_slot = -1 };
	rc = top_open(o, top_fd, object, err);
	if (!rc) {
		o->merge = aligned_alloc(OVERLAY_PAGE, o->cluster_bytes);
		rc = o->merge ? 0 : err_set(err, -ENOMEM, "aligned_alloc", object, "out of memory");
	}
	if (rc) {
		op_close(&o->b);
		return rc;
	}
	*out = &o->b;
	return 0;
}
