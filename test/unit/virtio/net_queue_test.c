/* SPDX-License-Identifier: Apache-2.0 */
/* What the network card needs of a queue beyond device.h: pops that are taken back, and pushes seen together. */
#include "guest.h"

#include <pthread.h>
#include <sched.h>

static struct guest g;

static void offer(uint32_t from, uint32_t n)
{
	for (uint32_t i = from; i < from + n; i++) {
		guest_desc(&g, 0, i % 16, BUFFERS + 64 * (i % 16), 64, DESC_WRITE, 0);
		guest_offer(&g, 0, (uint16_t)(i % 16));
	}
}

static struct ukvmm_queue *queue(void)
{
	return virtio_dev_queue(g.dev, 0);
}

static void a_pop_that_was_taken_back_comes_again(void **unused)
{
	struct ukvmm_chain *chain[4];
	uint64_t popped;

	(void)unused;
	guest_init(&g, 1, 0);
	guest_up(&g, 1, 16, FEATURES_ALL);
	popped = virtio_queue_popped(queue());
	/* over the wrap of the ring, and of its 16-bit indices */
	for (uint32_t round = 0; round < 20000; round++) {
		uint32_t id;

		offer(round * 4, 4);
		for (int i = 0; i < 4; i++)
			chain[i] = pop(&g, 0);
		assert_null(pop(&g, 0));
		for (int i = 4; i-- > 1;)
			virtio_queue_unpop(queue(), chain[i]);
		push(&g, 0, chain[0]);
		for (uint32_t i = 1; i < 4; i++) {
			struct ukvmm_chain *again = pop(&g, 0);

			assert_non_null(again);
			assert_int_equal(ukvmm_chain_writable(again), 64);
			assert_int_equal(ukvmm_chain_write(again, "abcd", i), i);
			push(&g, 0, again);
		}
		for (uint32_t i = 0; i < 4; i++) {
			uint32_t len;

			assert_true(guest_take(&g, 0, &id, &len));
			assert_int_equal(id, (round * 4 + i) % 16);
			assert_int_equal(len, i);
		}
		assert_false(guest_take(&g, 0, &id, NULL));
	}
	assert_int_equal(virtio_queue_popped(queue()) - popped, 80000);
	assert_int_equal(virtio_dev_in_flight(g.dev), 0);
	assert_int_equal(virtio_dev_violations(g.dev), 0);
	guest_fini(&g);
}

/* Whoever takes a pop back waits for the driver's next buffer: its notification must come. */
static void the_driver_still_notifies(void **unused)
{
	static const uint64_t features[] = { FEATURE_VERSION_1, FEATURES_ALL };

	(void)unused;
	for (int t = 0; t < 2; t++) {
		struct ukvmm_chain *chain;

		guest_init(&g, 1, 0);
		guest_up(&g, 1, 16, features[t]);
		offer(0, 1);
		chain = pop(&g, 0);
		assert_null(pop(&g, 0));
		virtio_queue_unpop(queue(), chain);
		if (t)
			assert_int_equal(guest_avail_event(&g, 0), 1);
		else
			assert_int_equal(guest_used_flags(&g, 0) & USED_NO_NOTIFY, 0);
		g.kicks[0] = 0;
		offer(1, 1);
		guest_notify(&g, 0);
		assert_int_equal(g.kicks[0], 1);
		push(&g, 0, pop(&g, 0));
		push(&g, 0, pop(&g, 0));
		guest_fini(&g);
	}
}

static void after_a_reset_there_is_nothing_to_take_back(void **unused)
{
	struct ukvmm_chain *chain;

	(void)unused;
	guest_init(&g, 1, 0);
	guest_up(&g, 1, 16, FEATURES_ALL);
	offer(0, 3);
	chain = pop(&g, 0);
	guest_up(&g, 1, 16, FEATURES_ALL); /* resets first */
	g.q[0].avail_idx = g.q[0].used_idx = 0;
	virtio_queue_unpop(queue(), chain);
	virtio_queue_unpop(queue(), chain); /* twice: it is nobody's */
	offer(0, 1);
	chain = pop(&g, 0);
	assert_non_null(chain);
	assert_null(pop(&g, 0));
	push(&g, 0, chain);
	assert_int_equal(virtio_dev_in_flight(g.dev), 0);
	assert_int_equal(virtio_dev_violations(g.dev), 0);
	guest_fini(&g);
}

/* What lies between is checked again: an index that jumps meanwhile is seen. */
static void a_jump_behind_a_pop_taken_back_is_seen(void **unused)
{
	struct ukvmm_chain *chain;

	(void)unused;
	guest_init(&g, 1, 0);
	guest_up(&g, 1, 16, FEATURES_ALL);
	offer(0, 1);
	chain = pop(&g, 0);
	offer(1, 16);
	virtio_queue_unpop(queue(), chain);
	assert_null(pop(&g, 0));
	assert_int_equal(count_of(&g, VIRTIO_AVAIL_JUMP), 1);
	guest_fini(&g);
}

static void a_held_chain_is_told_where_it_lies(void **unused)
{
	struct iovec iov[3];
	struct ukvmm_chain *chain;
	uint8_t byte;

	(void)unused;
	guest_init(&g, 1, 0);
	guest_up(&g, 1, 16, FEATURES_ALL);
	guest_desc(&g, 0, 0, BUFFERS, 10, DESC_NEXT, 1);
	guest_desc(&g, 0, 1, HIGH_BASE, 20, DESC_NEXT, 2);
	guest_desc(&g, 0, 2, BUFFERS + 100, 30, DESC_NEXT, 3);
	guest_desc(&g, 0, 3, BUFFERS + 200, 40, DESC_WRITE, 0);
	guest_offer(&g, 0, 0);
	chain = pop(&g, 0);
	assert_int_equal(virtio_chain_hold(chain, iov, 2), 0); /* three pieces */
	assert_int_equal(ukvmm_chain_read(chain, &byte, 1), 1);
	assert_int_equal(virtio_chain_hold(chain, iov, 3), 3);
	assert_ptr_equal(iov[0].iov_base, guest_at(&g, BUFFERS + 1, 9));
	assert_int_equal(iov[0].iov_len, 9);
	assert_ptr_equal(iov[1].iov_base, guest_at(&g, HIGH_BASE, 20));
	assert_int_equal(iov[1].iov_len, 20);
	assert_ptr_equal(iov[2].iov_base, guest_at(&g, BUFFERS + 100, 30));
	assert_int_equal(iov[2].iov_len, 30);
	virtio_chain_let_go(chain);
	push(&g, 0, chain);
	guest_fini(&g);
}

struct resetter {
	pthread_t thread;
	_Atomic bool returned;
};

static void *reset(void *arg)
{
	struct resetter *s = arg;

	reg_set(&g, REG_STATUS, 0);
	s->returned = true;
	return NULL;
}

/* The driver owns its memory again when the write returns, not before. */
static void a_reset_waits_for_a_held_chain(void **unused)
{
	struct resetter s = { 0 };
	struct ukvmm_chain *chain;
	struct iovec iov[1];

	(void)unused;
	guest_init(&g, 1, 0);
	guest_up(&g, 1, 16, FEATURES_ALL);
	guest_desc(&g, 0, 0, BUFFERS, 64, 0, 0);
	guest_offer(&g, 0, 0);
	chain = pop(&g, 0);
	assert_int_equal(virtio_chain_hold(chain, iov, 1), 1);
	assert_int_equal(pthread_create(&s.thread, NULL, reset, &s), 0);
	while (ukvmm_chain_readable(chain)) /* it becomes void, which is before the wait */
		sched_yield();
	assert_false(s.returned);
	assert_int_equal(virtio_chain_hold(chain, iov, 1), 0);
	assert_false(s.returned);
	virtio_chain_let_go(chain);
	pthread_join(s.thread, NULL);
	assert_true(s.returned);
	virtio_queue_unpop(queue(), chain);
	assert_int_equal(virtio_dev_in_flight(g.dev), 0);
	guest_fini(&g);
}

struct watcher {
	_Atomic bool over;
	const _Atomic uint16_t *idx;
	uint32_t torn;
};

static void *watch(void *arg)
{
	struct watcher *w = arg;

	while (!w->over)
		w->torn += atomic_load(w->idx) % 4 != 0;
	return NULL;
}

static void chains_of_one_frame_are_seen_together(void **unused)
{
	struct watcher w = { 0 };
	pthread_t thread;
	uint32_t taken = 0;

	(void)unused;
	guest_init(&g, 1, 0);
	guest_up(&g, 1, 16, FEATURES_ALL);
	w.idx = (const _Atomic uint16_t *)guest_at(&g, g.q[0].used + 2, 2);
	assert_int_equal(pthread_create(&thread, NULL, watch, &w), 0);
	for (uint32_t round = 0; round < 50000; round++) {
		struct ukvmm_chain *chain[4];
		uint32_t id, len;

		offer(round * 4, 4);
		for (int i = 0; i < 4; i++)
			chain[i] = pop(&g, 0);
		virtio_queue_push_all(queue(), chain, 4);
		while (guest_take(&g, 0, &id, &len))
			taken++;
	}
	w.over = true;
	pthread_join(thread, NULL);
	assert_int_equal(w.torn, 0);
	assert_int_equal(taken, 200000);
	virtio_queue_push_all(queue(), NULL, 0);
	guest_fini(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pop_that_was_taken_back_comes_again),
		cmocka_unit_test(the_driver_still_notifies),
		cmocka_unit_test(after_a_reset_there_is_nothing_to_take_back),
		cmocka_unit_test(a_jump_behind_a_pop_taken_back_is_seen),
		cmocka_unit_test(a_held_chain_is_told_where_it_lies),
		cmocka_unit_test(a_reset_waits_for_a_held_chain),
		cmocka_unit_test(chains_of_one_frame_are_seen_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
