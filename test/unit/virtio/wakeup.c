/* SPDX-License-Identifier: Apache-2.0 */
/* Driver and device each sleep when there is nothing to do: no wakeup is lost. */
#include "machine.h"

#include <string.h>

enum { ROUND_TRIPS = 6000 * SCALE };

static void *device_thread(void *arg)
{
	struct machine *m = arg;

	while (!atomic_load(&m->over)) {
		struct ukvmm_chain *chain;
		uint32_t value = 0;

		while ((chain = pop(&m->g, 0))) {
			if (ukvmm_chain_read(chain, &value, 4) == 4) {
				value = ~value;
				ukvmm_chain_write(chain, &value, 4);
			}
			push(&m->g, 0, chain);
			if (value % 3 == 0)
				notify(&m->g, 0);
		}
		notify(&m->g, 0);
		hear(m, &m->kicked);
	}
	return NULL;
}

static _Atomic uint16_t *ring16(struct machine *m, uint64_t gpa)
{
	return guest_at(&m->g, gpa, 2);
}

/* Offers one and notifies if the device wants it, as §2.7.13 says. */
static void driver_send(struct machine *m, uint16_t head, uint32_t value)
{
	struct guest_queue *q = &m->g.q[0];
	uint64_t in = BUFFERS + head * 8ull;
	uint16_t old = q->avail_idx, event;
	bool wanted;

	memcpy(guest_at(&m->g, in, 4), &value, 4);
	guest_offer(&m->g, 0, head);
	atomic_thread_fence(memory_order_seq_cst);
	event = atomic_load_explicit(ring16(m, q->used + 4 + 8 * SIZE), memory_order_relaxed);
	if (m->features & FEATURE_EVENT_IDX)
		wanted = event == old;
	else
		wanted = !(atomic_load_explicit(ring16(m, q->used), memory_order_relaxed) & USED_NO_NOTIFY);
	if (wanted) {
		m->notifications++;
		guest_notify(&m->g, 0);
	}
}

static bool driver_reap(struct machine *m, uint32_t *sum, uint16_t *head)
{
	uint32_t id, len, value;

	if (!guest_take(&m->g, 0, &id, &len))
		return false;
	assert_int_equal(len, 4);
	memcpy(&value, guest_at(&m->g, BUFFERS + 4 + id * 8ull, 4), 4);
	*sum += ~value;
	*head = (uint16_t)id;
	return true;
}

/* Asks for an interrupt at the next used one and looks again before it sleeps. */
static void driver_wait(struct machine *m)
{
	struct guest_queue *q = &m->g.q[0];

	if (m->features & FEATURE_EVENT_IDX)
		atomic_store_explicit(
			ring16(m, q->avail + 4 + 2 * SIZE), q->used_idx, memory_order_relaxed);
	else
		atomic_store_explicit(ring16(m, q->avail), 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(ring16(m, q->used + 2), memory_order_acquire) == q->used_idx) {
		hear(m, &m->interrupted);
		reg_set(&m->g, REG_INTERRUPT_ACK, reg_get(&m->g, REG_INTERRUPT_STATUS));
	}
	if (!(m->features & FEATURE_EVENT_IDX))
		atomic_store_explicit(ring16(m, q->avail), AVAIL_NO_INTERRUPT, memory_order_relaxed);
}

static void drive(struct machine *m)
{
	uint32_t sent = 0, reaped = 0, sum = 0, want = 0;
	uint16_t head, free_heads[SIZE];
	uint32_t free_count = 0;

	for (uint16_t i = 0; i < SIZE / 2; i++) {
		guest_desc(&m->g, 0, 2u * i, BUFFERS + 16ull * i, 4, DESC_NEXT, (uint16_t)(2 * i + 1));
		guest_desc(&m->g, 0, 2u * i + 1, BUFFERS + 16ull * i + 4, 4, DESC_WRITE, 0);
		free_heads[free_count++] = (uint16_t)(2 * i);
	}
	while (reaped < ROUND_TRIPS) {
		uint32_t burst = 1 + sent % (SIZE / 2);

		while (burst-- && free_count && sent < ROUND_TRIPS) {
			driver_send(m, free_heads[--free_count], sent);
			want += sent++;
		}
		if (driver_reap(m, &sum, &head)) {
			free_heads[free_count++] = head;
			reaped++;
		} else {
			driver_wait(m);
		}
	}
	assert_int_equal(sum, want);
}

static void no_wakeup_is_lost(void **state)
{
	const uint64_t features[] = { FEATURE_VERSION_1, FEATURE_VERSION_1 | FEATURE_EVENT_IDX };

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		static struct machine m;
		pthread_t device;

		machine_init(&m, features[i]);
		assert_int_equal(pthread_create(&device, NULL, device_thread, &m), 0);
		drive(&m);
		assert_true(m.notifications <= ROUND_TRIPS);
		machine_over(&m, device);
		assert_int_equal(virtio_dev_violations(m.g.dev), 0);
		machine_fini(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_wakeup_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
