/* SPDX-License-Identifier: Apache-2.0 */
/* Hypercalls: which one it is, and how their structures and buffers are reached. */
#include "hvt_internal.h"

#include <time.h>

#include "checked.h"

bool hvt_may_write(const struct hvt *h, uint64_t gpa, uint64_t len)
{
	if (gpa < HVT_LOW_END)
		return false;
	for (uint32_t i = 0; i < h->ranges; i++)
		if (overlaps(gpa, len, h->read_only[i].gpa, h->read_only[i].len))
			return false;
	return true;
}

bool hvt_args_read(struct hvt *h, struct hvt_args *args, void *copy, size_t len)
{
	if (args->gpa >= HVT_LOW_END && !mem_read(h->mem, args->gpa, copy, len))
		return true;
	args->why = "its structure is not in memory";
	return false;
}

bool hvt_args_take(struct hvt *h, struct hvt_args *args, void *copy, size_t len)
{
	if (hvt_may_write(h, args->gpa, len) && !mem_read(h->mem, args->gpa, copy, len))
		return true;
	args->why = "its structure is not in writable memory";
	return false;
}

void hvt_args_give(struct hvt *h, const struct hvt_args *args, size_t at, const void *value, size_t len)
{
	mem_write(h->mem, args->gpa + at, value, len); /* hvt_args_take has found it in memory */
}

void *hvt_buffer(struct hvt *h, struct hvt_args *args, uint64_t gpa, uint64_t len, bool written)
{
	void *p = mem_ptr(h->mem, gpa, len);

	if (p && written && !hvt_may_write(h, gpa, len))
		p = NULL;
	if (!p)
		args->why = written ? "its buffer is not in writable memory" : "its buffer is not in memory";
	return p;
}

static void walltime(struct hvt *h, struct hvt_args *args)
{
	struct timespec t;
	uint64_t ns;

	if (!hvt_args_take(h, args, &ns, sizeof ns))
		return;
	clock_gettime(CLOCK_REALTIME, &t);
	ns = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
	hvt_args_give(h, args, 0, &ns, sizeof ns);
}

static void puts_call(struct hvt *h, struct hvt_args *args)
{
	struct {
		uint64_t data, len;
	} a;
	const void *text;

	if (!hvt_args_read(h, args, &a, sizeof a) || !a.len)
		return;
	text = hvt_buffer(h, args, a.data, a.len, false);
	if (text)
		h->host.output(h->ctx, text, a.len);
}

/* The cookie, a hint where a trap frame may be found, is of no use here. */
static void halt(struct hvt *h, struct hvt_args *args, int32_t *status)
{
	struct {
		uint64_t cookie;
		int32_t status, padding;
	} a = { 0 };

	if (hvt_args_read(h, args, &a, sizeof a))
		*status = a.status;
	for (uint32_t i = 0; i < HVT_HANDLES; i++)
		hvt_block_flush(&h->block[i]);
}

static enum hvt_result call_do(struct hvt *h, uint32_t call, struct hvt_args *args, int32_t *status)
{
	switch (call) {
	case WALLTIME:
		walltime(h, args);
		return HVT_DONE;
	case PUTS:
		puts_call(h, args);
		return HVT_DONE;
	case POLL:
		hvt_poll_begin(h, args);
		return h->open.call ? HVT_WAITS : HVT_DONE;
	case BLOCK_WRITE_CALL:
		return hvt_block_rw(h, args, BLOCK_WRITE);
	case BLOCK_READ_CALL:
		return hvt_block_rw(h, args, BLOCK_READ);
	case NET_WRITE:
		return hvt_net_write(h, args);
	case NET_READ:
		hvt_net_read(h, args);
		return HVT_DONE;
	case HALT:
		halt(h, args, status);
		return HVT_HALTED;
	default:
		args->why = "there is no such call";
		return HVT_BROKEN;
	}
}

static enum hvt_result judge(struct hvt *h, const struct hvt_args *args, enum hvt_result result, const char **why)
{
	*why = args->why;
	if (result != HVT_WAITS || args->why)
		h->open.call = 0;
	if (!args->why)
		return result;
	atomic_fetch_add_explicit(&h->violations, 1, memory_order_relaxed);
	return HVT_BROKEN;
}

enum hvt_result hvt_call(struct hvt *h, uint32_t call, uint64_t gpa, int32_t *status, const char **why)
{
	struct hvt_args args = { .gpa = gpa };

	h->open.call = 0;
	h->open.done = 0;
	h->open.paid = false;
	return judge(h, &args, call_do(h, call, &args, status), why);
}

enum hvt_result hvt_leave_open(struct hvt *h, uint32_t call, const struct hvt_args *args, uint64_t at)
{
	h->open.call = call;
	h->open.gpa = args->gpa;
	h->open.at = at;
	return HVT_WAITS;
}

uint32_t hvt_open(const struct hvt *h)
{
	return h->open.call;
}

enum hvt_result hvt_continue(struct hvt *h, const char **why)
{
	struct hvt_args args = { .gpa = h->open.gpa };
	bool changed = atomic_exchange(&h->limits_changed, false);
	int32_t status;

	*why = NULL;
	if (!h->open.call)
		return HVT_DONE;
	if (h->open.call == POLL)
		return hvt_poll_try(h) ? HVT_DONE : HVT_WAITS;
	if (!changed && h->host.now(h->ctx) < h->open.at)
		return HVT_WAITS;
	return judge(h, &args, call_do(h, h->open.call, &args, &status), why);
}
