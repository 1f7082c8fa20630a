/* SPDX-License-Identifier: Apache-2.0 */
/* A driver that rewrites everything while the device reads it gets no further than a reset. */
#include "machine.h"

#include <string.h>

enum { CHANGES = 64, CHAINS = 2000 * SCALE, BREAKS = 200 * SCALE };
#define CANARY HIGH_BASE /* right behind low memory in the host's address space */
#define TABLE 0x300000ull

static uint32_t any(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33) % below;
}

/* What refers to a table always does so, though addr and flags may be of two minds: thus no chain writes
 * into what is changed here, and ThreadSanitizer sees races of the library only. */
static void change_desc(struct machine *m, uint64_t *seed, uint64_t gpa, bool to_table)
{
	const uint64_t addrs[] = { BUFFERS, BUFFERS + 0x3000, LOW_BYTES - 16, LOW_BYTES - 1, UINT64_MAX - 8 };
	const uint32_t lens[] = { 1, 16, 16, 64, 4096, 0, UINT32_MAX };
	_Atomic uint64_t *word = guest_at(&m->g, gpa, 16);
	union {
		struct ring_desc desc;
		uint64_t word[2];
	} d = { { addrs[any(seed, 5)], lens[any(seed, 7)], (uint16_t)any(seed, any(seed, 3) ? 4 : 8),
		(uint16_t)any(seed, SIZE + 1) } };

	if (to_table)
		d.desc = (struct ring_desc){ TABLE + 4 * any(seed, 2), 16 * (1 + any(seed, SIZE)),
			(uint16_t)(DESC_INDIRECT | any(seed, 4) / 3), 0 };
	atomic_store_explicit(&word[0], d.word[0], memory_order_relaxed);
	atomic_store_explicit(&word[1], d.word[1], memory_order_relaxed);
}

static void change_ring(struct machine *m, uint64_t *seed)
{
	struct guest_queue *q = &m->g.q[0];
	const uint64_t places[] = { q->avail + 2, q->avail + 4 + 2ull * any(seed, SIZE + 1),
		q->used + 2ull * any(seed, 3 + 4 * SIZE) };

	atomic_store_explicit((_Atomic uint16_t *)guest_at(&m->g, places[any(seed, 3)], 2),
		(uint16_t)any(seed, SIZE + 2), memory_order_relaxed);
}

static void change(struct machine *m, uint64_t *seed)
{
	uint32_t what = any(seed, 8), i = any(seed, SIZE);

	if (what < 3)
		change_desc(m, seed, m->g.q[0].desc + 16ull * i, i >= SIZE - 2);
	else if (what < 5)
		change_desc(m, seed, TABLE + 16ull * i, false);
	else
		change_ring(m, seed);
}

static void *changing_thread(void *arg)
{
	struct machine *m = arg;
	uint64_t seed = 1;

	while (!atomic_load(&m->over))
		for (uint32_t i = 0; i < CHANGES; i++)
			change(m, &seed);
	return NULL;
}

static void handle_chain(struct machine *m, struct ukvmm_chain *chain)
{
	uint64_t readable = ukvmm_chain_readable(chain);
	uint8_t buf[4096]; /* copied without the device's lock */
	int64_t n;

	assert_true(readable <= UINT32_MAX && ukvmm_chain_writable(chain) <= UINT32_MAX);
	n = ukvmm_chain_read(chain, buf, sizeof buf);
	assert_true(n >= 0 && n <= (int64_t)sizeof buf);
	memset(buf, 0xee, sizeof buf);
	for (uint32_t i = 0; i < 16; i++)
		ukvmm_chain_write(chain, buf, i & 1 ? sizeof buf : 64);
	atomic_fetch_add(&m->chains, 1);
	push(&m->g, 0, chain);
	notify(&m->g, 0);
}

static void *hostile_device_thread(void *arg)
{
	struct machine *m = arg;

	while (!atomic_load(&m->over)) {
		struct ukvmm_chain *chain;

		hear(m, &m->kicked);
		if (atomic_exchange(&m->resetting, false))
			virtio_dev_reset_done(m->g.dev);
		for (uint32_t i = 0; i < SIZE && (chain = pop(&m->g, 0)); i++)
			handle_chain(m, chain);
	}
	return NULL;
}

/* As guest_up, but without a hand on memory that the others change. */
static void live_again(struct machine *m, uint64_t *seed)
{
	struct guest_queue *q = &m->g.q[0];
	const uint32_t status[] = { 0, ACK, DRV };
	const uint64_t at[] = { q->desc, q->avail, q->used };

	for (uint32_t i = 0; i < 3; i++)
		reg_set(&m->g, REG_STATUS, status[i]);
	reg_set(&m->g, REG_DRIVER_FEATURES_SEL, 0);
	reg_set(&m->g, REG_DRIVER_FEATURES, any(seed, 4) << 28);
	reg_set(&m->g, REG_STATUS, FOK);
	reg_set(&m->g, REG_QUEUE_NUM, SIZE);
	for (uint32_t i = 0; i < 3; i++) {
		reg_set(&m->g, REG_QUEUE_DESC_LOW + 16 * i, (uint32_t)at[i]);
		reg_set(&m->g, REG_QUEUE_DESC_HIGH + 16 * i, (uint32_t)(at[i] >> 32));
	}
	reg_set(&m->g, REG_QUEUE_READY, 1);
	reg_set(&m->g, REG_STATUS, DOK);
	for (uint32_t i = 0; i < CHANGES; i++) {
		change(m, seed);
		if (i % 8 == 0)
			guest_notify(&m->g, 0);
	}
	reg_set(&m->g, REG_INTERRUPT_ACK, reg_get(&m->g, REG_INTERRUPT_STATUS));
}

static void rewriting_gains_nothing(void **state)
{
	static struct machine m;
	pthread_t changing, device;
	uint8_t canary[MEM_PAGE];
	uint64_t seed = 2;

	(void)state;
	machine_init(&m, FEATURES_ALL);
	memset(canary, 0x5a, sizeof canary);
	memset(guest_at(&m.g, CANARY, MEM_PAGE), 0x5a, MEM_PAGE);
	assert_int_equal(pthread_create(&changing, NULL, changing_thread, &m), 0);
	assert_int_equal(pthread_create(&device, NULL, hostile_device_thread, &m), 0);
	while (atomic_load(&m.chains) < CHAINS || atomic_load(&m.breaks) < BREAKS)
		live_again(&m, &seed);
	machine_over(&m, device);
	pthread_join(changing, NULL);

	assert_memory_equal(guest_at(&m.g, CANARY, MEM_PAGE), canary, MEM_PAGE);
	assert_int_equal(virtio_dev_in_flight(m.g.dev), 0);
	/* and what is left is a device in good order */
	guest_up(&m.g, 1, SIZE, FEATURES_ALL);
	for (uint16_t i = 0; i < SIZE; i++) {
		struct ukvmm_chain *chain;

		guest_desc(&m.g, 0, i, BUFFERS, 16, DESC_WRITE, 0);
		guest_offer(&m.g, 0, i);
		chain = pop(&m.g, 0);
		assert_non_null(chain);
		push(&m.g, 0, chain);
	}
	machine_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rewriting_gains_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
