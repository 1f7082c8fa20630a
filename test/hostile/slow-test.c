/* SPDX-License-Identifier: Apache-2.0 */
/* What a disk can do to its device: hang, fail, come back when nobody waits any more. */
#include "suite.h"

#include <string.h>

#include "slow.h"
#include "subjects.h"

enum { SOME_BYTES = 16 << 20 };

static void slow_setup(struct hostile **h)
{
	*h = calloc(1, sizeof **h);
	CHECK(*h);
	hostile_init(*h, &subject_slow);
}

static void slow_teardown(struct hostile *h)
{
	hostile_fini(h);
	free(h);
}

static void offer_read(struct hostile *h, uint32_t i)
{
	struct blk_header header = { .type = BLK_IN, .sector = i };
	uint64_t mine = h->buf + 0x8000 + i * 0x1000ull;

	memcpy(drive_at(&h->d, mine, sizeof header), &header, sizeof header);
	for (uint32_t s = 0; s < 3; s++)
		hostile_desc_at(h, h->buf + i * 64ull, s, mine + (s ? 64 + 512 * (s - 1) : 0),
			s == 0 ? sizeof header : s == 1 ? 512 : 1, (s ? DESC_WRITE : 0) | (s < 2 ? DESC_NEXT : 0),
			s + 1);
	hostile_desc(h, 0, i, h->buf + i * 64ull, 48, DESC_INDIRECT, 0);
	hostile_offer(h, 0, (uint16_t)i);
}

/* FC#5260, CVE-2016-5403: a disk that hangs costs its own guest's requests, bounded memory and nobody else. */
static void a_disk_that_hangs_stalls_nobody_else(void **state)
{
	struct held before;
	struct hostile *h;
	uint32_t len;

	(void)state;
	slow_setup(&h);
	before = held_now(h);
	slow_hang(slow_disk(), true);
	for (uint32_t i = 0; i < RING; i++)
		offer_read(h, i);
	drive_kick(&h->dev, 0);
	hostile_turns(h, 8);
	slow_wait(slow_disk(), 1);
	for (uint32_t i = 0; i < 50; i++)
		assert_neighbours_work(h);
	CHECK(drive_used(&h->dev, 0, &len) < 0);
	CHECK(virtio_dev_in_flight(h->dev.virtio) == RING);
	assert_held(h, before, SOME_BYTES);
	slow_hang(slow_disk(), false);
	for (uint32_t i = 0; i < RING; i++)
		drive_wait_used(&h->dev, 0, NULL);
	assert_recovers(h);
	slow_teardown(h);
}

/* CVE-2026-45782: really in flight this time. */
static void a_head_in_flight_is_refused(void **state)
{
	struct hostile *h;
	uint64_t before;

	(void)state;
	slow_setup(&h);
	slow_hang(slow_disk(), true);
	before = violations_of(h, VIRTIO_HEAD_BUSY);
	offer_read(h, 0);
	hostile_offer(h, 0, 0);
	drive_kick(&h->dev, 0);
	hostile_turns(h, 8);
	slow_wait(slow_disk(), 1);
	CHECK(is_broken(h) && violations_of(h, VIRTIO_HEAD_BUSY) == before + 1);
	assert_neighbours_work(h);
	slow_hang(slow_disk(), false);
	assert_recovers(h);
	slow_teardown(h);
}

/* A reset does not wait for the disk, and what the disk still does reaches no memory of the guest's. */
static void a_reset_lets_go_of_what_hangs(void **state)
{
	struct hostile *h;
	uint8_t *data;

	(void)state;
	slow_setup(&h);
	memset(slow_disk()->bytes, 0xd5, SLOW_BYTES);
	for (uint32_t round = 0; round < 20; round++) {
		slow_hang(slow_disk(), true);
		for (uint32_t i = 0; i < 1 + round % 4; i++)
			offer_read(h, i);
		drive_kick(&h->dev, 0);
		hostile_turns(h, 4);
		slow_wait(slow_disk(), 1);
		hostile_up(h); /* returns at once */
		data = drive_at(&h->d, h->buf + 0x8000, 0x10000);
		memset(data, 0, 0x10000);
		assert_neighbours_work(h);
		slow_hang(slow_disk(), false);
		assert_recovers(h);
		for (uint32_t i = 0; i < 0x10000; i++)
			CHECK(data[i] != 0xd5);
	}
	slow_teardown(h);
}

static bool is_paused(void *arg)
{
	return ((struct hostile *)arg)->d.paused;
}

/* CH 50f2fd369: nobody copies memory while the disk still writes into it. */
static void a_pause_waits_for_what_is_in_flight(void **state)
{
	struct hostile *h;

	(void)state;
	slow_setup(&h);
	slow_hang(slow_disk(), true);
	offer_read(h, 0);
	drive_kick(&h->dev, 0);
	hostile_turns(h, 4);
	slow_wait(slow_disk(), 1);
	h->d.paused = false;
	CHECK(!ukvmm_vm_pause(h->d.vm));
	hostile_turns(h, 50);
	CHECK(!h->d.paused);
	echo_ping(&h->far, h->far_buf, 1); /* the other VM runs on */
	slow_hang(slow_disk(), false);
	drive_until(&h->d, is_paused, h);
	CHECK(!virtio_dev_in_flight(h->dev.virtio));
	CHECK(!ukvmm_vm_resume(h->d.vm));
	drive_wait_used(&h->dev, 0, NULL);
	assert_neighbours_work(h);
	assert_recovers(h);
	slow_teardown(h);
}

enum { HEADER = 0x1000, STATUS = 0x1100 };

/* A write of `n` buffers, from sector 0; its status. */
static uint8_t write_all(struct hostile *h, uint64_t gpa, uint32_t len, uint32_t n)
{
	struct blk_header header = { .type = BLK_OUT };
	uint8_t *status = drive_at(&h->d, h->buf + STATUS, 1);
	struct drive_seg seg[RING];

	CHECK(n + 2 <= RING);
	memcpy(drive_at(&h->d, h->buf + HEADER, sizeof header), &header, sizeof header);
	*status = 0xee;
	seg[0] = (struct drive_seg){ h->buf + HEADER, sizeof header, false };
	for (uint32_t i = 0; i < n; i++)
		seg[1 + i] = (struct drive_seg){ gpa, len, false };
	seg[1 + n] = (struct drive_seg){ h->buf + STATUS, 1, true };
	drive_put(&h->dev, 0, seg, n + 2);
	drive_kick(&h->dev, 0);
	drive_wait_used(&h->dev, 0, NULL);
	return *status;
}

/* FC#5485: an error in the middle is an error; what was done before is not done again, and nothing after it. */
static void an_error_in_the_middle_replays_nothing(void **state)
{
	enum { BUFFERS = 8, EACH = 64 << 10 }; /* 512 KiB: more than the device does at once */
	struct hostile *h;
	struct slow *s;

	(void)state;
	slow_setup(&h);
	s = slow_disk();
	s->calls = 0;
	s->fail_at = 2;
	CHECK(write_all(h, h->buf + 0x10000, EACH, BUFFERS) == BLK_IOERR);
	CHECK(s->calls == 2);
	CHECK(s->record[0].off == 0 && s->record[1].off == s->record[0].len);
	s->calls = 0;
	s->fail_at = 0;
	CHECK(write_all(h, h->buf + 0x10000, EACH, BUFFERS) == BLK_OK);
	for (uint32_t i = 1; i < s->calls; i++)
		CHECK(s->record[i].off == s->record[i - 1].off + s->record[i - 1].len);
	CHECK(s->record[s->calls - 1].off + s->record[s->calls - 1].len == BUFFERS * EACH);
	assert_neighbours_work(h);
	assert_recovers(h);
	slow_teardown(h);
}

/* A VM can be destroyed while its disk hangs: the device goes when the last call comes back. */
static void a_vm_ends_while_its_disk_hangs(void **state)
{
	struct hostile *h;
	struct slow *s;

	(void)state;
	slow_setup(&h);
	s = slow_disk();
	slow_hang(s, true);
	offer_read(h, 0);
	drive_kick(&h->dev, 0);
	hostile_turns(h, 4);
	slow_wait(s, 1);
	CHECK(!ukvmm_vm_destroy(h->d.vm));
	h->d.vm = NULL;
	echo_ping(&h->far, h->far_buf, 1);
	CHECK(slow_disk() == s); /* it is still there */
	slow_hang(s, false);
	slow_teardown(h);
	CHECK(!slow_disk());
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_that_hangs_stalls_nobody_else),
		cmocka_unit_test(a_head_in_flight_is_refused),
		cmocka_unit_test(a_reset_lets_go_of_what_hangs),
		cmocka_unit_test(a_pause_waits_for_what_is_in_flight),
		cmocka_unit_test(an_error_in_the_middle_replays_nothing),
		cmocka_unit_test(a_vm_ends_while_its_disk_hangs),
	};

	(void)suite_setup;
	(void)suite_teardown;
	return SUITE_RUN(tests, "blk");
}
