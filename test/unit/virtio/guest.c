/* SPDX-License-Identifier: Apache-2.0 */
#include "guest.h"

#include <string.h>

static void on_interrupt(void *ctx)
{
	struct guest *g = ctx;

	g->interrupts++;
}

static void on_kick(void *ctx, uint32_t q)
{
	struct guest *g = ctx;

	g->kicks[q]++;
}

static void on_driver_ok(void *ctx, uint64_t features)
{
	struct guest *g = ctx;

	g->driver_oks++;
	g->features = features;
}

static void on_reset(void *ctx)
{
	struct guest *g = ctx;

	g->resets++;
}

static void on_broken(void *ctx, const char *reason)
{
	struct guest *g = ctx;

	g->brokens++;
	g->reason = reason;
}

static const struct virtio_host host = {
	.interrupt = on_interrupt,
	.kick = on_kick,
	.driver_ok = on_driver_ok,
	.reset = on_reset,
	.broken = on_broken,
};

static void device_new(struct guest *g, uint32_t queues, uint64_t device_features,
	const struct virtio_host *machine, void *ctx)
{
	struct virtio_config config = {
		.virtio_id = 63,
		.queues = queues,
		.config_bytes = CONFIG_BYTES,
		.features = device_features,
		.mem = &g->mem,
		.host = machine,
		.ctx = ctx,
	};

	assert_int_equal(virtio_dev_new(&g->dev, &config), 0);
}

static void memory_new(struct guest *g)
{
	memset(g, 0, sizeof *g);
	assert_int_equal(mem_reserve(&g->mem, LOW_BYTES + HIGH_BYTES, LOW_BYTES, HIGH_BASE), 0);
	assert_int_equal(mem_back(&g->mem, MEM_HUGE_OFF), 0);
}

void guest_init(struct guest *g, uint32_t queues, uint64_t device_features)
{
	memory_new(g);
	device_new(g, queues, device_features, &host, g);
}

void guest_init_host(struct guest *g, uint32_t queues, const struct virtio_host *machine, void *ctx)
{
	memory_new(g);
	device_new(g, queues, 0, machine, ctx);
}

/* The rings, and the buffers of tests that clone. */
enum { USED_BYTES = 0x50000 };
static const uint64_t used_memory[] = { 0, BUFFERS, HIGH_BASE };

void guest_clone(struct guest *g, const struct guest *from, uint32_t queues, uint64_t device_features)
{
	guest_init(g, queues, device_features);
	for (uint32_t i = 0; i < 3; i++)
		memcpy(guest_at(g, used_memory[i], USED_BYTES),
			mem_ptr(&from->mem, used_memory[i], USED_BYTES), USED_BYTES);
	memcpy(g->q, from->q, sizeof g->q);
}

void assert_same_memory(struct guest *a, struct guest *b)
{
	for (uint32_t i = 0; i < 3; i++)
		assert_memory_equal(guest_at(a, used_memory[i], USED_BYTES),
			guest_at(b, used_memory[i], USED_BYTES), USED_BYTES);
}

void guest_fini(struct guest *g)
{
	virtio_dev_free(g->dev);
	mem_fini(&g->mem);
}

uint32_t reg_get(struct guest *g, uint64_t off)
{
	return (uint32_t)virtio_mmio_read(g->dev, off, 4);
}

void reg_set(struct guest *g, uint64_t off, uint32_t value)
{
	virtio_mmio_write(g->dev, off, 4, value);
}

uint64_t count_of(const struct guest *g, enum virtio_violation why)
{
	return virtio_dev_violations_of(g->dev, why);
}

void guest_negotiate(struct guest *g, uint64_t features)
{
	reg_set(g, REG_STATUS, 0);
	virtio_dev_reset_done(g->dev);
	reg_set(g, REG_STATUS, ACK);
	reg_set(g, REG_STATUS, DRV);
	for (uint32_t i = 0; i < 2; i++) {
		reg_set(g, REG_DRIVER_FEATURES_SEL, i);
		reg_set(g, REG_DRIVER_FEATURES, (uint32_t)(features >> (32 * i)));
	}
	reg_set(g, REG_STATUS, FOK);
	assert_int_equal(reg_get(g, REG_STATUS), FOK);
}

void bring_to(struct guest *g, uint32_t status)
{
	static const uint32_t steps[] = { ACK, DRV, FOK, DOK };

	reg_set(g, REG_STATUS, 0);
	virtio_dev_reset_done(g->dev);
	for (uint32_t i = 0; i < 4 && (status & ~128u) >= steps[i]; i++)
		reg_set(g, REG_STATUS, steps[i]);
	if (status & 128)
		reg_set(g, REG_STATUS, status);
	assert_int_equal(reg_get(g, REG_STATUS), status);
}

static void queue_address(struct guest *g, uint64_t reg, uint64_t gpa)
{
	reg_set(g, reg, (uint32_t)gpa);
	reg_set(g, reg + 4, (uint32_t)(gpa >> 32));
}

void guest_queue_place(struct guest *g, uint32_t q, uint32_t size)
{
	uint64_t base = 0x10000 + 0x10000ull * q;

	g->q[q] = (struct guest_queue){ size, base, base + 0x5000, HIGH_BASE + base, 0, 0 };
	memset(guest_at(g, base, 0x8000), 0, 0x8000);
	memset(guest_at(g, HIGH_BASE + base, 0x8000), 0, 0x8000);
	reg_set(g, REG_QUEUE_SEL, q);
	reg_set(g, REG_QUEUE_NUM, size);
	queue_address(g, REG_QUEUE_DESC_LOW, g->q[q].desc);
	queue_address(g, REG_QUEUE_DRIVER_LOW, g->q[q].avail);
	queue_address(g, REG_QUEUE_DEVICE_LOW, g->q[q].used);
}

void guest_queue_up(struct guest *g, uint32_t q, uint32_t size)
{
	guest_queue_place(g, q, size);
	reg_set(g, REG_QUEUE_READY, 1);
	assert_int_equal(reg_get(g, REG_QUEUE_READY), 1);
}

void guest_up(struct guest *g, uint32_t queues, uint32_t size, uint64_t features)
{
	guest_negotiate(g, features);
	for (uint32_t i = 0; i < queues; i++)
		guest_queue_up(g, i, size);
	reg_set(g, REG_STATUS, DOK);
	assert_int_equal(reg_get(g, REG_STATUS), DOK);
}

void guest_desc_at(struct guest *g, uint64_t table, uint32_t i, uint64_t addr, uint32_t len,
	uint16_t flags, uint16_t next)
{
	struct ring_desc desc = { addr, len, flags, next };

	memcpy(guest_at(g, table + 16ull * i, 16), &desc, sizeof desc);
}

void guest_desc(struct guest *g, uint32_t q, uint32_t i, uint64_t addr, uint32_t len,
	uint16_t flags, uint16_t next)
{
	guest_desc_at(g, g->q[q].desc, i, addr, len, flags, next);
}

static struct ring_avail *avail(struct guest *g, uint32_t q)
{
	return guest_at(g, g->q[q].avail, 6 + 2 * g->q[q].size);
}

static struct ring_used *used(struct guest *g, uint32_t q)
{
	return guest_at(g, g->q[q].used, 6 + 8 * g->q[q].size);
}

void guest_offer(struct guest *g, uint32_t q, uint16_t head)
{
	struct guest_queue *gq = &g->q[q];

	atomic_store_explicit(
		&avail(g, q)->ring[gq->avail_idx & (gq->size - 1)], head, memory_order_relaxed);
	gq->avail_idx++;
	atomic_store_explicit(&avail(g, q)->idx, gq->avail_idx, memory_order_release);
}

void guest_notify(struct guest *g, uint32_t q)
{
	reg_set(g, REG_QUEUE_NOTIFY, q);
}

bool guest_take(struct guest *g, uint32_t q, uint32_t *id, uint32_t *len)
{
	struct guest_queue *gq = &g->q[q];
	struct ring_used *u = used(g, q);

	if (atomic_load_explicit(&u->idx, memory_order_acquire) == gq->used_idx)
		return false;
	*id = u->ring[gq->used_idx & (gq->size - 1)].id;
	*len = u->ring[gq->used_idx & (gq->size - 1)].len;
	gq->used_idx++;
	return true;
}

void *guest_at(struct guest *g, uint64_t gpa, uint64_t len)
{
	void *p = mem_ptr(&g->mem, gpa, len);

	assert_non_null(p);
	return p;
}

uint16_t guest_avail_event(struct guest *g, uint32_t q)
{
	return *(_Atomic uint16_t *)guest_at(g, g->q[q].used + 4 + 8 * g->q[q].size, 2);
}

void guest_used_event(struct guest *g, uint32_t q, uint16_t value)
{
	*(_Atomic uint16_t *)guest_at(g, g->q[q].avail + 4 + 2 * g->q[q].size, 2) = value;
}

uint16_t guest_used_flags(struct guest *g, uint32_t q)
{
	return used(g, q)->flags;
}

void guest_avail_flags(struct guest *g, uint32_t q, uint16_t value)
{
	avail(g, q)->flags = value;
}

struct ukvmm_chain *pop(struct guest *g, uint32_t q)
{
	return ukvmm_queue_pop(virtio_dev_queue(g->dev, q));
}

void push(struct guest *g, uint32_t q, struct ukvmm_chain *chain)
{
	ukvmm_queue_push(virtio_dev_queue(g->dev, q), chain);
}

void notify(struct guest *g, uint32_t q)
{
	ukvmm_queue_notify(virtio_dev_queue(g->dev, q));
}
