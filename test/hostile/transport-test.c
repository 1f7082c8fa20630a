/* SPDX-License-Identifier: Apache-2.0 */
/* What a driver can do to the registers of any device (virtio 1.2 §4.2), through the exits of a vCPU. */
#include "suite.h"

#include <string.h>

#include "x86_map.h"

static uint32_t status_steps[] = { 0, STATUS_ACKNOWLEDGE, STATUS_ACKNOWLEDGE | STATUS_DRIVER,
	STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK,
	STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK };

static uint32_t reg(struct hostile *h, uint64_t off)
{
	return (uint32_t)hostile_mmio(h, X86_VIRTIO_BASE + off, 4, false, 0);
}

static void set(struct hostile *h, uint64_t off, uint32_t value)
{
	hostile_mmio(h, X86_VIRTIO_BASE + off, 4, true, value);
}

static const uint64_t queue_registers[] = { REG_QUEUE_NUM, REG_QUEUE_DESC_LOW, REG_QUEUE_DESC_HIGH,
	REG_QUEUE_DRIVER_LOW, REG_QUEUE_DRIVER_HIGH, REG_QUEUE_DEVICE_LOW, REG_QUEUE_DEVICE_HIGH };

/* CVE-2026-5747: size and addresses of a live queue do not change, so the device goes on with those it checked. */
static void queue_registers_are_immutable_after_driver_ok(void **state)
{
	struct hostile *h = *state;
	const uint32_t values[] = { 0, 1, 3, 1024, 0x10000, 0xfffff000, UINT32_MAX };
	uint64_t before = violations_of(h, VIRTIO_QUEUE_FROZEN), writes = 0;

	for (uint32_t q = 0; q < h->subject->queues; q++) {
		set(h, REG_QUEUE_SEL, q);
		for (uint32_t r = 0; r < COUNT(queue_registers); r++)
			for (uint32_t v = 0; v < COUNT(values); v++, writes++)
				set(h, queue_registers[r], values[v]);
		set(h, REG_QUEUE_READY, 1);
		writes++;
		CHECK(reg(h, REG_QUEUE_READY) == 1);
	}
	CHECK(violations_of(h, VIRTIO_QUEUE_FROZEN) == before + writes);
	CHECK(!is_broken(h));
	h->subject->works(h); /* over the rings as they were */
	assert_neighbours_work(h);
}

static void queue_registers_are_frozen_in_every_other_status(void **state)
{
	struct hostile *h = *state;

	for (uint32_t last = 0; last < COUNT(status_steps); last++) {
		bool open = status_steps[last] == (STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
		uint64_t before;

		for (uint32_t i = 0; i <= last; i++)
			set(h, REG_STATUS, status_steps[i]);
		hostile_turns(h, 4);
		before = violations_of(h, VIRTIO_QUEUE_FROZEN);
		set(h, REG_QUEUE_SEL, 0);
		for (uint32_t r = 0; r < COUNT(queue_registers); r++)
			set(h, queue_registers[r], 1);
		CHECK(violations_of(h, VIRTIO_QUEUE_FROZEN) == before + (open ? 0 : COUNT(queue_registers)));
		assert_neighbours_work(h);
		assert_recovers(h);
	}
}

/* KT 31e0eac, CVE-2021-45464, CVE-2011-2512: a selector or an index past the end reaches nothing. */
static void queues_that_do_not_exist_are_refused(void **state)
{
	struct hostile *h = *state;
	const uint32_t past[] = { h->subject->queues, VIRTIO_QUEUES, VIRTIO_QUEUES + 1, 0x7fffffff, 0x80000000,
		UINT32_MAX };
	uint64_t before = violations_of(h, VIRTIO_QUEUE_ABSENT), writes = 0;

	for (uint32_t i = 0; i < COUNT(past); i++) {
		set(h, REG_QUEUE_SEL, past[i]);
		CHECK(!reg(h, REG_QUEUE_NUM_MAX) && !reg(h, REG_QUEUE_READY));
		for (uint32_t r = 0; r < COUNT(queue_registers); r++, writes++)
			set(h, queue_registers[r], 8);
		set(h, REG_QUEUE_READY, 1);
		set(h, REG_QUEUE_READY, 0);
		set(h, REG_QUEUE_NOTIFY, past[i]);
		writes += 3;
	}
	CHECK(violations_of(h, VIRTIO_QUEUE_ABSENT) == before + writes);
	CHECK(violations_in_stats(h) >= before + writes);
	CHECK(!is_broken(h));
	h->subject->works(h);
	assert_neighbours_work(h);
}

/* kalmarVM: a notification of a queue that is not live reaches no device. */
static void notifications_before_driver_ok_are_refused(void **state)
{
	struct hostile *h = *state;

	for (uint32_t last = 0; last + 1 < COUNT(status_steps); last++) {
		uint64_t before;

		for (uint32_t i = 0; i <= last; i++)
			set(h, REG_STATUS, status_steps[i]);
		hostile_turns(h, 4);
		before = violations_of(h, VIRTIO_NOTIFY_TIME);
		for (uint32_t q = 0; q < h->subject->queues; q++)
			set(h, REG_QUEUE_NOTIFY, q);
		hostile_turns(h, 4);
		CHECK(violations_of(h, VIRTIO_NOTIFY_TIME) == before + h->subject->queues);
	}
	assert_neighbours_work(h);
	assert_recovers(h);
}

/* CH 4c6bb7951: DRIVER_OK with queues that were never made ready. */
static void queues_never_made_ready_are_not_touched(void **state)
{
	struct hostile *h = *state;

	for (uint32_t i = 0; i < COUNT(status_steps); i++)
		set(h, REG_STATUS, status_steps[i]);
	hostile_turns(h, 8);
	for (uint32_t q = 0; q < h->subject->queues; q++)
		set(h, REG_QUEUE_NOTIFY, q);
	if (h->subject->poke)
		h->subject->poke(h);
	hostile_turns(h, 8);
	CHECK(!is_broken(h));
	CHECK(!virtio_dev_in_flight(h->dev.virtio));
	assert_neighbours_work(h);
	assert_recovers(h);
}

/* CH eb838144f, KT 52d4ee7, e473028: any width at any offset of the page, across its end too. */
static void any_width_at_any_offset(void **state)
{
	struct hostile *h = *state;
	uint64_t before = violations_of(h, VIRTIO_REGISTER_ACCESS);

	for (uint64_t off = 0; off < X86_VIRTIO_STRIDE; off++)
		for (uint32_t width = 1; width <= 8; width++) {
			uint64_t all = width < 8 ? (1ull << 8 * width) - 1 : UINT64_MAX, value;
			bool legal = width == 1 || width == 2 || width == 4 || width == 8;

			value = hostile_mmio(h, X86_VIRTIO_BASE + off, width, false, 0);
			CHECK(value <= all);
			if (!legal || (off < REG_CONFIG && (width != 4 || off & 3)) ||
				off >= REG_CONFIG + VIRTIO_CONFIG_BYTES)
				CHECK(value == all);
		}
	CHECK(violations_of(h, VIRTIO_REGISTER_ACCESS) > before);
	for (uint64_t off = REG_CONFIG; off < X86_VIRTIO_STRIDE; off++)
		for (uint32_t width = 1; width <= 8; width++)
			hostile_mmio(h, X86_VIRTIO_BASE + off, width, true, UINT64_MAX);
	CHECK(!is_broken(h));
	assert_recovers(h);
	for (uint64_t off = 0; off < REG_CONFIG; off++)
		for (uint32_t width = 1; width <= 8; width++)
			hostile_mmio(h, X86_VIRTIO_BASE + off, width, true, UINT64_MAX);
	hostile_turns(h, 8);
	assert_neighbours_work(h);
	assert_recovers(h);
}

/* The pages between the devices, and above them, belong to nobody. */
static void pages_without_a_device_read_all_ones(void **state)
{
	struct hostile *h = *state;
	const uint64_t pages[] = { X86_VIRTIO_BASE - 8, X86_VIRTIO_BASE + 2 * X86_VIRTIO_STRIDE,
		X86_VIRTIO_BASE + X86_DEVICES * X86_VIRTIO_STRIDE, X86_VIRTIO_BASE + (1ull << 32),
		X86_VIRTIO_BASE + (1ull << 44), UINT64_MAX - 7 };

	for (uint32_t i = 0; i < COUNT(pages); i++) {
		hostile_mmio(h, pages[i], 8, true, 0);
		CHECK(hostile_mmio(h, pages[i], 8, false, 0) == UINT64_MAX);
	}
	h->subject->works(h);
	assert_neighbours_work(h);
}

/* CVE-2026-5747's family: features that were not offered, or written late, do not come to count. */
static void features_count_only_as_negotiated(void **state)
{
	struct hostile *h = *state;
	uint64_t late = violations_of(h, VIRTIO_FEATURES_TIME), never, offered = hostile_offered(h);

	set(h, REG_DRIVER_FEATURES_SEL, 0);
	set(h, REG_DRIVER_FEATURES, UINT32_MAX);
	CHECK(violations_of(h, VIRTIO_FEATURES_TIME) == late + 1);
	h->subject->works(h);
	never = violations_of(h, VIRTIO_FEATURES_OFFERED);
	for (uint32_t bit = 0; bit < 64; bit++) {
		if (offered >> bit & 1)
			continue;
		for (uint32_t i = 0; i < 3; i++)
			set(h, REG_STATUS, status_steps[i]);
		set(h, REG_DRIVER_FEATURES_SEL, bit / 32);
		set(h, REG_DRIVER_FEATURES, 1u << bit % 32);
		set(h, REG_STATUS, status_steps[3]);
		CHECK(!(reg(h, REG_STATUS) & STATUS_FEATURES_OK));
		CHECK(violations_of(h, VIRTIO_FEATURES_OFFERED) == ++never);
	}
	assert_neighbours_work(h);
	assert_recovers(h);
}

static void status_steps_are_not_left_out(void **state)
{
	struct hostile *h = *state;

	for (uint32_t from = 0; from + 1 < COUNT(status_steps); from++)
		for (uint32_t value = 1; value < 0x200; value++) {
			uint32_t status;

			for (uint32_t i = 0; i <= from; i++)
				set(h, REG_STATUS, status_steps[i]);
			set(h, REG_STATUS, value);
			status = reg(h, REG_STATUS);
			/* where it came from, where it may go, or given up */
			CHECK(status == status_steps[from] || status & STATUS_FAILED ||
				status == status_steps[from + 1] || (!from && status == status_steps[2]));
		}
	hostile_turns(h, 8);
	assert_neighbours_work(h);
	assert_recovers(h);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ROW(queue_registers_are_immutable_after_driver_ok),
		ROW(queue_registers_are_frozen_in_every_other_status),
		ROW(queues_that_do_not_exist_are_refused),
		ROW(notifications_before_driver_ok_are_refused),
		ROW(queues_never_made_ready_are_not_touched),
		ROW(any_width_at_any_offset),
		ROW(pages_without_a_device_read_all_ones),
		ROW(features_count_only_as_negotiated),
		ROW(status_steps_are_not_left_out),
	};

	return SUITE_RUN(tests, NULL);
}
