/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The saved state of a device is a file from anywhere (CVE-2023-28448): damaged, cut off or of another kind it is
 * refused, or it is a state that a driver could have brought about, and a reset leads out of it.
 */
#include "suite.h"

#include <errno.h>
#include <string.h>

#include "state.h"

enum { NAME_BYTES = 32, LENGTH_AT = 36, HEADER_BYTES = 40 };

struct saved {
	struct ukvmm_state s;
	size_t start, end; /* of the state of the device under test */
};

static uint32_t length_at(const struct ukvmm_state *s, size_t section)
{
	uint32_t len;

	CHECK(s->len - section >= HEADER_BYTES);
	memcpy(&len, s->buf + section + LENGTH_AT, sizeof len);
	return len;
}

/* The next section called "virtio", with which each device's state begins; or the end. */
static size_t device_at_or_after(const struct ukvmm_state *s, size_t at)
{
	while (at < s->len && strncmp((char *)s->buf + at, "virtio", NAME_BYTES))
		at += HEADER_BYTES + length_at(s, at);
	return at;
}

static void save(struct hostile *h, struct saved *saved)
{
	drive_pause(&h->d);
	state_save_init(&saved->s);
	CHECK(!vm_walk(h->d.vm, &saved->s, NULL));
	saved->start = device_at_or_after(&saved->s, 0);
	saved->end = device_at_or_after(&saved->s, saved->start + HEADER_BYTES + length_at(&saved->s, saved->start));
	CHECK(saved->start < saved->end && saved->end < saved->s.len);
}

/* A load of bytes that are gone when it returns. */
static int load(struct hostile *h, const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct ukvmm_state s;
	int rc;

	CHECK(copy);
	memcpy(copy, bytes, len);
	state_load_init(&s, copy, len);
	rc = vm_walk(h->d.vm, &s, NULL);
	free(copy);
	return rc;
}

static void resume(struct hostile *h)
{
	CHECK(!ukvmm_vm_resume(h->d.vm));
	hostile_turns(h, 4);
}

/* What was accepted is a device like any: it can be notified and reset, and works. */
static void lives_with_it(struct hostile *h)
{
	resume(h);
	for (uint32_t q = 0; q < h->subject->queues; q++)
		drive_kick(&h->dev, q);
	hostile_turns(h, 16);
	hostile_loaded(h);
	assert_neighbours_work(h);
	assert_recovers(h);
	drive_pause(&h->d);
}

static void damaged_states_are_refused_or_harmless(void **state)
{
	struct hostile *h = *state;
	struct held before = held_now(h);
	const uint8_t damage[] = { 0x01, 0x80, 0xff };
	uint32_t refused = 0, accepted = 0;
	struct saved saved;

	h->subject->works(h);
	save(h, &saved);
	for (size_t at = saved.start; at < saved.end; at++) {
		uint8_t *byte = &saved.s.buf[at], right = *byte;

		*byte ^= damage[at % COUNT(damage)];
		if (load(h, saved.s.buf, saved.s.len))
			refused++;
		else if (++accepted % 8 == 0)
			lives_with_it(h);
		*byte = right;
		/* after whatever it was: the right one still loads */
		if (at % 16 == 0)
			CHECK(!load(h, saved.s.buf, saved.s.len));
	}
	/* names, versions and lengths alone are more than 100 bytes that must not differ */
	CHECK(refused > 100);
	CHECK(!load(h, saved.s.buf, saved.s.len));
	lives_with_it(h);
	state_fini(&saved.s);
	resume(h);
	assert_recovers(h);
	assert_held(h, before, 4 << 20);
}

static void states_cut_off_are_refused(void **state)
{
	struct hostile *h = *state;
	struct saved saved;

	save(h, &saved);
	for (size_t len = saved.start; len < saved.s.len; len++)
		CHECK(load(h, saved.s.buf, len));
	CHECK(!load(h, saved.s.buf, saved.s.len));
	lives_with_it(h);
	state_fini(&saved.s);
	resume(h);
}

/* Lengths that promise more than there is, up to 4 GiB, cost nothing. */
static void sections_with_a_false_length_are_refused(void **state)
{
	struct hostile *h = *state;
	const uint32_t lengths[] = { 0, 1, 0x7fffffff, 0x80000000, 0xfffffff0, UINT32_MAX };
	struct held before = held_now(h);
	struct saved saved;
	uint32_t right, i = 0;

	save(h, &saved);
	for (size_t at = saved.start; at < saved.end; at += HEADER_BYTES + right) {
		right = length_at(&saved.s, at);
		for (i = 0; i < COUNT(lengths); i++) {
			if (lengths[i] == right)
				continue;
			memcpy(saved.s.buf + at + LENGTH_AT, &lengths[i], sizeof right);
			CHECK(load(h, saved.s.buf, saved.s.len) == -EINVAL);
		}
		memcpy(saved.s.buf + at + LENGTH_AT, &right, sizeof right);
	}
	CHECK(i && !load(h, saved.s.buf, saved.s.len));
	state_fini(&saved.s);
	assert_held(h, before, 4 << 20);
	lives_with_it(h);
	resume(h);
}

/* A pause finds requests at any point of their way (FC#5764, CH 50f2fd369): each is answered, once. */
static void a_pause_at_any_moment_loses_no_request(void **state)
{
	struct hostile *h = *state;
	const uint32_t q = h->subject->pull;
	struct drive_seg seg[8];

	for (uint32_t round = 0; round < 40; round++) {
		uint32_t n = h->subject->request(h, seg), requests = 1 + round % 4;
		struct saved saved;

		if (n * requests > RING)
			requests = 1;
		for (uint32_t i = 0; i < requests; i++)
			drive_put(&h->dev, q, seg, n);
		if (round & 1)
			drive_kick(&h->dev, q);
		hostile_turns(h, round % 5);
		save(h, &saved);
		CHECK(!load(h, saved.s.buf, saved.s.len));
		state_fini(&saved.s);
		resume(h);
		drive_kick(&h->dev, q);
		for (uint32_t i = 0; i < requests; i++)
			drive_wait_used(&h->dev, q, NULL);
		hostile_drain(h);
		CHECK(drive_used(&h->dev, q, NULL) < 0);
	}
	hostile_loaded(h);
	assert_neighbours_work(h);
	assert_recovers(h);
}

/* CH 4c6bb7951: queues that were never made ready are not looked at, neither by the save nor after the load. */
static void devices_never_brought_up_are_saved_and_loaded(void **state)
{
	struct hostile *h = *state;
	const uint32_t steps[] = { 0, STATUS_ACKNOWLEDGE, STATUS_ACKNOWLEDGE | STATUS_DRIVER,
		STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK,
		STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK };

	for (uint32_t last = 0; last < COUNT(steps); last++) {
		struct saved saved;

		for (uint32_t i = 0; i <= last; i++)
			drive_reg_set(&h->dev, REG_STATUS, 4, steps[i]);
		hostile_turns(h, 4);
		save(h, &saved);
		CHECK(!load(h, saved.s.buf, saved.s.len));
		CHECK(drive_reg(&h->dev, REG_STATUS, 4) == steps[last]);
		state_fini(&saved.s);
		resume(h);
		if (h->subject->poke)
			h->subject->poke(h);
		for (uint32_t q = 0; q < h->subject->queues; q++)
			drive_kick(&h->dev, q);
		hostile_turns(h, 8);
		CHECK(!is_broken(h) && !virtio_dev_in_flight(h->dev.virtio));
		hostile_loaded(h);
		assert_neighbours_work(h);
		assert_recovers(h);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ROW(damaged_states_are_refused_or_harmless),
		ROW(states_cut_off_are_refused),
		ROW(sections_with_a_false_length_are_refused),
		ROW(devices_never_brought_up_are_saved_and_loaded),
		ROW(a_pause_at_any_moment_loses_no_request),
	};

	return SUITE_RUN(tests, NULL);
}
