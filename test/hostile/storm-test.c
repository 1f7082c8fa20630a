/* SPDX-License-Identifier: Apache-2.0 */
/* A driver that does something without end: the others get their turns, and nothing grows. Counted, not timed. */
#include "suite.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "fake.h"
#include "x86_map.h"

enum { KICKS = 100000, RESETS = 300, ACKS = 100000, PINGS = 200, SOME_BYTES = 4 << 20,
	TURN = 2 * 64 /* of a pass of the poller: for a kick, and for what was woken */ };

/* The device's pin of the IOAPIC: edge, vector 0x40, unmasked. */
static void unmask(struct hostile *h)
{
	uint32_t entry = 0x10 + 2 * h->dev.device->gsi;

	hostile_mmio(h, X86_IOAPIC_BASE, 4, true, entry + 1);
	hostile_mmio(h, X86_IOAPIC_BASE + 0x10, 4, true, 0);
	hostile_mmio(h, X86_IOAPIC_BASE, 4, true, entry);
	hostile_mmio(h, X86_IOAPIC_BASE + 0x10, 4, true, 0x40);
}

static uint32_t msis(struct hostile *h)
{
	return fake_vm(h->d.fake, h->d.vm->shell->kvm.fd)->msis;
}

static void offer_request(struct hostile *h)
{
	struct drive_seg seg[8];
	uint32_t n = h->subject->request(h, seg);

	drive_put(&h->dev, h->subject->pull, seg, n);
}

/* A notification is passed on once until the device looks. */
static void kicks_without_end_cost_their_sender_only(void **state)
{
	struct hostile *h = *state;
	struct held before = held_now(h);

	for (uint32_t i = 0; i < KICKS; i++)
		drive_kick(&h->dev, i % h->subject->queues);
	assert_neighbours_work(h);
	assert_held(h, before, SOME_BYTES);
	CHECK(!is_broken(h));
	h->subject->works(h);
}

/* An eventfd does not say which queue, nor whether it is a moment for it: every queue is looked at, once. */
static void eventfd_kicks_without_end_cost_their_sender_only(void **state)
{
	struct hostile *h = *state;
	struct ukvmm_device *device = h->dev.device;
	struct held before = held_now(h);
	uint64_t one = 1;

	if (h->subject->kicks != UKVMM_KICKS_EVENTFD) /* its kicks are exits, for now at least */
		skip();
	CHECK(device->kick_fd >= 0 && device->kick_registered);
	for (uint32_t i = 0; i < KICKS; i++) {
		CHECK(write(device->kick_fd, &one, sizeof one) == sizeof one);
		if (i % 1000 == 0)
			drive_poll(&h->d);
		if (i % 10000 == 0) /* also of a device that is not live */
			drive_reg_set(&h->dev, REG_STATUS, 4, 0);
	}
	assert_neighbours_work(h);
	hostile_up(h);
	offer_request(h); /* and it is heard */
	CHECK(write(device->kick_fd, &one, sizeof one) == sizeof one);
	drive_wait_used(&h->dev, h->subject->pull, NULL);
	assert_held(h, before, SOME_BYTES);
	assert_recovers(h);
}

/* Resets with requests in flight, queued, and unseen. */
static void resets_without_end_cost_their_sender_only(void **state)
{
	struct hostile *h = *state;
	struct held before = held_now(h);

	for (uint32_t i = 0; i < RESETS; i++) {
		hostile_up(h);
		for (uint32_t n = 0; n < i % 3; n++)
			offer_request(h);
		drive_kick(&h->dev, h->subject->pull);
		hostile_turns(h, i % 4);
		for (uint32_t n = 0; n < i % 5; n++)
			drive_reg_set(&h->dev, REG_STATUS, 4, 0);
		if (i % 50 == 0)
			assert_neighbours_work(h);
	}
	assert_neighbours_work(h);
	assert_recovers(h);
	assert_held(h, before, SOME_BYTES);
}

/* An acknowledge that leaves nothing unseen is followed by no interrupt, however often. */
static void acknowledges_without_end_raise_no_interrupt(void **state)
{
	struct hostile *h = *state;
	uint32_t before;

	unmask(h);
	before = msis(h);
	h->subject->works(h);
	CHECK(msis(h) > before);
	drive_reg_set(&h->dev, REG_INTERRUPT_ACK, 4, 3);
	before = msis(h);
	for (uint32_t i = 0; i < ACKS; i++)
		drive_reg_set(&h->dev, REG_INTERRUPT_ACK, 4, i);
	CHECK(msis(h) == before);
	assert_neighbours_work(h);
	assert_recovers(h);
}

/* Answers that nobody acknowledges are one interrupt: a storm is the driver's own making. */
static void answers_without_acknowledge_raise_one_interrupt(void **state)
{
	struct hostile *h = *state;
	uint32_t before;

	hostile_up_with(h, 0, RING);
	unmask(h);
	drive_reg_set(&h->dev, REG_INTERRUPT_ACK, 4, 3);
	before = msis(h);
	for (uint32_t i = 0; i < 100; i++) {
		offer_request(h);
		drive_kick(&h->dev, h->subject->pull);
		drive_wait_used(&h->dev, h->subject->pull, NULL);
		hostile_drain(h);
	}
	CHECK(msis(h) == before + 1);
	assert_neighbours_work(h);
	assert_recovers(h);
}

/* However much is offered at once, a pass of the poller does a piece of it: then it is somebody else's. */
static void one_turn_is_a_bounded_piece_of_work(void **state)
{
	struct hostile *h = *state;
	const uint32_t q = h->subject->pull;
	struct ukvmm_queue *queue = virtio_dev_queue(h->dev.virtio, q);
	struct drive_seg seg[8];
	uint32_t n = h->subject->request(h, seg);
	uint64_t before;

	hostile_up_with(h, FEATURE_INDIRECT_DESC, VIRTIO_QUEUE_SIZE);
	for (uint32_t i = 0; i < n; i++)
		hostile_desc_at(h, h->buf, i, seg[i].gpa, seg[i].len,
			(seg[i].write ? DESC_WRITE : 0) | (i + 1 < n ? DESC_NEXT : 0), i + 1);
	for (uint16_t i = 0; i < VIRTIO_QUEUE_SIZE; i++) {
		hostile_desc(h, q, i, h->buf, 16 * n, DESC_INDIRECT, 0);
		hostile_offer(h, q, i);
	}
	before = virtio_queue_popped(queue);
	drive_kick(&h->dev, q);
	if (virtio_queue_popped(queue) == before) /* not within the kick */
		drive_poll(&h->d);
	CHECK(virtio_queue_popped(queue) > before && virtio_queue_popped(queue) <= before + TURN);
	assert_neighbours_work(h);
	for (uint32_t i = 0; i < VIRTIO_QUEUE_SIZE; i++) { /* and nothing of it is forgotten */
		drive_wait_used(&h->dev, q, NULL);
		if (i % 16 == 0)
			hostile_drain(h);
	}
	CHECK(!is_broken(h));
	assert_recovers(h);
}

struct producer {
	struct hostile *h;
	_Atomic bool over;
	_Atomic uint64_t offered;
};

/* Every entry of the ring refers to one and the same request; the index runs as fast as the device lets it. */
static void *produce(void *arg)
{
	struct producer *p = arg;
	struct hostile *h = p->h;
	struct drive_queue *q = &h->dev.q[h->subject->pull];
	struct ring_avail *avail = drive_at(&h->d, q->avail, 6 + 2ull * q->size);
	uint16_t idx = q->avail_idx;

	while (!atomic_load(&p->over)) {
		uint16_t used = hostile_used_idx(h, h->subject->pull);

		if ((uint16_t)(idx - used) >= q->size)
			continue;
		atomic_store_explicit(&avail->ring[idx % q->size], (uint16_t)(idx % q->size), memory_order_relaxed);
		atomic_store_explicit(&avail->idx, ++idx, memory_order_release);
		atomic_fetch_add(&p->offered, 1);
	}
	return NULL;
}

/* CH fbcf2fd6b: a queue that is filled as fast as it is emptied does not keep the poller. */
static void a_queue_that_is_never_empty_starves_nobody(void **state)
{
	struct hostile *h = *state;
	const uint32_t q = h->subject->pull;
	struct producer p = { .h = h };
	struct drive_seg seg[8];
	uint32_t n = h->subject->request(h, seg);
	struct held before;
	pthread_t thread;

	/* a table of one request for all */
	hostile_up_with(h, FEATURE_INDIRECT_DESC, RING);
	for (uint32_t i = 0; i < n; i++)
		hostile_desc_at(h, h->buf, i, seg[i].gpa, seg[i].len,
			(seg[i].write ? DESC_WRITE : 0) | (i + 1 < n ? DESC_NEXT : 0), i + 1);
	for (uint32_t i = 0; i < RING; i++)
		hostile_desc(h, q, i, h->buf, 16 * n, DESC_INDIRECT, 0);
	before = held_now(h);
	CHECK(!pthread_create(&thread, NULL, produce, &p));
	for (uint32_t i = 0; i < PINGS || atomic_load(&p.offered) < 2 * RING; i++) {
		drive_reg_set(&h->dev, REG_INTERRUPT_ACK, 4, 3);
		drive_kick(&h->dev, q);
		hostile_drain(h);
		assert_neighbours_work(h);
	}
	atomic_store(&p.over, true);
	pthread_join(thread, NULL);
	CHECK(hostile_used_idx(h, q) || atomic_load(&p.offered) > RING);
	assert_held(h, before, SOME_BYTES);
	CHECK(!is_broken(h));
	assert_recovers(h);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ROW(kicks_without_end_cost_their_sender_only),
		ROW(eventfd_kicks_without_end_cost_their_sender_only),
		ROW(resets_without_end_cost_their_sender_only),
		ROW(acknowledges_without_end_raise_no_interrupt),
		ROW(answers_without_acknowledge_raise_one_interrupt),
		ROW(one_turn_is_a_bounded_piece_of_work),
		ROW(a_queue_that_is_never_empty_starves_nobody),
	};

	return SUITE_RUN(tests, NULL);
}
