/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a driver can do to the rings of any device (virtio 1.2 §2.7): each case is one property, for the device named
 * by the argument. unit-virtio-violations has every value at its edge for the queue alone; here the whole of a VM
 * is looked at: device, neighbours, memory, statistics and recovery.
 */
#include "suite.h"

#include <string.h>

#include "x86_map.h"

static uint32_t pull(const struct hostile *h)
{
	return h->subject->pull;
}

/* CH 563303b50, 3402bc076 */
static void avail_index_that_jumps_breaks_the_device_only(void **state)
{
	struct hostile *h = *state;
	const uint16_t jumps[] = { RING + 1, 0x7fff, 0x8000, 0xffff };

	for (uint32_t i = 0; i < COUNT(jumps); i++) {
		hostile_avail_idx(h, pull(h), jumps[i]);
		assert_breaks(h, VIRTIO_AVAIL_JUMP);
	}
}

/* kvmtool core.c: a popped head was not checked */
static void head_outside_of_the_table_is_not_followed(void **state)
{
	struct hostile *h = *state;
	const uint16_t heads[] = { RING, 0x7fff, 0x8000, 0xffff };

	for (uint32_t i = 0; i < COUNT(heads); i++) {
		hostile_offer(h, pull(h), heads[i]);
		assert_breaks(h, VIRTIO_HEAD_RANGE);
	}
}

/* CVE-2026-45782 */
static void same_head_twice_in_flight_is_refused(void **state)
{
	struct hostile *h = *state;
	struct drive_seg seg[8];
	uint32_t n = h->subject->request(h, seg);
	uint16_t head = drive_put(&h->dev, pull(h), seg, n);
	uint64_t before = violations_of(h, VIRTIO_HEAD_BUSY);

	for (uint32_t i = 1; i < RING; i++)
		hostile_offer(h, pull(h), head);
	drive_kick(&h->dev, pull(h));
	hostile_turns(h, 64);
	/* A device that answers at once has none in flight: each is a request of its own then. */
	CHECK(virtio_dev_in_flight(h->dev.virtio) <= 1 || is_broken(h));
	if (is_broken(h))
		assert_broken_by(h, VIRTIO_HEAD_BUSY, before);
	assert_neighbours_work(h);
	assert_recovers(h);
}

/* kvmtool core.c: no TTL; CVE-2016-6490: a loop of nothing */
static void chains_without_end_are_ended(void **state)
{
	struct hostile *h = *state;
	const uint32_t q = pull(h);

	hostile_desc(h, q, 0, h->buf, 16, DESC_NEXT, 0);
	hostile_offer(h, q, 0);
	assert_breaks(h, VIRTIO_CHAIN_LONG);
	for (uint32_t i = 0; i < RING; i++)
		hostile_desc(h, q, i, h->buf, 16, DESC_NEXT, (i + 1) % RING);
	hostile_offer(h, q, 3);
	assert_breaks(h, VIRTIO_CHAIN_LONG);
	hostile_desc_at(h, h->buf, 0, h->buf, 16, DESC_NEXT, 1);
	hostile_desc_at(h, h->buf, 1, h->buf, 16, DESC_NEXT, 0);
	hostile_desc(h, q, 0, h->buf, 32, DESC_INDIRECT, 0);
	hostile_offer(h, q, 0);
	assert_breaks(h, VIRTIO_CHAIN_LONG);
	hostile_desc(h, q, 0, h->buf, 16, DESC_NEXT, RING);
	hostile_offer(h, q, 0);
	assert_breaks(h, VIRTIO_NEXT_RANGE);
}

static void readable_after_writable_is_refused(void **state)
{
	struct hostile *h = *state;
	const uint32_t q = pull(h);

	hostile_desc(h, q, 0, h->buf, 16, DESC_NEXT | DESC_WRITE, 1);
	hostile_desc(h, q, 1, h->buf, 16, 0, 0);
	hostile_offer(h, q, 0);
	assert_breaks(h, VIRTIO_CHAIN_ORDER);
}

static void refused_buffer(struct hostile *h, uint64_t gpa, uint32_t len)
{
	const uint32_t q = pull(h);

	for (uint32_t write = 0; write <= DESC_WRITE; write += DESC_WRITE) {
		hostile_desc(h, q, 0, h->buf, 16, DESC_NEXT | write, 1);
		hostile_desc(h, q, 1, gpa, len, write, 0);
		hostile_offer(h, q, 0);
		assert_breaks(h, VIRTIO_BUFFER_PLACE);
	}
}

/* CVE-2019-18960, CH e2b9fa261, CVE-2016-7422, CVE-2021-3750 */
static void buffers_lie_wholly_in_ram(void **state)
{
	struct hostile *h = *state;

	refused_buffer(h, DRIVE_RAM - 8, 16);
	refused_buffer(h, DRIVE_RAM, 1);
	refused_buffer(h, h->buf, 0);
	refused_buffer(h, h->buf, UINT32_MAX);
	refused_buffer(h, UINT64_MAX - 7, 16);
	refused_buffer(h, UINT64_MAX - UINT32_MAX, UINT32_MAX);
	refused_buffer(h, 1ull << 63, 16);
}

/* CVE-2019-18960 itself: both ends in RAM, and between them what is not. */
static void buffers_do_not_span_the_gap(void **state)
{
	struct hostile *h = calloc(1, sizeof *h);

	(void)state;
	CHECK(h);
	hostile_init_ram(h, suite_subject, X86_RAM_GAP_START + (64 << 20));
	CHECK(mem_ptr(&h->d.vm->ram, X86_RAM_GAP_START - 16, 16) && mem_ptr(&h->d.vm->ram, X86_RAM_GAP_END, 16));
	refused_buffer(h, X86_RAM_GAP_START - 16, 32);
	refused_buffer(h, X86_RAM_GAP_START - 16, (uint32_t)(X86_RAM_GAP_END - X86_RAM_GAP_START) + 32);
	refused_buffer(h, X86_RAM_GAP_END - 16, 32);
	refused_buffer(h, X86_RAM_GAP_END + (64 << 20) - 16, 32);
	hostile_fini(h);
	free(h);
}

static void buffers_in_device_pages_are_refused(void **state)
{
	struct hostile *h = *state;
	const uint64_t pages[] = {
		X86_VIRTIO_BASE,			     /* its own registers */
		X86_VIRTIO_BASE + REG_QUEUE_NOTIFY,	     /* its own doorbell */
		X86_VIRTIO_BASE + X86_VIRTIO_STRIDE + REG_STATUS, /* its neighbour's */
		X86_DOORBELL_BASE,
		X86_IOAPIC_BASE,
		X86_LAPIC_BASE,
	};

	for (uint32_t i = 0; i < COUNT(pages); i++)
		refused_buffer(h, pages[i], 4);
	CHECK(drive_reg(&h->near, REG_STATUS, 4) & STATUS_DRIVER_OK);
}

static void rings_in_device_pages_are_refused(void **state)
{
	struct hostile *h = *state;
	const uint64_t pages[] = { X86_VIRTIO_BASE, X86_DOORBELL_BASE, X86_LAPIC_BASE, DRIVE_RAM, DRIVE_RAM - 16,
		UINT64_MAX - 15 };

	for (uint32_t i = 0; i < 3 * COUNT(pages); i++) {
		uint64_t before = violations_of(h, VIRTIO_RING_PLACE);
		uint64_t low = REG_QUEUE_DESC_LOW + 0x10 * (i % 3);
		const uint32_t steps[] = { 0, 1, 3, 11 };

		for (uint32_t s = 0; s < COUNT(steps); s++)
			drive_reg_set(&h->dev, REG_STATUS, 4, steps[s]);
		hostile_turns(h, 4);
		drive_reg_set(&h->dev, REG_QUEUE_SEL, 4, pull(h));
		drive_reg_set(&h->dev, REG_QUEUE_NUM, 4, RING);
		for (uint64_t reg = REG_QUEUE_DESC_LOW; reg <= REG_QUEUE_DEVICE_LOW; reg += 0x10)
			drive_reg_set(&h->dev, reg, 4, h->mark + 0x1000 * (reg >> 4 & 3));
		drive_reg_set(&h->dev, low, 4, (uint32_t)pages[i / 3]);
		drive_reg_set(&h->dev, low + 4, 4, pages[i / 3] >> 32);
		drive_reg_set(&h->dev, REG_QUEUE_READY, 4, 1);
		CHECK(!drive_reg(&h->dev, REG_QUEUE_READY, 4));
		assert_broken_by(h, VIRTIO_RING_PLACE, before);
	}
}

static void bad_indirect_tables_are_refused(void **state)
{
	struct hostile *h = *state;
	const uint32_t q = pull(h);
	const struct {
		uint64_t gpa;
		uint32_t len, flags;
		enum virtio_violation why;
	} bad[] = {
		{ h->buf, 0, 0, VIRTIO_INDIRECT_TABLE },
		{ h->buf, 17, 0, VIRTIO_INDIRECT_TABLE },
		{ h->buf, 0xfffffff0, 0, VIRTIO_INDIRECT_TABLE },
		{ DRIVE_RAM - 16, 32, 0, VIRTIO_INDIRECT_TABLE },
		{ X86_VIRTIO_BASE, 16, 0, VIRTIO_INDIRECT_TABLE },
		{ UINT64_MAX - 15, 32, 0, VIRTIO_INDIRECT_TABLE },
		{ h->buf, 16, DESC_NEXT, VIRTIO_INDIRECT_REFUSED },
		{ h->buf + PAGE, 16, 0, VIRTIO_INDIRECT_REFUSED }, /* a table in a table */
	};

	for (uint32_t i = 0; i < COUNT(bad); i++) {
		hostile_desc_at(h, h->buf, 0, h->buf + 2 * PAGE, 16, 0, 0);
		hostile_desc_at(h, h->buf + PAGE, 0, h->buf, 16, DESC_INDIRECT, 0);
		hostile_desc(h, q, 0, bad[i].gpa, bad[i].len, DESC_INDIRECT | bad[i].flags, 1);
		hostile_offer(h, q, 0);
		assert_breaks(h, bad[i].why);
	}
}

/* FC#5762, CH 376434a69: overlapping buffers promise far more than the guest has. Whatever the device makes of a
 * chain that is legal in itself, it holds no more for it. */
static void overlapping_buffers_cost_bounded_memory(void **state)
{
	struct hostile *h = *state;
	const uint32_t q = pull(h), n = 63;
	struct held before = held_now(h);

	for (uint32_t write = 0; write <= DESC_WRITE; write += DESC_WRITE) {
		/* 63 times 64 MiB: just below 4 GiB, legal */
		for (uint32_t i = 0; i < n; i++)
			hostile_desc_at(h, h->buf, i, 0, (uint32_t)DRIVE_RAM,
				(i ? write : 0) | (i + 1 < n ? DESC_NEXT : 0), i + 1);
		/* but let its device write where nobody minds */
		for (uint32_t i = 0; write && i < n; i++)
			hostile_desc_at(h, h->buf, i, h->buf + 0x20000, 0x20000,
				(i ? write : 0) | (i + 1 < n ? DESC_NEXT : 0), i + 1);
		hostile_desc(h, q, 0, h->buf, 16 * n, DESC_INDIRECT, 0);
		hostile_offer(h, q, 0);
		drive_kick(&h->dev, q);
		hostile_turns(h, 64);
		assert_held(h, before, 8 << 20);
		assert_neighbours_work(h);
		assert_recovers(h);
	}
	for (uint32_t i = 0; i < 256; i++)
		hostile_desc_at(h, h->buf, i, 0, (uint32_t)DRIVE_RAM, i < 255 ? DESC_NEXT : 0, i + 1);
	hostile_desc(h, q, 0, h->buf, 16 * 256, DESC_INDIRECT, 0);
	hostile_offer(h, q, 0);
	assert_breaks(h, VIRTIO_CHAIN_TOTAL);
	assert_held(h, before, 8 << 20);
}

/* FC#4680: what was negotiated counts, not what was offered. */
static void a_driver_that_declines_everything_is_served_plainly(void **state)
{
	struct hostile *h = *state;
	const uint32_t q = pull(h);

	hostile_up_with(h, 0, RING);
	h->subject->works(h);
	CHECK(!is_broken(h));
	hostile_up_with(h, 0, RING);
	hostile_desc_at(h, h->buf, 0, h->buf + PAGE, 16, 0, 0);
	hostile_desc(h, q, 0, h->buf, 16, DESC_INDIRECT, 0);
	hostile_offer(h, q, 0);
	assert_breaks(h, VIRTIO_INDIRECT_REFUSED);
}

/* Rings of every size, the smallest included, work and do not divide by nothing. */
static void rings_of_one_entry_work(void **state)
{
	struct hostile *h = *state;
	const uint32_t q = pull(h);
	struct drive_seg seg[8];
	uint32_t n = h->subject->request(h, seg);

	hostile_up_with(h, FEATURE_INDIRECT_DESC, 1);
	for (uint32_t round = 0; round < 4; round++) {
		uint16_t before = hostile_used_idx(h, q);

		for (uint32_t i = 0; i < n; i++)
			hostile_desc_at(h, h->buf, i, seg[i].gpa, seg[i].len,
				(seg[i].write ? DESC_WRITE : 0) | (i + 1 < n ? DESC_NEXT : 0), i + 1);
		hostile_desc(h, q, 0, h->buf, 16 * n, DESC_INDIRECT, 0);
		hostile_offer(h, q, 0);
		drive_kick(&h->dev, q);
		drive_wait_used(&h->dev, q, NULL);
		CHECK(hostile_used_idx(h, q) == (uint16_t)(before + 1));
	}
	CHECK(!is_broken(h));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ROW(avail_index_that_jumps_breaks_the_device_only),
		ROW(head_outside_of_the_table_is_not_followed),
		ROW(same_head_twice_in_flight_is_refused),
		ROW(chains_without_end_are_ended),
		ROW(readable_after_writable_is_refused),
		ROW(buffers_lie_wholly_in_ram),
		cmocka_unit_test(buffers_do_not_span_the_gap),
		ROW(buffers_in_device_pages_are_refused),
		ROW(rings_in_device_pages_are_refused),
		ROW(bad_indirect_tables_are_refused),
		ROW(overlapping_buffers_cost_bounded_memory),
		ROW(a_driver_that_declines_everything_is_served_plainly),
		ROW(rings_of_one_entry_work),
	};

	return SUITE_RUN(tests, NULL);
}
