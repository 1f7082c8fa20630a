/* SPDX-License-Identifier: Apache-2.0 */
/* Disks: a call is one transfer, done in steps before the guest goes on. */
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
	return a->len && !(a->len % b->sector) && !(a->offset % b->sector) &&
	       !out_of(a->offset, a->len, b->backend->bytes);
}

static int32_t transfer(struct hvt *h, struct hvt_block *b, enum block_op op, uint64_t offset, void *data, uint64_t len)
{
	bool write = op == BLOCK_WRITE;

	if (write && b->backend->read_only)
		return SOLO5_EUNSPEC;
	b->dirty |= write;
	if (b->backend->ops->rw(b->backend, op, offset, data, len, write ? b->flags : 0))
		return SOLO5_EUNSPEC;
	atomic_fetch_add_explicit(write ? &h->write_bytes : &h->read_bytes, len, memory_order_relaxed);
	return SOLO5_OK;
}

/* The next step. 1: there is another one; 0: *ret is the answer. */
static int step(struct hvt *h, struct hvt_block *b, enum block_op op, const struct rw_args *a, uint8_t *data,
	int32_t *ret)
{
	uint64_t done = h->open.done, len = a->len - done < HVT_BLOCK_STEP ? a->len - done : HVT_BLOCK_STEP;

	*ret = transfer(h, b, op, a->offset + done, data + done, len);
	h->open.done = done + len;
	return *ret == SOLO5_OK && h->open.done < a->len;
}

/* Everything is taken and checked anew at each step: in between, a state may have been loaded. */
enum hvt_result hvt_block_rw(struct hvt *h, struct hvt_args *args, enum block_op op)
{
	uint32_t call = op == BLOCK_WRITE ? BLOCK_WRITE_CALL : BLOCK_READ_CALL;
	int32_t ret = SOLO5_EINVAL;
	struct hvt_block *b;
	struct rw_args a;
	void *data;

	if (!hvt_args_take(h, args, &a, sizeof a))
		return HVT_DONE;
	b = block_of(h, a.handle);
	if (b && valid(b, &a) && h->open.done < a.len) {
		uint64_t at;

		data = hvt_buffer(h, args, a.data, a.len, op == BLOCK_READ);
		if (!data)
			return HVT_DONE;
		at = h->open.paid ? 0 : hvt_limit_take(h, &b->limit, a.len);
		h->open.paid = !at;
		if (at || step(h, b, op, &a, data, &ret))
			return hvt_leave_open(h, call, args, at);
	}
	hvt_args_give(h, args, offsetof(struct rw_args, ret), &ret, sizeof ret);
	return HVT_DONE;
}

/* The interface has no flush: what was written is on the medium when the guest has ended. */
void hvt_block_flush(struct hvt_block *b)
{
	if (b->backend && b->dirty)
		b->backend->ops->flush(b->backend);
	b->dirty = false;
}
