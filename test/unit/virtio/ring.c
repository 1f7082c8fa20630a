/* SPDX-License-Identifier: Apache-2.0 */
/* Chains through the split ring: copies, wraparound, indirect tables, who tells whom and when. */
#include "guest.h"

#include <string.h>

static int setup(void **state)
{
	static struct guest g;

	guest_init(&g, 2, 0);
	*state = &g;
	return 0;
}

static int teardown(void **state)
{
	guest_fini(*state);
	return 0;
}

static void fill(struct guest *g, uint64_t gpa, uint32_t len, uint8_t seed)
{
	uint8_t *p = guest_at(g, gpa, len);

	for (uint32_t i = 0; i < len; i++)
		p[i] = (uint8_t)(seed + i * 7);
}

static void copies_follow_the_descriptors(void **state)
{
	struct guest *g = *state;
	struct ukvmm_chain *chain;
	uint8_t buf[64], want[30];
	uint32_t id, len;

	guest_up(g, 1, 8, FEATURES_ALL);
	fill(g, BUFFERS, 10, 1);
	fill(g, HIGH_BASE + 0x100000, 20, 99);
	memcpy(want, guest_at(g, BUFFERS, 10), 10);
	memcpy(want + 10, guest_at(g, HIGH_BASE + 0x100000, 20), 20);
	guest_desc(g, 0, 3, BUFFERS, 10, DESC_NEXT, 1);
	guest_desc(g, 0, 1, HIGH_BASE + 0x100000, 20, DESC_NEXT, 6);
	guest_desc(g, 0, 6, BUFFERS + 0x1000, 5, DESC_NEXT | DESC_WRITE, 0);
	guest_desc(g, 0, 0, BUFFERS + 0x2000, 9, DESC_WRITE, 77 /* not looked at */);
	guest_offer(g, 0, 3);

	chain = pop(g, 0);
	assert_non_null(chain);
	assert_null(pop(g, 0));
	assert_int_equal(virtio_dev_in_flight(g->dev), 1);
	assert_int_equal(ukvmm_chain_readable(chain), 30);
	assert_int_equal(ukvmm_chain_writable(chain), 14);
	assert_int_equal(ukvmm_chain_read(chain, buf, 3), 3);
	assert_int_equal(ukvmm_chain_read(chain, buf + 3, 0), 0);
	assert_int_equal(ukvmm_chain_read(chain, buf + 3, 7), 7);
	assert_int_equal(ukvmm_chain_read(chain, buf + 10, 5), 5);
	assert_int_equal(ukvmm_chain_readable(chain), 15);
	assert_int_equal(ukvmm_chain_read(chain, buf + 15, sizeof buf - 15), 15);
	assert_int_equal(ukvmm_chain_read(chain, buf, 1), 0);
	assert_memory_equal(buf, want, 30);

	assert_int_equal(ukvmm_chain_write(chain, "abcdefgh", 8), 8);
	assert_int_equal(ukvmm_chain_write(chain, "ijklmnopq", 9), 6);
	assert_int_equal(ukvmm_chain_write(chain, "x", 1), 0);
	assert_int_equal(ukvmm_chain_writable(chain), 0);
	push(g, 0, chain);
	assert_int_equal(virtio_dev_in_flight(g->dev), 0);
	assert_true(guest_take(g, 0, &id, &len));
	assert_int_equal(id, 3);
	assert_int_equal(len, 14);
	assert_false(guest_take(g, 0, &id, &len));
	assert_memory_equal(guest_at(g, BUFFERS + 0x1000, 6), "abcde", 6);
	assert_memory_equal(guest_at(g, BUFFERS + 0x2000, 10), "fghijklmn", 10);
	assert_int_equal(virtio_queue_popped(virtio_dev_queue(g->dev, 0)), 1);
}

static void used_length_is_what_was_written(void **state)
{
	struct guest *g = *state;
	uint32_t id, len;

	guest_up(g, 1, 2, 0);
	for (uint32_t i = 0; i < 4; i++) {
		struct ukvmm_chain *chain;

		guest_desc(g, 0, 1, BUFFERS, 100, DESC_WRITE, 0);
		guest_offer(g, 0, 1);
		chain = pop(g, 0);
		assert_non_null(chain);
		assert_int_equal(ukvmm_chain_write(chain, "0123456789", i), i);
		push(g, 0, chain);
		assert_true(guest_take(g, 0, &id, &len));
		assert_int_equal(len, i);
	}
}

/* A whole region in one buffer, and regions that together stay below 4 GiB. */
static void buffers_up_to_the_edge(void **state)
{
	struct guest *g = *state;
	struct ukvmm_chain *chain;
	char c = 'z';

	guest_up(g, 1, 8, 0);
	guest_desc(g, 0, 0, 0, LOW_BYTES, DESC_NEXT, 1);
	guest_desc(g, 0, 1, HIGH_BASE, HIGH_BYTES, DESC_NEXT, 2);
	guest_desc(g, 0, 2, HIGH_BASE + HIGH_BYTES - 1, 1, DESC_WRITE, 0);
	guest_offer(g, 0, 0);
	chain = pop(g, 0);
	assert_non_null(chain);
	assert_int_equal(ukvmm_chain_readable(chain), LOW_BYTES + HIGH_BYTES);
	assert_int_equal(ukvmm_chain_write(chain, &c, 1), 1);
	assert_memory_equal(guest_at(g, HIGH_BASE + HIGH_BYTES - 1, 1), &c, 1);
	push(g, 0, chain);
}

static void out_of_order_completion(void **state)
{
	struct guest *g = *state;
	struct ukvmm_chain *chain[8];
	uint32_t id, len;

	guest_up(g, 1, 8, 0);
	for (uint16_t round = 0; round < 3; round++) {
		for (uint16_t i = 0; i < 8; i++) {
			guest_desc(g, 0, i, BUFFERS + i * 0x100, 8, DESC_WRITE, 0);
			guest_offer(g, 0, i);
		}
		for (uint32_t i = 0; i < 8; i++)
			assert_non_null(chain[i] = pop(g, 0));
		assert_null(pop(g, 0));
		for (uint32_t i = 0; i < 8; i++)
			push(g, 0, chain[i * 5 % 8]);
		for (uint32_t i = 0; i < 8; i++) {
			assert_true(guest_take(g, 0, &id, &len));
			assert_int_equal(id, i * 5 % 8);
		}
	}
	assert_int_equal(g->brokens, 0);
}

/* 200,000 chains: the indices wrap three times, at several ring sizes and both ways of notifying. */
static void indices_wrap(void **state)
{
	struct guest *g = *state;
	const uint32_t sizes[] = { 1, 8, 1024 };
	uint32_t id, len;

	for (uint32_t s = 0; s < 6; s++) {
		uint32_t size = sizes[s / 2], sent = 0;

		guest_up(g, 1, size, s & 1 ? FEATURE_EVENT_IDX : 0);
		for (uint16_t i = 0; i < size; i++)
			guest_desc(g, 0, i, BUFFERS + i * 16ull, 16, DESC_WRITE, 0);
		while (sent < 200000) {
			uint32_t batch = 1 + sent % size;

			for (uint32_t i = 0; i < batch; i++)
				guest_offer(g, 0, (uint16_t)((sent + i) % size));
			for (uint32_t i = 0; i < batch; i++) {
				struct ukvmm_chain *chain = pop(g, 0);

				assert_non_null(chain);
				push(g, 0, chain);
			}
			assert_null(pop(g, 0));
			for (uint32_t i = 0; i < batch; i++) {
				assert_true(guest_take(g, 0, &id, &len));
				assert_int_equal(id, (sent + i) % size);
			}
			sent += batch;
		}
		assert_true(sent >= 200000);
	}
	assert_int_equal(g->brokens, 0);
}

static void offer_indirect(struct guest *g, uint64_t table, uint32_t n, uint16_t head)
{
	for (uint32_t i = 0; i < n; i++)
		guest_desc_at(g, table, i, BUFFERS + 0x10000 + i * 16ull, 16,
			(uint16_t)((i + 1 < n ? DESC_NEXT : 0) | (i >= n / 2 ? DESC_WRITE : 0)),
			(uint16_t)(i + 1));
	guest_desc(g, 0, head, table, n * 16, DESC_INDIRECT, 0);
	guest_offer(g, 0, head);
}

static void indirect_tables(void **state)
{
	struct guest *g = *state;
	const uint64_t tables[] = { BUFFERS, BUFFERS + 8, BUFFERS + 4, BUFFERS + 1, HIGH_BASE };
	const uint32_t lens[] = { 2, 3, 4, 17, 1024 }; /* more than the ring's 4, too */

	guest_up(g, 1, 4, FEATURES_ALL);
	for (uint32_t t = 0; t < 5; t++)
		for (uint32_t l = 0; l < 5; l++) {
			struct ukvmm_chain *chain;

			offer_indirect(g, tables[t], lens[l], (uint16_t)(l % 4));
			chain = pop(g, 0);
			assert_non_null(chain);
			assert_int_equal(ukvmm_chain_readable(chain), lens[l] / 2 * 16);
			assert_int_equal(ukvmm_chain_writable(chain), (lens[l] - lens[l] / 2) * 16);
			push(g, 0, chain);
		}
	assert_int_equal(g->brokens, 0);
}

/* virtio 1.2 §2.7.5.3.2: descriptors, then one that refers to a table; its WRITE flag means nothing. */
static void indirect_after_direct(void **state)
{
	struct guest *g = *state;
	struct ukvmm_chain *chain;

	guest_up(g, 1, 4, FEATURES_ALL);
	guest_desc(g, 0, 0, BUFFERS, 4, DESC_NEXT, 2);
	guest_desc(g, 0, 2, BUFFERS + 0x1000, 32, DESC_INDIRECT | DESC_WRITE, 0);
	guest_desc_at(g, BUFFERS + 0x1000, 0, BUFFERS, 6, DESC_NEXT, 1);
	guest_desc_at(g, BUFFERS + 0x1000, 1, BUFFERS, 3, DESC_WRITE, 0);
	guest_offer(g, 0, 0);
	chain = pop(g, 0);
	assert_non_null(chain);
	assert_int_equal(ukvmm_chain_readable(chain), 10);
	assert_int_equal(ukvmm_chain_writable(chain), 3);
	push(g, 0, chain);
}

/* Four chains of 1024 descriptors fill the pool; the fifth waits and is announced when there is room. */
static void chains_wait_for_room(void **state)
{
	struct guest *g = *state;
	struct ukvmm_chain *chain[4];
	uint32_t kicks;

	guest_up(g, 1, 8, FEATURES_ALL);
	for (uint16_t i = 0; i < 6; i++)
		offer_indirect(g, BUFFERS + 0x40000 + i * 0x4000ull, 1024, i);
	for (uint32_t i = 0; i < 4; i++)
		assert_non_null(chain[i] = pop(g, 0));
	kicks = g->kicks[0];
	for (uint32_t i = 0; i < 3; i++)
		assert_null(pop(g, 0));
	assert_int_equal(g->kicks[0], kicks);
	assert_int_equal(g->brokens, 0);
	for (uint32_t i = 0; i < 2; i++) {
		push(g, 0, chain[i]);
		assert_int_equal(g->kicks[0], kicks + i + 1);
		chain[i] = pop(g, 0);
		assert_non_null(chain[i]);
		assert_int_equal(ukvmm_chain_readable(chain[i]), 512 * 16);
		if (!i)
			assert_null(pop(g, 0));
	}
	for (uint32_t i = 0; i < 4; i++)
		push(g, 0, chain[i]);
	assert_null(pop(g, 0));
	assert_int_equal(virtio_dev_in_flight(g->dev), 0);
}

static void send(struct guest *g, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint16_t head = (uint16_t)(g->q[0].avail_idx % g->q[0].size);

		guest_desc(g, 0, head, BUFFERS, 4, DESC_WRITE, 0);
		guest_offer(g, 0, head);
	}
}

static void serve(struct guest *g, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct ukvmm_chain *chain = pop(g, 0);

		assert_non_null(chain);
		push(g, 0, chain);
	}
}

/* Interrupts that `notify` made since the last call, acknowledged. */
static uint32_t told(struct guest *g)
{
	uint32_t before = g->interrupts;

	notify(g, 0);
	reg_set(g, REG_INTERRUPT_ACK, 3);
	return g->interrupts - before;
}

static void interrupts_by_flag(void **state)
{
	struct guest *g = *state;

	guest_up(g, 1, 8, 0);
	assert_int_equal(told(g), 0);
	send(g, 3);
	serve(g, 3);
	assert_int_equal(told(g), 1);
	assert_int_equal(told(g), 0);
	guest_avail_flags(g, 0, AVAIL_NO_INTERRUPT);
	send(g, 1);
	serve(g, 1);
	assert_int_equal(told(g), 0);
	guest_avail_flags(g, 0, 0xfffe); /* unknown flags mean nothing */
	send(g, 1);
	serve(g, 1);
	assert_int_equal(told(g), 1);
	guest_used_event(g, 0, 0x7777); /* neither does used_event: not negotiated */
	send(g, 1);
	serve(g, 1);
	assert_int_equal(told(g), 1);
}

static void interrupts_by_event(void **state)
{
	struct guest *g = *state;

	guest_up(g, 1, 8, FEATURES_ALL);
	guest_avail_flags(g, 0, AVAIL_NO_INTERRUPT); /* means nothing with EVENT_IDX */
	send(g, 1);
	serve(g, 1);
	assert_int_equal(told(g), 1);
	guest_used_event(g, 0, 3); /* "when the fourth is used" */
	send(g, 2);
	serve(g, 2);
	assert_int_equal(told(g), 0);
	send(g, 1);
	serve(g, 1);
	assert_int_equal(told(g), 1);
	send(g, 1);
	serve(g, 1);
	assert_int_equal(told(g), 0);
	guest_used_event(g, 0, 6); /* in the middle of a batch */
	send(g, 5);
	serve(g, 5);
	assert_int_equal(told(g), 1);
	assert_int_equal(told(g), 0);
}

/* At every distance around the wrap of the used index, for one batch size after the other. */
static void interrupts_by_event_at_the_wrap(void **state)
{
	struct guest *g = *state;
	uint16_t used = 0;

	guest_up(g, 1, 8, FEATURES_ALL);
	for (uint32_t n = 0; n < 65530 / 5; n++) {
		send(g, 5);
		serve(g, 5);
		used = (uint16_t)(used + 5);
	}
	told(g);
	for (uint32_t round = 0; round < 8; round++)
		for (uint32_t batch = 1; batch <= 8; batch++)
			for (int32_t event = -2; event <= 9; event++) {
				bool want = event >= 0 && event < (int32_t)batch;

				guest_used_event(g, 0, (uint16_t)(used + event));
				send(g, batch);
				serve(g, batch);
				used = (uint16_t)(used + batch);
				assert_int_equal(told(g), want);
			}
}

/* Whole turns of the index between two looks: the event was passed, whatever it says. */
static void interrupt_after_a_whole_turn(void **state)
{
	struct guest *g = *state;

	guest_up(g, 1, 8, FEATURES_ALL);
	guest_used_event(g, 0, 7);
	for (uint32_t n = 0; n < 65536 / 8; n++) {
		send(g, 8);
		serve(g, 8);
	}
	assert_int_equal(told(g), 1);
}

static void kicks_by_flag(void **state)
{
	struct guest *g = *state;

	guest_up(g, 1, 8, 0);
	assert_int_equal(guest_used_flags(g, 0), 0);
	for (uint32_t i = 0; i < 3; i++) {
		send(g, 2);
		serve(g, 1);
		assert_int_equal(guest_used_flags(g, 0), USED_NO_NOTIFY); /* still busy */
		serve(g, 1);
		assert_null(pop(g, 0));
		assert_int_equal(guest_used_flags(g, 0), 0);
	}
}

static void kicks_by_event(void **state)
{
	struct guest *g = *state;

	guest_up(g, 1, 8, FEATURES_ALL);
	assert_int_equal(guest_avail_event(g, 0), 0); /* the first one is wanted */
	send(g, 3);
	serve(g, 2);
	assert_int_equal(guest_avail_event(g, 0), 0);
	serve(g, 1);
	assert_null(pop(g, 0));
	assert_int_equal(guest_avail_event(g, 0), 3);
	assert_int_equal(guest_used_flags(g, 0), 0);
}

/* Between the device's look and its wish to be notified, the driver may have offered one and not notified.
 * To make that moment certain the used ring's flags lie on the avail ring's idx: writing the wish changes
 * the index, and only a look after it sees that. */
static void the_last_look_comes_after_the_wish(void **state)
{
	struct guest *g = *state;
	struct ukvmm_chain *chain;

	guest_negotiate(g, 0);
	guest_queue_place(g, 0, 8);
	g->q[0].avail = 0x30002;
	reg_set(g, REG_QUEUE_DRIVER_LOW, 0x30002);
	reg_set(g, REG_QUEUE_DEVICE_LOW, 0x30004);
	reg_set(g, REG_QUEUE_DEVICE_HIGH, 0);
	reg_set(g, REG_QUEUE_READY, 1);
	reg_set(g, REG_STATUS, DOK);
	guest_desc(g, 0, 0, BUFFERS, 4, DESC_WRITE, 0);
	guest_offer(g, 0, 0);
	chain = pop(g, 0); /* NO_NOTIFY: idx is 1 still */
	assert_non_null(chain);
	assert_int_equal(count_of(g, VIRTIO_AVAIL_JUMP), 0);
	assert_null(pop(g, 0)); /* no NO_NOTIFY: idx is 0 */
	assert_int_equal(count_of(g, VIRTIO_AVAIL_JUMP), 1);
}

/* A guest that hammers QueueNotify is heard once until the device has looked. */
static void kicks_are_not_a_storm(void **state)
{
	struct guest *g = *state;
	uint32_t kicks;

	guest_up(g, 2, 8, FEATURES_ALL);
	assert_int_equal(g->kicks[0], 1);
	assert_null(pop(g, 0));
	kicks = g->kicks[0];
	for (uint32_t i = 0; i < 1000; i++)
		guest_notify(g, 0);
	assert_int_equal(g->kicks[0], kicks + 1);
	assert_int_equal(g->kicks[1], 1);
	assert_null(pop(g, 0));
	guest_notify(g, 0);
	assert_int_equal(g->kicks[0], kicks + 2);
	assert_int_equal(g->interrupts, 0);
}

static void a_live_queue_is_kicked_at_driver_ok(void **state)
{
	struct guest *g = *state;
	struct ukvmm_chain *chain;

	guest_negotiate(g, FEATURES_ALL);
	guest_queue_up(g, 0, 8);
	send(g, 1);
	assert_null(pop(g, 0)); /* not before DRIVER_OK */
	assert_int_equal(g->kicks[0], 0);
	reg_set(g, REG_STATUS, DOK);
	assert_int_equal(g->kicks[0], 1);
	assert_int_equal(g->kicks[1], 0);
	chain = pop(g, 0);
	assert_non_null(chain);
	push(g, 0, chain);
}

static void queues_are_apart(void **state)
{
	struct guest *g = *state;
	struct ukvmm_chain *a, *b;
	uint32_t id, len;

	guest_up(g, 2, 8, FEATURES_ALL);
	guest_desc(g, 0, 5, BUFFERS, 4, DESC_WRITE, 0);
	guest_desc(g, 1, 5, BUFFERS + 16, 4, DESC_WRITE, 0);
	guest_offer(g, 0, 5);
	guest_offer(g, 1, 5);
	a = pop(g, 0);
	b = pop(g, 1);
	assert_non_null(a);
	assert_non_null(b);
	push(g, 0, b); /* a device's slip: the chain stays where it is */
	assert_int_equal(virtio_dev_in_flight(g->dev), 2);
	assert_int_equal(ukvmm_chain_write(b, "bb", 2), 2);
	push(g, 1, b);
	push(g, 1, b); /* twice: nothing */
	assert_int_equal(virtio_dev_in_flight(g->dev), 1);
	push(g, 0, a);
	assert_true(guest_take(g, 1, &id, &len));
	assert_int_equal(len, 2);
	assert_false(guest_take(g, 1, &id, &len));
	assert_true(guest_take(g, 0, &id, &len));
	assert_int_equal(len, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(copies_follow_the_descriptors),
		T(used_length_is_what_was_written),
		T(buffers_up_to_the_edge),
		T(out_of_order_completion),
		T(indices_wrap),
		T(indirect_tables),
		T(indirect_after_direct),
		T(chains_wait_for_room),
		T(interrupts_by_flag),
		T(interrupts_by_event),
		T(interrupts_by_event_at_the_wrap),
		T(interrupt_after_a_whole_turn),
		T(kicks_by_flag),
		T(kicks_by_event),
		T(the_last_look_comes_after_the_wish),
		T(kicks_are_not_a_storm),
		T(a_live_queue_is_kicked_at_driver_ok),
		T(queues_are_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
