/* SPDX-License-Identifier: Apache-2.0 */
/* Disks: a call is one transfer, done before the guest goes on. */
#include "hvt_internal.h"

#include <stddef.h>

#include "checked.h"

struct rw_args {
	uint64_t handle, offset, data, len;
	int32_t ret, padding;
};

static struct hvt_block *block_of(struct hvt *h, uint64_t handle)
{
	return handle < HVT_HANDLES && h->block[handle].backend ? &h->block[handle] : NULL;
}

static bool valid(const struct hvt_block *b, const struct rw_args *a)
{
	return a->len && a->len <= HVT_BLOCK_MAX && !(a->len % BLOCK_SECTOR) && !(a->offset % BLOCK_SECTOR) &&
	       !out_of(a->offset, a->len, b->backend->bytes);
}

static int32_t transfer(struct hvt *h, struct hvt_block *b, enum block_op op, const struct rw_args *a, void *data)
{
	bool write = op == BLOCK_WRITE;

	if (write && b->backend->read_only)
		return SOLO5_EUNSPEC;
	b->dirty |= write;
	if (b->backend->ops->rw(b->backend, op, a->offset, data, a->len, write ? b->flags : 0))
		return SOLO5_EUNSPEC;
	atomic_fetch_add_explicit(write ? &h->write_bytes : &h->read_bytes, a->len, memory_order_relaxed);
	return SOLO5_OK;
}

void hvt_block_rw(struct hvt *h, struct hvt_args *args, enum block_op op)
{
	int32_t ret = SOLO5_EINVAL;
	struct hvt_block *b;
	struct rw_args a;
	void *data;

	if (!hvt_args_take(h, args, &a, sizeof a))
		return;
	b = block_of(h, a.handle);
	if (b && valid(b, &a)) {
		data = hvt_buffer(h, args, a.data, a.len, op == BLOCK_READ);
		if (!data)
			return;
		ret = transfer(h, b, op, &a, data);
	}
	hvt_args_give(h, args, offsetof(struct rw_args, ret), &ret, sizeof ret);
}

/* The interface has no flush: what was written is on the medium when the guest has ended. */
void hvt_block_flush(struct hvt_block *b)
{
	if (b->backend && b->dirty)
		b->backend->ops->flush(b->backend);
	b->dirty = false;
}
