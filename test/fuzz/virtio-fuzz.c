/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a program for a driver and a device: register accesses, stores to guest memory, pops, copies
 * and pushes, resets, saves and loads of damaged states. Some operations are short cuts that keep the rings
 * in order, so that the fuzzer gets past the first check. What must hold is asserted after each.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cursor.h"
#include "virtio.h"
#include "virtio_reg.h"

enum { LOW = 0x10000, HIGH = 0x10000, QUEUES = 2, HELD = 16, STEPS = 4000 };
#define HIGH_AT 0x100000ull

struct fuzz {
	struct mem mem;
	struct virtio_dev *dev;
	struct reader in;
	struct {
		struct ukvmm_chain *chain;
		uint32_t q;
	} held[HELD];
	uint16_t avail_idx[QUEUES];
	uint32_t size[QUEUES];
	bool resetting, live, broken;
};

#define CHECK(x) ((x) ? (void)0 : abort())

static void on_interrupt(void *ctx)
{
	struct fuzz *f = ctx;

	CHECK(f->dev);
}

static void on_kick(void *ctx, uint32_t q)
{
	struct fuzz *f = ctx;

	CHECK(q < QUEUES && !f->resetting);
}

static void on_driver_ok(void *ctx, uint64_t features)
{
	struct fuzz *f = ctx;
	uint64_t offered = 0x7 | FEATURE_VERSION_1 | FEATURE_EVENT_IDX | FEATURE_INDIRECT_DESC;

	CHECK(!f->resetting && !(features & ~offered));
}

static void on_reset(void *ctx)
{
	struct fuzz *f = ctx;

	CHECK(!f->resetting);
	f->resetting = true;
	f->broken = false;
}

static void on_broken(void *ctx, const char *reason)
{
	struct fuzz *f = ctx;

	CHECK(*reason);
	f->broken = true;
}

static const struct virtio_host host = { on_interrupt, on_kick, on_driver_ok, on_reset, on_broken };

static uint32_t reg_get(struct fuzz *f, uint64_t off)
{
	return (uint32_t)virtio_mmio_read(f->dev, off, 4);
}

static void reg_set(struct fuzz *f, uint64_t off, uint32_t value)
{
	virtio_mmio_write(f->dev, off, 4, value);
}

static uint32_t held_count(const struct fuzz *f)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < HELD; i++)
		n += f->held[i].chain != NULL;
	return n;
}

static void reset_done(struct fuzz *f)
{
	if (!f->resetting)
		return;
	memset(f->held, 0, sizeof f->held);
	f->resetting = false;
	virtio_dev_reset_done(f->dev);
	CHECK(!virtio_dev_in_flight(f->dev));
}

static uint64_t ring_at(uint32_t q, uint32_t which)
{
	return 0x1000 + 0x3000ull * q + 0x1000 * which;
}

static void bring_up(struct fuzz *f)
{
	const uint32_t status[] = { 0, 1, 3 };
	uint8_t how = reader_u8(&f->in);

	for (uint32_t i = 0; i < 3; i++)
		reg_set(f, REG_STATUS, status[i]);
	if (how & 1)
		reset_done(f);
	reg_set(f, REG_DRIVER_FEATURES_SEL, 0);
	reg_set(f, REG_DRIVER_FEATURES, (uint32_t)(how >> 1 & 3) << 28);
	reg_set(f, REG_STATUS, 11);
	for (uint32_t q = 0; q < QUEUES; q++) {
		f->avail_idx[q] = 0;
		f->size[q] = 1u << (how >> 3 & 7);
		reg_set(f, REG_QUEUE_SEL, q);
		reg_set(f, REG_QUEUE_NUM, f->size[q]);
		for (uint32_t r = 0; r < 3; r++)
			reg_set(f, REG_QUEUE_DESC_LOW + 0x10 * r, (uint32_t)ring_at(q, r));
		reg_set(f, REG_QUEUE_READY, 1);
	}
	reg_set(f, REG_STATUS, 15);
}

static uint64_t any_gpa(struct fuzz *f)
{
	uint16_t v = reader_u16(&f->in);

	switch (reader_u8(&f->in) & 3) {
	case 0:
		return v;
	case 1:
		return HIGH_AT + v;
	case 2:
		return 0x8000 + (v & 0x7f0u); /* a place for indirect tables */
	default:
		return (uint64_t)(int64_t)(int16_t)v;
	}
}

static void store(struct fuzz *f)
{
	uint8_t bytes[32];
	uint32_t len = reader_u8(&f->in) % 32;

	if (reader_bytes(&f->in, bytes, len))
		mem_write(&f->mem, any_gpa(f), bytes, len);
}

static void store_desc(struct fuzz *f)
{
	uint8_t where = reader_u8(&f->in);
	struct ring_desc desc = { .addr = any_gpa(f) };
	uint64_t at = where & 1 ? ring_at(where >> 1 & 1, 0) : 0x8000;

	desc.len = where & 8 ? reader_u32(&f->in) : reader_u8(&f->in);
	desc.flags = reader_u8(&f->in);
	desc.next = reader_u8(&f->in);
	if (desc.flags & DESC_INDIRECT && where & 4)
		desc.len *= 16;
	mem_write(&f->mem, at + 16ull * (where >> 4), &desc, sizeof desc);
}

static void offer(struct fuzz *f)
{
	uint8_t what = reader_u8(&f->in);
	uint32_t q = what & 1;
	uint16_t head = what >> 1;

	if (!f->size[q])
		return;
	mem_write(&f->mem, ring_at(q, 1) + 4 + 2ull * (f->avail_idx[q] & (f->size[q] - 1)), &head, 2);
	f->avail_idx[q]++;
	mem_write(&f->mem, ring_at(q, 1) + 2, &f->avail_idx[q], 2);
}

/* A chain of up to 1024 descriptors: four of these fill a queue's pool. */
static void offer_long(struct fuzz *f)
{
	uint32_t n = reader_u16(&f->in) % 1026;
	struct ring_desc desc = { .addr = 0xc000, .len = 1 };
	struct ring_desc head = { .addr = 0x8000, .len = 16 * n, .flags = DESC_INDIRECT };

	for (uint32_t i = 0; i < n; i++) {
		desc.flags = i + 1 < n ? DESC_NEXT : 0;
		desc.next = (uint16_t)(i + 1);
		mem_write(&f->mem, 0x8000 + 16ull * i, &desc, sizeof desc);
	}
	mem_write(&f->mem, ring_at(0, 0) + 16ull * (reader_u8(&f->in) & 15), &head, sizeof head);
	offer(f);
}

static void pop(struct fuzz *f)
{
	uint8_t what = reader_u8(&f->in);
	uint32_t q = what & 1, i = what >> 1 & (HELD - 1);
	struct ukvmm_chain *chain;

	if (f->held[i].chain)
		return;
	chain = ukvmm_queue_pop(virtio_dev_queue(f->dev, q));
	if (!chain)
		return;
	CHECK(!f->resetting && !f->broken);
	CHECK(ukvmm_chain_readable(chain) <= UINT32_MAX && ukvmm_chain_writable(chain) <= UINT32_MAX);
	CHECK(ukvmm_chain_readable(chain) + ukvmm_chain_writable(chain) > 0);
	for (uint32_t h = 0; h < HELD; h++)
		CHECK(f->held[h].chain != chain);
	f->held[i].chain = chain;
	f->held[i].q = q;
}

static void copy(struct fuzz *f)
{
	static uint8_t buf[0x8000];
	uint8_t what = reader_u8(&f->in);
	struct ukvmm_chain *chain = f->held[what >> 1 & (HELD - 1)].chain;
	uint16_t len = reader_u16(&f->in) & 0x7fff;
	uint64_t left;
	int64_t n;

	if (!chain)
		return;
	memset(buf, what, len);
	left = what & 1 ? ukvmm_chain_writable(chain) : ukvmm_chain_readable(chain);
	n = what & 1 ? ukvmm_chain_write(chain, buf, len) : ukvmm_chain_read(chain, buf, len);
	CHECK(n == (int64_t)(left < len ? left : len));
	CHECK((what & 1 ? ukvmm_chain_writable(chain) : ukvmm_chain_readable(chain)) == left - (uint64_t)n);
}

static void push(struct fuzz *f)
{
	uint8_t what = reader_u8(&f->in);
	uint32_t i = what >> 1 & (HELD - 1);
	struct ukvmm_queue *queue = virtio_dev_queue(f->dev, f->held[i].q);

	if (f->held[i].chain)
		ukvmm_queue_push(queue, f->held[i].chain);
	f->held[i].chain = NULL;
	if (what & 1)
		ukvmm_queue_notify(queue);
}

static int walk(struct fuzz *f, struct ukvmm_state *s)
{
	int ret = virtio_dev_walk(f->dev, s);

	CHECK((ret == -EBUSY) == (f->resetting || held_count(f)));
	return ret;
}

/* Saves, damages, loads; what was refused has changed nothing, what was loaded is saved alike. */
static void reload(struct fuzz *f)
{
	struct ukvmm_state before, loading, after;
	uint8_t hits = reader_u8(&f->in) & 7;
	bool loaded;

	state_save_init(&before);
	if (walk(f, &before)) {
		state_fini(&before);
		return;
	}
	after = before;
	before.buf = malloc(before.len);
	CHECK(before.buf);
	memcpy(before.buf, after.buf, before.len);
	for (uint8_t i = 0; i < hits; i++)
		after.buf[reader_u16(&f->in) % after.len] ^= reader_u8(&f->in);
	state_load_init(&loading, after.buf, after.len);
	loaded = !walk(f, &loading);
	if (loaded)
		memcpy(before.buf, after.buf, before.len);
	state_fini(&after);
	state_save_init(&after);
	CHECK(!walk(f, &after) && after.len == before.len);
	CHECK(!memcmp(after.buf, before.buf, after.len));
	free(before.buf);
	state_fini(&after);
	f->broken = reg_get(f, REG_STATUS) & STATUS_NEEDS_RESET;
}

static void access_register(struct fuzz *f)
{
	const uint32_t widths[] = { 4, 4, 4, 4, 1, 2, 8, 3 };
	uint8_t how = reader_u8(&f->in);
	uint64_t off = how & 16 ? reader_u16(&f->in) : 4ull * reader_u8(&f->in);
	uint32_t width = widths[how & 7];

	if (how & 8)
		virtio_mmio_write(f->dev, off, width, how & 32 ? reader_u32(&f->in) : reader_u8(&f->in));
	else if (width != 3)
		CHECK(width == 8 || virtio_mmio_read(f->dev, off, width) >> 8 * width == 0);
}

static void step(struct fuzz *f)
{
	uint8_t byte;

	switch (reader_u8(&f->in) % 13) {
	case 0:
		access_register(f);
		break;
	case 1:
		bring_up(f);
		break;
	case 2:
		store(f);
		break;
	case 3:
		store_desc(f);
		break;
	case 4:
		offer(f);
		break;
	case 5:
	case 6:
		pop(f);
		break;
	case 7:
		copy(f);
		break;
	case 8:
		push(f);
		break;
	case 9:
		reset_done(f);
		break;
	case 10:
		reload(f);
		break;
	case 11:
		offer_long(f);
		break;
	default:
		byte = reader_u8(&f->in);
		CHECK(virtio_dev_set_config(f->dev, byte, &byte, 1) == (byte < 13 ? 0 : -EINVAL));
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct fuzz f;
	struct virtio_config config = { .virtio_id = 63, .queues = QUEUES, .config_bytes = 13, .features = 0x7,
		.config_writable = 0x1ff0f, .mem = &f.mem, .host = &host, .ctx = &f };

	memset(&f, 0, sizeof f);
	reader_init(&f.in, data, len);
	CHECK(!mem_reserve(&f.mem, LOW + HIGH, LOW, HIGH_AT) && !mem_back(&f.mem, MEM_HUGE_OFF));
	CHECK(!virtio_dev_new(&f.dev, &config));
	for (uint32_t i = 0; i < STEPS && !f.in.bad && f.in.pos < f.in.len; i++) {
		step(&f);
		CHECK(virtio_dev_in_flight(f.dev) == held_count(&f));
		CHECK(f.broken == !!(reg_get(&f, REG_STATUS) & STATUS_NEEDS_RESET));
		CHECK(reg_get(&f, REG_INTERRUPT_STATUS) <= 3);
	}
	virtio_dev_free(f.dev);
	mem_fini(&f.mem);
	return 0;
}
