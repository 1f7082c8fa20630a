/* SPDX-License-Identifier: Apache-2.0 */
/* The registers of queues, in every status: what makes a ring ready, and that it stays so. */
#include "guest.h"

static int setup(void **state)
{
	static struct guest g;

	guest_init(&g, 2, 0x21);
	*state = &g;
	return 0;
}

static int teardown(void **state)
{
	guest_fini(*state);
	return 0;
}

static const uint64_t queue_registers[] = { REG_QUEUE_NUM, REG_QUEUE_DESC_LOW, REG_QUEUE_DESC_HIGH,
	REG_QUEUE_DRIVER_LOW, REG_QUEUE_DRIVER_HIGH, REG_QUEUE_DEVICE_LOW, REG_QUEUE_DEVICE_HIGH };

static void queue_registers_outside_of_features_ok(void **state)
{
	struct guest *g = *state;
	const uint32_t wrong[] = { 0, ACK, DRV, DOK, FOK | 128, DOK | 128 };

	for (uint32_t i = 0; i < 6; i++) {
		uint64_t before;

		bring_to(g, wrong[i]);
		before = count_of(g, VIRTIO_QUEUE_FROZEN);
		for (uint32_t r = 0; r < 7; r++)
			reg_set(g, queue_registers[r], 8);
		reg_set(g, REG_QUEUE_READY, 1);
		assert_int_equal(count_of(g, VIRTIO_QUEUE_FROZEN), before + 8);
		assert_int_equal(reg_get(g, REG_QUEUE_READY), 0);
	}
	assert_int_equal(g->brokens, 0);
}

/* CVE-2026-5747: what was checked at QueueReady must stay what is used. */
static void queue_registers_are_frozen_when_ready(void **state)
{
	struct guest *g = *state;
	uint32_t id, len;

	for (uint32_t live = 0; live < 2; live++) {
		uint64_t before = count_of(g, VIRTIO_QUEUE_FROZEN);
		struct ukvmm_chain *chain;

		guest_negotiate(g, FEATURES_ALL);
		guest_queue_up(g, 0, 8);
		if (live)
			reg_set(g, REG_STATUS, DOK);
		for (uint32_t r = 0; r < 7; r++)
			reg_set(g, queue_registers[r], 0xfffffff0);
		reg_set(g, REG_QUEUE_READY, 1);
		assert_int_equal(count_of(g, VIRTIO_QUEUE_FROZEN), before + 8);
		reg_set(g, REG_STATUS, DOK);
		guest_desc(g, 0, 7, BUFFERS, 4, DESC_WRITE, 0);
		guest_offer(g, 0, 7);
		chain = pop(g, 0);
		assert_non_null(chain);
		assert_int_equal(ukvmm_chain_write(chain, "abcd", 4), 4);
		push(g, 0, chain);
		assert_true(guest_take(g, 0, &id, &len));
		assert_int_equal(id, 7);
		assert_int_equal(len, 4);
		assert_memory_equal(guest_at(g, BUFFERS, 4), "abcd", 4);
	}
	assert_int_equal(g->brokens, 0);
}

static void queue_selection(void **state)
{
	struct guest *g = *state;
	const uint32_t absent[] = { 2, 8, 0x80000000, UINT32_MAX };

	guest_negotiate(g, 0);
	for (uint32_t i = 0; i < 2; i++) {
		reg_set(g, REG_QUEUE_SEL, i);
		assert_int_equal(reg_get(g, REG_QUEUE_NUM_MAX), VIRTIO_QUEUE_SIZE);
		assert_int_equal(reg_get(g, REG_QUEUE_READY), 0);
	}
	for (uint32_t i = 0; i < 4; i++) {
		reg_set(g, REG_QUEUE_SEL, absent[i]);
		/* drivers probe like this: no violation */
		assert_int_equal(reg_get(g, REG_QUEUE_NUM_MAX), 0);
		assert_int_equal(reg_get(g, REG_QUEUE_READY), 0);
		assert_int_equal(count_of(g, VIRTIO_QUEUE_ABSENT), i * 9);
		for (uint32_t r = 0; r < 7; r++)
			reg_set(g, queue_registers[r], 8);
		reg_set(g, REG_QUEUE_READY, 1);
		reg_set(g, REG_QUEUE_READY, 0);
		assert_int_equal(reg_get(g, REG_QUEUE_READY), 0);
	}
	assert_int_equal(g->brokens, 0);
}

static void queue_sizes(void **state)
{
	struct guest *g = *state;
	const uint32_t bad[] = { 0, 3, 6, 1000, 1023, 1025, 2048, 0x10000, 0x10008, 0x80000000, UINT32_MAX };

	for (uint32_t i = 0; i < 11; i++) {
		guest_negotiate(g, 0);
		guest_queue_place(g, 0, 8);
		reg_set(g, REG_QUEUE_NUM, bad[i]);
		assert_int_equal(count_of(g, VIRTIO_QUEUE_NUM), i + 1);
		reg_set(g, REG_QUEUE_READY, 1);
		assert_int_equal(reg_get(g, REG_QUEUE_READY), 0);
		assert_int_equal(reg_get(g, REG_STATUS), FOK | STATUS_NEEDS_RESET);
	}
	for (uint32_t size = 1; size <= VIRTIO_QUEUE_SIZE; size *= 2) {
		guest_negotiate(g, 0);
		guest_queue_up(g, 0, size);
	}
	assert_int_equal(count_of(g, VIRTIO_QUEUE_NUM), 11);
	assert_int_equal(g->brokens, 11);
}

/* A driver that leaves QueueNum alone gets QueueNumMax. */
static void queue_size_default(void **state)
{
	struct guest *g = *state;

	guest_negotiate(g, 0);
	reg_set(g, REG_QUEUE_DESC_LOW, 0x10000);
	reg_set(g, REG_QUEUE_DRIVER_LOW, 0x20000);
	reg_set(g, REG_QUEUE_DEVICE_LOW, LOW_BYTES - (6 + 8 * VIRTIO_QUEUE_SIZE) + 2);
	reg_set(g, REG_QUEUE_READY, 1); /* misaligned, and one element of 1024 too far */
	assert_int_equal(reg_get(g, REG_QUEUE_READY), 0);
	guest_negotiate(g, 0);
	reg_set(g, REG_QUEUE_DESC_LOW, 0x10000);
	reg_set(g, REG_QUEUE_DRIVER_LOW, 0x20000);
	reg_set(g, REG_QUEUE_DEVICE_LOW, LOW_BYTES - (8 + 8 * VIRTIO_QUEUE_SIZE));
	reg_set(g, REG_QUEUE_READY, 1);
	assert_int_equal(reg_get(g, REG_QUEUE_READY), 1);
}

struct place {
	uint64_t desc, avail, used;
	bool ok;
};

/* Size 8: rings of 128, 22 and 70 bytes. CVE-2019-18960's rule: the whole range in one region. */
static void ring_places(void **state)
{
	struct guest *g = *state;
	const uint64_t high_end = HIGH_BASE + HIGH_BYTES;
	const struct place places[] = {
		{ 0, 0x1000, 0x2000, true },
		{ LOW_BYTES - 128, 0x1000, 0x2000, true },
		{ 0x1000, LOW_BYTES - 22, 0x2000, true },
		{ 0x1000, 0x2000, high_end - 72, true },
		{ HIGH_BASE, HIGH_BASE + 128, HIGH_BASE + 256, true },
		{ 8, 0x1000, 0x2000, false },
		{ 1, 0x1000, 0x2000, false },
		{ 0, 0x1001, 0x2000, false },
		{ 0, 0x1000, 0x2002, false },
		{ 0, 0x1000, 0x2001, false },
		{ LOW_BYTES - 112, 0x1000, 0x2000, false },
		{ 0, LOW_BYTES - 20, 0x2000, false },
		{ 0, 0x1000, LOW_BYTES - 68, false },
		{ LOW_BYTES, 0x1000, 0x2000, false },
		{ HIGH_BASE - 16, 0x1000, 0x2000, false },
		{ high_end - 112, 0x1000, 0x2000, false },
		{ UINT64_MAX - 15, 0x1000, 0x2000, false },
		{ 0, UINT64_MAX - 1, 0x2000, false },
		{ 0, 0x1000, UINT64_MAX - 3, false },
		{ 0x100000000, 0x1000, 0x2000, false },
	};

	for (uint32_t i = 0; i < sizeof places / sizeof *places; i++) {
		const uint64_t at[] = { places[i].desc, places[i].avail, places[i].used };
		uint64_t before = count_of(g, VIRTIO_RING_PLACE);
		uint32_t status = places[i].ok ? FOK : FOK | STATUS_NEEDS_RESET;

		guest_negotiate(g, 0);
		reg_set(g, REG_QUEUE_NUM, 8);
		for (uint32_t r = 0; r < 6; r++)
			reg_set(g, queue_registers[r + 1], (uint32_t)(at[r / 2] >> (r & 1 ? 32 : 0)));
		reg_set(g, REG_QUEUE_READY, 1);
		assert_int_equal(reg_get(g, REG_QUEUE_READY), places[i].ok);
		assert_int_equal(count_of(g, VIRTIO_RING_PLACE), before + !places[i].ok);
		assert_int_equal(reg_get(g, REG_STATUS), status);
		/* a driver that goes on regardless gets no live device */
		reg_set(g, REG_STATUS, DOK);
		assert_int_equal(reg_get(g, REG_STATUS), places[i].ok ? DOK : status);
		assert_int_equal(reg_get(g, REG_INTERRUPT_STATUS), 0);
	}
}

static void queue_ready_goes_back(void **state)
{
	struct guest *g = *state;

	guest_negotiate(g, 0);
	guest_queue_up(g, 1, 16);
	reg_set(g, REG_QUEUE_READY, 0);
	assert_int_equal(reg_get(g, REG_QUEUE_READY), 0);
	guest_queue_up(g, 1, 4);
	reg_set(g, REG_STATUS, 0);
	reg_set(g, REG_QUEUE_SEL, 1);
	assert_int_equal(reg_get(g, REG_QUEUE_READY), 0);
	assert_int_equal(virtio_dev_violations(g->dev), 0);
}

static void notifications_of_what_is_not_live(void **state)
{
	struct guest *g = *state;
	const uint32_t absent[] = { 2, 8, 0xffff, 0x80000000, UINT32_MAX };

	guest_notify(g, 0);
	guest_negotiate(g, 0);
	guest_queue_up(g, 0, 8);
	guest_notify(g, 0);
	assert_int_equal(count_of(g, VIRTIO_NOTIFY_TIME), 2);
	reg_set(g, REG_STATUS, DOK);
	guest_notify(g, 1);
	assert_int_equal(count_of(g, VIRTIO_NOTIFY_TIME), 3);
	for (uint32_t i = 0; i < 5; i++)
		guest_notify(g, absent[i]);
	assert_int_equal(count_of(g, VIRTIO_QUEUE_ABSENT), 5);
	assert_int_equal(g->kicks[0], 1); /* at DRIVER_OK */
	assert_int_equal(g->kicks[1], 0);
	assert_int_equal(g->brokens, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(queue_registers_outside_of_features_ok),
		T(queue_registers_are_frozen_when_ready),
		T(queue_selection),
		T(queue_sizes),
		T(queue_size_default),
		T(ring_places),
		T(queue_ready_goes_back),
		T(notifications_of_what_is_not_live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
