/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Double fetches. While the device serves its queues on the poller's thread and a vCPU's thread offers requests,
 * notifies and resets, another thread rewrites what the device reads: descriptors, indirect tables, ring indices,
 * the bytes of requests. A second vCPU writes its registers. What is checked must be what is used: under ASan nothing
 * is touched out of bounds, under TSan guest memory is read by atomic loads or by the copying functions, and at the
 * end a reset brings back a device that works, in a VM whose neighbours never noticed.
 *
 *	hostile-rewrite DEVICE [SECONDS]	(or HOSTILE_SECONDS; else 10 under a sanitizer, 2 without)
 */
#include "hostile.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
enum { SECONDS = 10 };
#else
enum { SECONDS = 2 };
#endif

enum { CHANGES = 64, REQUEST_BYTES = 0x10000 };
#define PATIENCE_NS 200000000000ull

struct race {
	struct hostile h;
	struct drive_dev second; /* the device as the second vCPU's thread has it */
	struct drive_queue q[VIRTIO_QUEUES]; /* where the rings are; they stay there */
	uint64_t end;
	_Atomic bool over;
	uint64_t changes, requests, resets, turns;
};

static uint32_t any(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33) % below;
}

static uint64_t any_gpa(struct race *r, uint64_t *seed)
{
	const uint64_t gpas[] = { r->h.buf + 0x10000 + any(seed, 0x8000), r->h.buf + 0x10000,
		DRIVE_RAM - any(seed, 32), UINT64_MAX - any(seed, 32), X86_VIRTIO_BASE + REG_QUEUE_NOTIFY,
		r->h.buf + any(seed, 0x1000) };

	return gpas[any(seed, 6)];
}

static void change_desc(struct race *r, uint64_t *seed, uint64_t table, uint32_t entries)
{
	const uint32_t lens[] = { 0, 1, 12, 16, 44, 64, 512, 1500, 4096, 65536, 0x7fffffff, UINT32_MAX };

	hostile_desc_at(&r->h, table, any(seed, entries), any_gpa(r, seed), lens[any(seed, 12)],
		any(seed, any(seed, 4) ? 4 : 8), any(seed, entries + 1));
}

/* Half of a descriptor: the address of one, the length of another. */
static void change_half(struct race *r, uint64_t *seed, uint64_t table, uint32_t entries)
{
	_Atomic uint64_t *word = drive_at(&r->h.d, table + 16ull * any(seed, entries), 16);

	if (any(seed, 2))
		atomic_store_explicit(&word[0], any_gpa(r, seed), memory_order_relaxed);
	else
		atomic_fetch_xor_explicit(&word[1], 1ull << any(seed, 64), memory_order_relaxed);
}

static void change_index(struct race *r, uint64_t *seed, const struct drive_queue *q)
{
	_Atomic uint16_t *avail = drive_at(&r->h.d, q->avail, 6 + 2ull * RING);
	uint32_t at = any(seed, 3 + RING);
	/* mostly the ring entries and used_event; an index that jumps breaks the device each time */
	uint32_t value = at == 1 ? atomic_load(&avail[1]) + any(seed, 4) : any(seed, RING + (any(seed, 64) == 0));

	if (at != 1 || any(seed, 16) == 0)
		atomic_store_explicit(&avail[at], (uint16_t)value, memory_order_relaxed);
}

static void change_request(struct race *r, uint64_t *seed)
{
	_Atomic uint8_t *bytes = drive_at(&r->h.d, r->h.buf + 0x10000, REQUEST_BYTES);
	uint32_t at = any(seed, 4) ? any(seed, 64) : any(seed, REQUEST_BYTES);
	const uint8_t values[] = { 0, 1, 0xff, (uint8_t)any(seed, 256) };

	atomic_store_explicit(&bytes[at], values[any(seed, 4)], memory_order_relaxed);
}

static void change(struct race *r, uint64_t *seed)
{
	const struct drive_queue *q = &r->q[any(seed, r->h.subject->queues)];

	switch (any(seed, 8)) {
	case 0:
		change_desc(r, seed, q->desc, RING);
		break;
	case 1:
		change_half(r, seed, q->desc, RING);
		break;
	case 2:
		change_desc(r, seed, r->h.buf, 16);
		break;
	case 3:
		change_half(r, seed, r->h.buf, 16);
		break;
	case 4:
		change_index(r, seed, q);
		break;
	default:
		change_request(r, seed);
		break;
	}
}

static void *changing_thread(void *arg)
{
	struct race *r = arg;
	uint64_t seed = 1;

	while (!atomic_load(&r->over)) {
		for (uint32_t i = 0; i < CHANGES; i++)
			change(r, &seed);
		r->changes += CHANGES;
		sched_yield(); /* let the device see something whole now and then */
	}
	return NULL;
}

static void *poller_thread(void *arg)
{
	struct race *r = arg;
	struct pollfd fd = { .fd = ukvmm_poller_fd(r->h.d.poller), .events = POLLIN };

	while (!atomic_load(&r->over)) {
		struct ukvmm_event ev[4];

		poll(&fd, 1, 10);
		CHECK(ukvmm_poller_run(r->h.d.poller, ev, 4, 0) >= 0);
		r->turns++;
	}
	return NULL;
}

static void set(struct race *r, uint64_t off, uint64_t value)
{
	drive_reg_set(&r->h.dev, off, 4, (uint32_t)value);
}

/* As drive_dev_up, but on the vCPU's side alone, over the rings as they are; it may be broken again at once. */
static void live_again(struct race *r, uint64_t *seed)
{
	uint64_t features = any(seed, 2) ? r->h.dev.features : r->h.dev.features & ~FEATURE_EVENT_IDX;

	set(r, REG_STATUS, 0);
	set(r, REG_STATUS, STATUS_ACKNOWLEDGE);
	set(r, REG_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	for (uint32_t i = 0; i < 2; i++) {
		set(r, REG_DRIVER_FEATURES_SEL, i);
		set(r, REG_DRIVER_FEATURES, features >> 32 * i);
	}
	set(r, REG_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
	for (uint32_t q = 0; q < r->h.subject->queues; q++) {
		const uint64_t at[] = { r->q[q].desc, r->q[q].avail, r->q[q].used };
		_Atomic uint16_t *avail = drive_at(&r->h.d, at[1], 4);

		atomic_store(&avail[1], 0);
		r->h.dev.q[q] = r->q[q];
		set(r, REG_QUEUE_SEL, q);
		set(r, REG_QUEUE_NUM, RING);
		for (uint32_t i = 0; i < 3; i++) {
			set(r, REG_QUEUE_DESC_LOW + 0x10 * i, at[i]);
			set(r, REG_QUEUE_DESC_LOW + 0x10 * i + 4, at[i] >> 32);
		}
		set(r, REG_QUEUE_READY, 1);
	}
	set(r, REG_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
	r->resets++;
}

/* A request as it should be, in the ring or in a table: for a moment it is one. */
static void offer(struct race *r, uint64_t *seed)
{
	struct hostile *h = &r->h;
	uint32_t q = any(seed, 4) ? h->subject->pull : any(seed, h->subject->queues);
	uint32_t first = any(seed, RING), indirect = any(seed, 3) == 0;
	struct drive_seg seg[8];
	uint32_t n = h->subject->request(h, seg);

	for (uint32_t i = 0; i < n; i++)
		hostile_desc_at(h, indirect ? h->buf : h->dev.q[q].desc, indirect ? i : (first + i) % RING, seg[i].gpa,
			seg[i].len, (seg[i].write ? DESC_WRITE : 0) | (i + 1 < n ? DESC_NEXT : 0),
			indirect ? i + 1 : (first + i + 1) % RING);
	if (indirect)
		hostile_desc(h, q, first, h->buf, 16 * n, DESC_INDIRECT, 0);
	hostile_offer(h, q, (uint16_t)first);
	if (any(seed, 4) == 0)
		sched_yield(); /* it is there, and nobody looks yet */
	drive_kick(&h->dev, q);
	r->requests++;
}

/* Of what the device read, not of registers. */
static uint64_t ring_violations(const struct race *r)
{
	uint64_t sum = 0;

	for (uint32_t why = VIRTIO_AVAIL_JUMP; why < VIRTIO_VIOLATIONS; why++)
		sum += violations_of(&r->h, why);
	return sum;
}

/* It was a race indeed: the device served, and was broken. */
static bool raced(const struct race *r)
{
	return r->resets && virtio_queue_popped(virtio_dev_queue(r->h.dev.virtio, r->h.subject->pull)) > 100 &&
		ring_violations(r) > 0;
}

static void vcpu(struct race *r)
{
	uint64_t seed = 2;

	/* where others have the CPUs, until it was one */
	while (ukvmm_now() < r->end || (!raced(r) && ukvmm_now() < r->end + PATIENCE_NS)) {
		uint64_t status = drive_reg(&r->h.dev, REG_STATUS, 4);

		if (status & STATUS_NEEDS_RESET || !(status & STATUS_DRIVER_OK) || any(&seed, 256) == 0)
			live_again(r, &seed);
		for (uint32_t i = 0; i < 8; i++)
			offer(r, &seed);
		if (r->h.subject->poke && any(&seed, 16) == 0)
			r->h.subject->poke(&r->h);
		set(r, REG_INTERRUPT_ACK, any(&seed, 4));
		sched_yield();
	}
}

/* Any register, any width; a reset, and a queue that is stopped, now and then. */
static void *second_vcpu_thread(void *arg)
{
	struct race *r = arg;
	uint64_t seed = 3;

	while (!atomic_load(&r->over)) {
		const uint64_t often[] = { REG_QUEUE_NOTIFY, REG_QUEUE_NOTIFY, REG_INTERRUPT_ACK, REG_QUEUE_SEL };
		uint64_t off = any(&seed, 4) ? often[any(&seed, 4)] : any(&seed, 0x200) & ~(any(&seed, 2) ? 3u : 0u);
		uint32_t width = any(&seed, 8) ? 4 : 1 + any(&seed, 8);
		uint32_t rare = any(&seed, 1 << 14);

		if (rare == 0)
			drive_reg_set(&r->second, REG_STATUS, 4, 0);
		else if (rare == 1)
			drive_reg_set(&r->second, REG_QUEUE_READY, 4, 0);
		else if (off != REG_STATUS && any(&seed, 2))
			drive_reg_set(&r->second, off, width, any(&seed, 4));
		else
			drive_reg(&r->second, off, width);
		if (rare % 8 == 2)
			sched_yield();
	}
	return NULL;
}

static uint64_t seconds(int argc, char **argv)
{
	const char *text = argc > 2 ? argv[2] : getenv("HOSTILE_SECONDS");
	unsigned long n = text ? strtoul(text, NULL, 10) : 0;

	return n ? n : SECONDS;
}

int main(int argc, char **argv)
{
	static struct race r;
	pthread_t changing, poller, second;
	struct held before;

	if (argc < 2 || !subject_named(argv[1]))
		return 2;
	hostile_init(&r.h, subject_named(argv[1]));
	memcpy(r.q, r.h.dev.q, sizeof r.q);
	for (uint32_t q = 0; q < r.h.subject->queues; q++)
		r.q[q].avail_idx = r.q[q].used_idx = 0;
	drive_dev_moved(&r.second, &r.h.d, 0);
	before = held_now(&r.h);
	r.end = ukvmm_now() + seconds(argc, argv) * 1000000000;
	CHECK(!pthread_create(&changing, NULL, changing_thread, &r));
	CHECK(!pthread_create(&second, NULL, second_vcpu_thread, &r));
	CHECK(!pthread_create(&poller, NULL, poller_thread, &r));
	vcpu(&r);
	atomic_store(&r.over, true);
	pthread_join(changing, NULL);
	pthread_join(second, NULL);
	pthread_join(poller, NULL);

	printf("%s: %llu changes, %llu requests, %llu resets, %llu turns, %llu chains, %llu violations\n", argv[1],
		(unsigned long long)r.changes, (unsigned long long)r.requests, (unsigned long long)r.resets,
		(unsigned long long)r.turns,
		(unsigned long long)virtio_queue_popped(virtio_dev_queue(r.h.dev.virtio, r.h.subject->pull)),
		(unsigned long long)ring_violations(&r));
	CHECK(r.changes);
	CHECK(raced(&r));
	assert_held(&r.h, before, 32 << 20);
	assert_neighbours_work(&r.h);
	assert_recovers(&r.h);
	hostile_fini(&r.h);
	return 0;
}
