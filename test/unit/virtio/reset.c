/* SPDX-License-Identifier: Apache-2.0 */
/* A driver that resets, or stops a queue, while the device holds chains. */
#include "guest.h"

#include <string.h>

enum { SIZE = 8 };

static int setup(void **state)
{
	static struct guest g;

	guest_init(&g, 2, 0);
	guest_up(&g, 2, SIZE, FEATURES_ALL);
	*state = &g;
	return 0;
}

static int teardown(void **state)
{
	guest_fini(*state);
	return 0;
}

static struct ukvmm_chain *take(struct guest *g, uint32_t q, uint16_t head)
{
	struct ukvmm_chain *chain;

	guest_desc(g, q, head, BUFFERS + head * 0x100, 16, DESC_NEXT, (uint16_t)(head + 1));
	guest_desc(g, q, head + 1u, BUFFERS + 0x8000 + head * 0x100, 16, DESC_WRITE, 0);
	guest_offer(g, q, head);
	chain = pop(g, q);
	assert_non_null(chain);
	return chain;
}

static void assert_void(struct guest *g, uint32_t q, struct ukvmm_chain *chain)
{
	uint8_t before[0x100], buf[16];

	memcpy(before, guest_at(g, BUFFERS + 0x8000, sizeof before), sizeof before);
	assert_int_equal(ukvmm_chain_readable(chain), 0);
	assert_int_equal(ukvmm_chain_writable(chain), 0);
	assert_int_equal(ukvmm_chain_read(chain, buf, sizeof buf), 0);
	assert_int_equal(ukvmm_chain_write(chain, "0123456789abcdef", 16), 0);
	push(g, q, chain);
	notify(g, q);
	assert_memory_equal(before, guest_at(g, BUFFERS + 0x8000, sizeof before), sizeof before);
}

static void reset_voids_chains(void **state)
{
	struct guest *g = *state;
	struct ukvmm_chain *pushed = take(g, 0, 0), *kept = take(g, 0, 2), *other = take(g, 1, 4);
	uint32_t id, len, interrupts = g->interrupts, resets = g->resets;

	assert_int_equal(ukvmm_chain_write(pushed, "x", 1), 1);
	reg_set(g, REG_STATUS, 0);
	assert_int_equal(g->resets, resets + 1);
	assert_int_equal(reg_get(g, REG_STATUS), 0);
	assert_int_equal(virtio_dev_in_flight(g->dev), 3);
	assert_void(g, 0, pushed);
	assert_void(g, 1, other);
	assert_int_equal(virtio_dev_in_flight(g->dev), 1);
	virtio_dev_reset_done(g->dev);
	assert_int_equal(virtio_dev_in_flight(g->dev), 0);
	push(g, 0, kept); /* too late: nothing */
	assert_int_equal(virtio_dev_in_flight(g->dev), 0);
	assert_false(guest_take(g, 0, &id, &len));
	assert_false(guest_take(g, 1, &id, &len));
	assert_int_equal(g->interrupts, interrupts);

	guest_up(g, 2, SIZE, FEATURES_ALL);
	push(g, 0, take(g, 0, 0));
	assert_true(guest_take(g, 0, &id, &len));
	assert_int_equal(virtio_dev_violations(g->dev), 0);
}

/* The driver may be back before the device has heard of the reset: it must not be given new chains to
 * forget, and hears of all in order. */
static void the_driver_is_back_first(void **state)
{
	struct guest *g = *state;
	struct ukvmm_chain *old = take(g, 0, 0), *chain;
	uint32_t resets = g->resets, oks = g->driver_oks, kicks = g->kicks[0], id, len;
	const uint32_t steps[] = { 0, ACK, DRV, FOK };

	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 4; i++)
			reg_set(g, REG_STATUS, steps[i]);
		guest_queue_up(g, 0, SIZE);
		reg_set(g, REG_STATUS, DOK);
		guest_desc(g, 0, 0, BUFFERS, 16, DESC_WRITE, 0);
		guest_offer(g, 0, 0);
		guest_notify(g, 0);
		assert_null(pop(g, 0));
	}
	assert_int_equal(g->resets, resets + 1);
	assert_int_equal(g->driver_oks, oks);
	assert_int_equal(g->kicks[0], kicks);
	assert_void(g, 0, old);
	assert_false(guest_take(g, 0, &id, &len));

	virtio_dev_reset_done(g->dev);
	assert_int_equal(g->driver_oks, oks + 1);
	assert_true(g->features == 0);
	assert_int_equal(g->kicks[0], kicks + 1);
	chain = pop(g, 0);
	assert_non_null(chain);
	push(g, 0, chain);
	assert_true(guest_take(g, 0, &id, &len));
	assert_int_equal(virtio_dev_violations(g->dev), 0);
}

static void reset_done_without_a_reset(void **state)
{
	struct guest *g = *state;
	struct ukvmm_chain *chain = take(g, 0, 0);
	uint32_t oks = g->driver_oks, id, len;

	virtio_dev_reset_done(g->dev);
	assert_int_equal(g->driver_oks, oks);
	push(g, 0, chain);
	assert_true(guest_take(g, 0, &id, &len));
}

static void reset_at_every_status(void **state)
{
	struct guest *g = *state;
	const uint32_t steps[] = { ACK, DRV, FOK, DOK };

	for (uint32_t n = 0; n <= 4; n++)
		for (uint32_t failed = 0; failed < 2; failed++) {
			uint32_t resets;

			reg_set(g, REG_STATUS, 0);
			virtio_dev_reset_done(g->dev);
			for (uint32_t i = 0; i < n; i++)
				reg_set(g, REG_STATUS, steps[i]);
			if (failed)
				reg_set(g, REG_STATUS, (n ? steps[n - 1] : 0) | STATUS_FAILED);
			resets = g->resets;
			reg_set(g, REG_STATUS, 0);
			assert_int_equal(reg_get(g, REG_STATUS), 0);
			assert_int_equal(g->resets, resets + (n || failed));
			assert_int_equal(reg_get(g, REG_QUEUE_READY), 0);
		}
	virtio_dev_reset_done(g->dev);
	guest_up(g, 2, SIZE, FEATURES_ALL);
	push(g, 0, take(g, 0, 0));
}

/* virtio 1.2 §4.2.2.2: a queue may be stopped at any time; what it had is void then. */
static void a_queue_stops_alone(void **state)
{
	struct guest *g = *state;
	struct ukvmm_chain *chain = take(g, 0, 0), *other = take(g, 1, 0);
	uint32_t id, len;

	reg_set(g, REG_QUEUE_SEL, 0);
	reg_set(g, REG_QUEUE_READY, 0);
	assert_int_equal(reg_get(g, REG_QUEUE_READY), 0);
	assert_int_equal(virtio_dev_violations(g->dev), 0);
	assert_null(pop(g, 0));
	assert_void(g, 0, chain);
	assert_false(guest_take(g, 0, &id, &len));
	push(g, 1, other);
	assert_true(guest_take(g, 1, &id, &len));
	push(g, 1, take(g, 1, 2));
	reg_set(g, REG_QUEUE_READY, 1); /* not before a reset */
	assert_int_equal(reg_get(g, REG_QUEUE_READY), 0);
	assert_int_equal(count_of(g, VIRTIO_QUEUE_FROZEN), 1);
	guest_notify(g, 0);
	assert_int_equal(count_of(g, VIRTIO_NOTIFY_TIME), 1);
	guest_up(g, 2, SIZE, FEATURES_ALL);
	push(g, 0, take(g, 0, 0));
	assert_int_equal(g->brokens, 0);
}

static void failed_driver_gets_nothing(void **state)
{
	struct guest *g = *state;
	struct ukvmm_chain *chain = take(g, 0, 0);
	uint32_t id, len, interrupts = g->interrupts;

	guest_offer(g, 0, 3);
	reg_set(g, REG_STATUS, DOK | STATUS_FAILED);
	assert_null(pop(g, 0));
	push(g, 0, chain);
	notify(g, 0);
	assert_false(guest_take(g, 0, &id, &len));
	assert_int_equal(g->interrupts, interrupts);
	assert_int_equal(virtio_dev_in_flight(g->dev), 0);
	guest_up(g, 2, SIZE, FEATURES_ALL);
	push(g, 0, take(g, 0, 0));
}

/* Memory stays what it was at the start however often chains are dropped by resets. */
static void dropped_chains_use_up_nothing(void **state)
{
	struct guest *g = *state;

	for (uint32_t round = 0; round < 3000; round++) {
		take(g, 0, 0);
		take(g, 0, 2);
		take(g, 1, 4);
		guest_up(g, 2, SIZE, FEATURES_ALL);
	}
	for (uint16_t i = 0; i < SIZE; i += 2)
		take(g, 0, i);
	assert_int_equal(virtio_dev_in_flight(g->dev), SIZE / 2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(reset_voids_chains),
		T(the_driver_is_back_first),
		T(reset_done_without_a_reset),
		T(reset_at_every_status),
		T(a_queue_stops_alone),
		T(failed_driver_gets_nothing),
		T(dropped_chains_use_up_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
