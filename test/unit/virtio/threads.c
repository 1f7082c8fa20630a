/* SPDX-License-Identifier: Apache-2.0 */
/* A driver on one thread, the device on another: no wakeup is lost, and a driver that rewrites everything
 * while the device reads it gets no further than a reset. Iterations are counted, not timed. */
#include "guest.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SANITIZE_THREAD__
enum { SCALE = 1 };
#else
enum { SCALE = 4 };
#endif

/* ---- no lost wakeup ---- */

enum { SIZE = 16, ROUND_TRIPS = 6000 * SCALE };

struct machine {
	struct guest g;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool kicked, interrupted; /* guarded by lock */
	_Atomic bool over, resetting;
	_Atomic uint32_t chains, breaks;
	uint64_t features;
	uint32_t notifications;
};

static void say(struct machine *m, bool *what)
{
	pthread_mutex_lock(&m->lock);
	*what = true;
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
}

static void hear(struct machine *m, bool *what)
{
	pthread_mutex_lock(&m->lock);
	while (!*what)
		pthread_cond_wait(&m->changed, &m->lock);
	*what = false;
	pthread_mutex_unlock(&m->lock);
}

static void m_interrupt(void *ctx)
{
	struct machine *m = ctx;

	say(m, &m->interrupted);
}

static void m_kick(void *ctx, uint32_t q)
{
	struct machine *m = ctx;

	(void)q;
	say(m, &m->kicked);
}

static void m_driver_ok(void *ctx, uint64_t features)
{
	(void)ctx;
	(void)features;
}

static void m_reset(void *ctx)
{
	struct machine *m = ctx;

	atomic_store(&m->resetting, true);
	say(m, &m->kicked);
}

static void m_broken(void *ctx, const char *reason)
{
	struct machine *m = ctx;

	(void)reason;
	atomic_fetch_add(&m->breaks, 1);
}

static const struct virtio_host machine_host = { m_interrupt, m_kick, m_driver_ok, m_reset, m_broken };

static void machine_init(struct machine *m, uint64_t features)
{
	memset(m, 0, sizeof *m);
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->changed, NULL);
	guest_init_host(&m->g, 1, &machine_host, m);
	guest_up(&m->g, 1, SIZE, features);
	m->features = features;
}

static void machine_fini(struct machine *m)
{
	guest_fini(&m->g);
	pthread_cond_destroy(&m->changed);
	pthread_mutex_destroy(&m->lock);
}

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
		atomic_store(&m.over, true);
		say(&m, &m.kicked);
		pthread_join(device, NULL);
		assert_int_equal(virtio_dev_violations(m.g.dev), 0);
		machine_fini(&m);
	}
}

/* ---- a driver that rewrites what the device reads ---- */

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
	atomic_store(&m.over, true);
	say(&m, &m.kicked);
	pthread_join(changing, NULL);
	pthread_join(device, NULL);

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

/* ---- a reset in the middle of a copy ---- */

enum { RESETS = 100 * SCALE, COPY = 1 << 20 };

static void *copying_thread(void *arg)
{
	struct machine *m = arg;
	uint8_t *bytes = malloc(COPY);

	assert_non_null(bytes);
	for (uint32_t round = 1; !atomic_load(&m->over); round++) {
		struct ukvmm_chain *chain;

		hear(m, &m->kicked);
		if (atomic_exchange(&m->resetting, false))
			virtio_dev_reset_done(m->g.dev);
		chain = pop(&m->g, 0);
		if (!chain)
			continue;
		memset(bytes, (int)round, COPY);
		atomic_fetch_add(&m->chains, 1);
		ukvmm_chain_write(chain, bytes, COPY);
		push(&m->g, 0, chain);
		say(m, &m->interrupted);
	}
	free(bytes);
	return NULL;
}

/* The driver that has reset its device owns its memory again, at once. */
static void memory_is_still_after_a_reset(void **state)
{
	static struct machine m;
	pthread_t device;
	uint8_t *then = malloc(COPY);

	(void)state;
	assert_non_null(then);
	machine_init(&m, FEATURES_ALL);
	assert_int_equal(pthread_create(&device, NULL, copying_thread, &m), 0);
	for (uint32_t i = 0; i < RESETS; i++) {
		uint32_t chains = atomic_load(&m.chains);

		guest_desc(&m.g, 0, 0, BUFFERS, COPY, DESC_WRITE, 0);
		guest_offer(&m.g, 0, 0);
		guest_notify(&m.g, 0);
		while (atomic_load(&m.chains) == chains)
			sched_yield();
		if (i & 1) {
			reg_set(&m.g, REG_STATUS, 0);
		} else {
			reg_set(&m.g, REG_QUEUE_SEL, 0);
			reg_set(&m.g, REG_QUEUE_READY, 0);
		}
		memcpy(then, guest_at(&m.g, BUFFERS, COPY), COPY);
		hear(&m, &m.interrupted);
		assert_memory_equal(then, guest_at(&m.g, BUFFERS, COPY), COPY);
		guest_up(&m.g, 1, SIZE, FEATURES_ALL);
	}
	atomic_store(&m.over, true);
	say(&m, &m.kicked);
	pthread_join(device, NULL);
	free(then);
	machine_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_wakeup_is_lost),
		cmocka_unit_test(rewriting_gains_nothing),
		cmocka_unit_test(memory_is_still_after_a_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
