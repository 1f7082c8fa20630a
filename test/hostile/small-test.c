/* SPDX-License-Identifier: Apache-2.0 */
/* rng (virtio 1.2 §5.4) and console (§5.3). */
#include "suite.h"

#include <errno.h>
#include <string.h>

#include "subjects.h"

enum { AT = 0x8000, RNG_MOST = 64 << 10, CONSOLE_RX = 0, CONSOLE_TX = 1, PORT = 1, RINGS = 64 << 10,
	SOME_BYTES = 4 << 20 };

static struct hostile *setup(const struct subject *subject)
{
	struct hostile *h = calloc(1, sizeof *h);

	CHECK(h);
	hostile_init(h, subject);
	return h;
}

static void teardown(struct hostile *h)
{
	hostile_fini(h);
	free(h);
}

/* FC#5762: overlapping buffers that add up to 4 GiB. What is given, and held for it, is 64 KiB at most. */
static void random_bytes_are_bounded_per_request(void **state)
{
	struct hostile *h = setup(&subject_rng);
	struct held before = held_now(h);
	const uint32_t n = 255, each = 16 << 20;
	uint32_t len;

	(void)state;
	for (uint32_t i = 0; i < n; i++) /* all of them the same 16 MiB at 32 MiB */
		hostile_desc_at(h, h->buf, i, 32 << 20, each, DESC_WRITE | (i + 1 < n ? DESC_NEXT : 0), i + 1);
	hostile_desc(h, 0, 0, h->buf, 16 * n, DESC_INDIRECT, 0);
	for (uint32_t i = 0; i < 100; i++) {
		hostile_offer(h, 0, 0);
		drive_kick(&h->dev, 0);
		drive_wait_used(&h->dev, 0, &len);
		CHECK(len > 0 && len <= RNG_MOST);
	}
	assert_held(h, before, SOME_BYTES);
	for (uint32_t at = RNG_MOST; at < each; at += 512) /* and not a byte past what was said */
		CHECK(!*(uint64_t *)drive_at(&h->d, (32 << 20) + at, 8));
	assert_neighbours_work(h);
	assert_recovers(h);
	teardown(h);
}

static void random_bytes_want_a_writable_buffer(void **state)
{
	struct hostile *h = setup(&subject_rng);
	uint32_t len = 1;

	(void)state;
	memset(drive_at(&h->d, h->buf + AT, 64), 0x42, 64);
	drive_put(&h->dev, 0, &(struct drive_seg){ h->buf + AT, 64, false }, 1);
	drive_kick(&h->dev, 0);
	drive_wait_used(&h->dev, 0, &len);
	CHECK(!len);
	for (uint32_t i = 0; i < 64; i++)
		CHECK(*((uint8_t *)drive_at(&h->d, h->buf + AT, 64) + i) == 0x42);
	CHECK(!is_broken(h));
	h->subject->works(h);
	assert_neighbours_work(h);
	teardown(h);
}

/* CVE-2021-3750's kind: randomness over the device's own rings ruins its driver, and nobody else. */
static void random_rings_ruin_their_driver_only(void **state)
{
	struct hostile *h = setup(&subject_rng);

	(void)state;
	for (uint32_t i = 0; i < 50; i++) {
		const uint64_t at[] = { h->dev.q[0].desc, h->dev.q[0].avail, h->dev.q[0].used };

		for (uint32_t n = 0; n < RING; n++)
			drive_put(&h->dev, 0, &(struct drive_seg){ at[i % 3], 200, true }, 1);
		drive_kick(&h->dev, 0);
		hostile_turns(h, 4);
		drive_kick(&h->dev, 0);
		hostile_turns(h, 4);
		assert_neighbours_work(h);
		assert_recovers(h);
	}
	teardown(h);
}

/* A chain of almost 4 GiB of output: in the end it is the ring's 64 KiB, and the rest is counted as lost. */
static void console_output_without_end_is_bounded_and_counted(void **state)
{
	struct hostile *h = setup(&subject_console);
	struct held before = held_now(h);
	const uint32_t n = 64, each = 256 << 10;
	static uint8_t buf[2 * RINGS];
	uint64_t lost = 0;

	(void)state;
	for (uint32_t i = 0; i < n; i++)
		hostile_desc_at(h, h->buf, i, h->buf, each, i + 1 < n ? DESC_NEXT : 0, i + 1);
	hostile_desc(h, CONSOLE_TX, 0, h->buf, 16 * n, DESC_INDIRECT, 0);
	hostile_offer(h, CONSOLE_TX, 0);
	drive_kick(&h->dev, CONSOLE_TX);
	drive_wait_used(&h->dev, CONSOLE_TX, NULL);
	assert_held(h, before, SOME_BYTES);
	CHECK(ukvmm_vm_console_read(h->d.vm, PORT, buf, sizeof buf, &lost) == RINGS);
	CHECK(lost == (uint64_t)n * each - RINGS);
	assert_neighbours_work(h);
	assert_recovers(h);
	teardown(h);
}

static void console_input_that_nobody_takes_is_bounded(void **state)
{
	struct hostile *h = setup(&subject_console);
	struct held before = held_now(h);
	static uint8_t chunk[65536];
	uint64_t taken = 0;

	(void)state;
	for (uint32_t i = 0; i < 16384; i++) { /* 1 GiB */
		int64_t n = ukvmm_vm_console_write(h->d.vm, PORT, chunk, sizeof chunk);

		CHECK(n >= 0);
		taken += (uint64_t)n;
		if (i % 1024 == 0)
			drive_poll(&h->d);
	}
	CHECK(taken > 0 && taken < RINGS);
	assert_held(h, before, SOME_BYTES);
	assert_neighbours_work(h);
	assert_recovers(h);
	teardown(h);
}

/* Buffers of a byte, read-only ones among them: input comes byte by byte, and none is written where it may not be. */
static void console_input_into_small_and_readonly_buffers(void **state)
{
	struct hostile *h = setup(&subject_console);
	uint8_t *bytes = drive_at(&h->d, h->buf + AT, 256);
	const char text[] = "abcdefgh";
	uint32_t got = 0, len;

	(void)state;
	memset(bytes, 0, 256);
	CHECK(ukvmm_vm_console_write(h->d.vm, PORT, text, 8) == 8);
	for (uint32_t i = 0; got < 8 && i < 100; i++) {
		bool write = i % 3 != 1;

		drive_put(&h->dev, CONSOLE_RX, &(struct drive_seg){ h->buf + AT + i, 1, write }, 1);
		drive_kick(&h->dev, CONSOLE_RX);
		hostile_turns(h, 4);
		while (drive_used(&h->dev, CONSOLE_RX, &len) >= 0) {
			CHECK(len <= 1 && (!write || len == 1));
			if (len)
				CHECK(bytes[i] == (uint8_t)text[got++]);
			else
				CHECK(!bytes[i]);
		}
	}
	CHECK(got == 8);
	assert_neighbours_work(h);
	assert_recovers(h);
	teardown(h);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_bytes_are_bounded_per_request),
		cmocka_unit_test(random_bytes_want_a_writable_buffer),
		cmocka_unit_test(random_rings_ruin_their_driver_only),
		cmocka_unit_test(console_output_without_end_is_bounded_and_counted),
		cmocka_unit_test(console_input_that_nobody_takes_is_bounded),
		cmocka_unit_test(console_input_into_small_and_readonly_buffers),
	};

	(void)suite_setup;
	(void)suite_teardown;
	return SUITE_RUN(tests, "rng");
}
