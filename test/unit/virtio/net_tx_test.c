/* SPDX-License-Identifier: Apache-2.0 */
/* Frames from the guest. */
#include "net_rig.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct net_rig r;
static uint8_t frame[NET_BUFFER], got[NET_BUFFER];

static uint32_t sent_count(void)
{
	uint32_t n = 0;

	while (drive_used(&r.dev, TX, NULL) >= 0)
		n++;
	return n;
}

/* The kick itself sends: nobody polls. */
static void a_kick_sends_at_once_and_in_order(void **unused)
{
	static const int types[] = { SOCK_SEQPACKET, SOCK_DGRAM, SOCK_STREAM };

	(void)unused;
	for (int t = 0; t < 3; t++) {
		rig_init(&r, types[t], NULL, 0);
		for (uint8_t i = 0; i < 5; i++) {
			frame_fill(frame, 60 + i, i);
			rig_send(&r, NULL, frame, 60 + i, 1);
		}
		drive_kick(&r.dev, TX);
		for (uint8_t i = 0; i < 5; i++) {
			assert_int_equal(rig_peer_recv(&r, got, sizeof got), 60 + i);
			assert_memory_equal(got + 6, rig_mac, 6);
			frame_expect(got, 60 + i, i);
		}
		assert_int_equal(sent_count(), 5);
		assert_int_equal(rig_stats(&r).out_ops, 5);
		assert_int_equal(rig_stats(&r).out_bytes, 60 * 5 + 10);
		assert_int_equal(rig_stats(&r).out_dropped, 0);
		rig_fini(&r);
	}
}

/* Header and frame may be cut anywhere (virtio 1.2 §2.7.4.1). */
static void any_layout_of_a_chain_is_a_frame(void **unused)
{
	(void)unused;
	rig_init(&r, SOCK_SEQPACKET, NULL, 0);
	for (uint32_t pieces = 1; pieces <= 16; pieces++) {
		frame_fill(frame, 1514, (uint8_t)pieces);
		rig_send(&r, NULL, frame, 1514, pieces);
		drive_kick(&r.dev, TX);
		rig_peer_expect(&r, 1514, (uint8_t)pieces);
	}
	assert_int_equal(sent_count(), 16);
	rig_fini(&r);
}

/* A long frame goes from where it lies, unless it lies in too many pieces. */
static void long_frames_pass_in_any_layout(void **unused)
{
	static const int types[] = { SOCK_SEQPACKET, SOCK_STREAM };
	static const size_t lengths[] = { 2036, 2037, 9000, 60000 };

	(void)unused;
	for (int t = 0; t < 2; t++)
		for (size_t l = 0; l < 4; l++) {
			rig_init(&r, types[t], NULL, 0);
			for (uint32_t pieces = 1; pieces <= 40; pieces += pieces < 4 || pieces > 28 ? 1 : 5) {
				frame_fill(frame, lengths[l], (uint8_t)pieces);
				rig_send(&r, NULL, frame, lengths[l], pieces);
				drive_kick(&r.dev, TX);
				rig_peer_expect(&r, lengths[l], (uint8_t)pieces);
				assert_int_equal(sent_count(), 1);
			}
			/* and is looked at all the same */
			frame[6] ^= 4;
			rig_send(&r, NULL, frame, lengths[l], 3);
			drive_kick(&r.dev, TX);
			rig_settle(&r);
			assert_int_equal(rig_peer_recv(&r, got, sizeof got), -1);
			assert_int_equal(rig_stats(&r).out_dropped, 1);
			assert_int_equal(sent_count(), 1);
			rig_fini(&r);
		}
}

static void what_is_no_frame_is_dropped_and_the_rest_goes_on(void **unused)
{
	static uint8_t big[NET_BUFFER + 64];
	static const size_t lengths[] = { 0, 1, 13, NET_FRAME_MAX + 1, NET_FRAME_MAX + 64 };
	uint64_t gpa;

	(void)unused;
	rig_init(&r, SOCK_SEQPACKET, NULL, 0);
	memcpy(big + 6, rig_mac, 6);
	for (size_t i = 0; i < 5; i++)
		rig_send(&r, NULL, big, lengths[i], 1);
	/* shorter than a header, and with nothing to read at all */
	gpa = drive_alloc(&r.d, 64);
	drive_put(&r.dev, TX, &(struct drive_seg){ gpa, 5, false }, 1);
	drive_put(&r.dev, TX, &(struct drive_seg){ gpa, 64, true }, 1);
	frame_fill(frame, 60, 1);
	rig_send(&r, NULL, frame, 60, 2);
	drive_kick(&r.dev, TX);
	rig_peer_expect(&r, 60, 1);
	assert_int_equal(rig_peer_recv(&r, got, sizeof got), -1);
	assert_int_equal(sent_count(), 8);
	assert_int_equal(rig_stats(&r).out_dropped, 7);
	assert_int_equal(rig_stats(&r).out_ops, 1);
	assert_int_equal(r.d.broken, 0);
	rig_fini(&r);
}

static void the_largest_frame_passes(void **unused)
{
	(void)unused;
	rig_init(&r, SOCK_STREAM, NULL, 0);
	frame_fill(frame, NET_FRAME_MAX, 1);
	for (int i = 0; i < 3; i++) {
		rig_send(&r, NULL, frame, NET_FRAME_MAX, 2);
		drive_kick(&r.dev, TX);
		rig_peer_expect(&r, NET_FRAME_MAX, 1);
	}
	rig_fini(&r);
}

static void a_forged_source_address_stays_inside(void **unused)
{
	struct ukvmm_net_config any = { .size = sizeof any, .flags = UKVMM_NET_ANY_MAC };

	(void)unused;
	for (int allowed = 0; allowed < 2; allowed++) {
		rig_init(&r, SOCK_SEQPACKET, allowed ? &any : NULL, 0);
		for (int byte = 0; byte < 6; byte++) {
			frame_fill(frame, 60, 1);
			frame[6 + byte] ^= 4;
			rig_send(&r, NULL, frame, 60, 1);
		}
		drive_kick(&r.dev, TX);
		rig_settle(&r);
		assert_int_equal(rig_stats(&r).out_dropped, allowed ? 0 : 6);
		assert_int_equal(rig_peer_recv(&r, got, sizeof got), allowed ? 60 : -1);
		assert_int_equal(sent_count(), 6);
		rig_fini(&r);
	}
}

/* Not negotiated, so not to be used: such a frame would go out with a wrong checksum. */
static void offloads_that_were_not_negotiated_are_refused(void **unused)
{
	uint8_t csum[12] = { 1, 0, 0, 0, 0, 0, 34, 0, 16, 0, 0, 0 };
	uint8_t gso[12] = { 1, 1, 54, 0, 100, 0, 34, 0, 16, 0, 0, 0 };
	uint8_t junk[12] = { 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	(void)unused;
	rig_init(&r, SOCK_SEQPACKET, NULL, 0);
	frame_fill(frame, 60, 1);
	rig_send(&r, csum, frame, 60, 1);
	rig_send(&r, gso, frame, 60, 1);
	rig_send(&r, junk, frame, 60, 1); /* in fields that mean nothing without a flag */
	drive_kick(&r.dev, TX);
	rig_peer_expect(&r, 60, 1);
	assert_int_equal(rig_peer_recv(&r, got, sizeof got), -1);
	assert_int_equal(rig_stats(&r).out_dropped, 2);
	rig_fini(&r);
}

/* Frames that find no room wait in the ring, and go on by themselves, in order. */
static void a_peer_that_stops_reading_holds_the_frames_up(void **unused)
{
	static const int types[] = { SOCK_SEQPACKET, SOCK_DGRAM, SOCK_STREAM };

	(void)unused;
	for (int t = 0; t < 3; t++) {
		uint32_t offered = 0, used = 0, seen = 0;

		rig_init(&r, types[t], NULL, 0);
		while (offered < 2000) {
			used += sent_count();
			if (offered - used == RIG_QUEUE)
				break;
			frame_fill(frame, 9000, (uint8_t)offered);
			rig_send(&r, NULL, frame, 9000, 1);
			offered++;
			drive_kick(&r.dev, TX);
			rig_settle(&r); /* waits for the peer, and does not spin meanwhile */
		}
		assert_int_equal(offered - used, RIG_QUEUE);
		assert_true(offered < 200);
		/* kicks that change nothing */
		for (int i = 0; i < 100; i++)
			drive_kick(&r.dev, TX);
		for (; seen < offered; seen++)
			rig_peer_expect(&r, 9000, (uint8_t)seen);
		rig_settle(&r);
		used += sent_count();
		assert_int_equal(used, offered);
		assert_int_equal(rig_stats(&r).out_dropped, 0);
		assert_int_equal(rig_stats(&r).out_ops, offered);
		rig_fini(&r);
	}
}

static void a_reset_while_frames_wait_leaves_nothing_behind(void **unused)
{
	uint32_t seen = 0;

	(void)unused;
	rig_init(&r, SOCK_SEQPACKET, NULL, 0);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < RIG_QUEUE; i++) {
			frame_fill(frame, 9000, 7);
			rig_send(&r, NULL, frame, 9000, 1);
		}
		drive_kick(&r.dev, TX);
		rig_settle(&r);
		assert_true(sent_count() < RIG_QUEUE);
		rig_drive(&r, 0, RIG_QUEUE);
	}
	while (rig_peer_recv(&r, got, sizeof got) >= 0)
		seen++;
	assert_true(seen > 0);
	frame_fill(frame, 60, 1);
	rig_send(&r, NULL, frame, 60, 1);
	drive_kick(&r.dev, TX);
	rig_peer_expect(&r, 60, 1);
	assert_int_equal(sent_count(), 1);
	rig_fini(&r);
}

/* The kick sends some; the rest goes out on the poller's thread, without another kick. */
static void a_long_queue_is_sent_in_turns(void **unused)
{
	enum { MANY = 200 };

	(void)unused;
	rig_make(&r, SOCK_STREAM, NULL);
	drive_seal(&r.d);
	rig_drive(&r, 0, 256);
	for (uint32_t i = 0; i < MANY; i++) {
		frame_fill(frame, 60, (uint8_t)i);
		rig_send(&r, NULL, frame, 60, 1);
	}
	drive_kick(&r.dev, TX);
	assert_int_equal(rig_stats(&r).out_ops, NET_KICK_FRAMES);
	for (uint32_t i = 0; i < MANY; i++)
		rig_peer_expect(&r, 60, (uint8_t)i);
	assert_int_equal(sent_count(), MANY);
	rig_fini(&r);
}

/* One interrupt for a batch, and none that the driver did not ask for. */
static void a_batch_is_one_interrupt(void **unused)
{
	(void)unused;
	rig_init(&r, SOCK_STREAM, NULL, 0);
	for (int i = 0; i < NET_KICK_FRAMES; i++) {
		frame_fill(frame, 60, 1);
		rig_send(&r, NULL, frame, 60, 1);
	}
	assert_int_equal(drive_reg(&r.dev, REG_INTERRUPT_STATUS, 4), 0);
	drive_kick(&r.dev, TX);
	assert_int_equal(drive_reg(&r.dev, REG_INTERRUPT_STATUS, 4), INTERRUPT_USED);
	drive_reg_set(&r.dev, REG_INTERRUPT_ACK, 4, INTERRUPT_USED);
	rig_settle(&r);
	assert_int_equal(drive_reg(&r.dev, REG_INTERRUPT_STATUS, 4), 0);
	assert_int_equal(sent_count(), NET_KICK_FRAMES);
	rig_fini(&r);
}

static bool one_header(uint8_t flags, uint8_t type, uint16_t hdr_len, uint16_t gso_size, uint16_t start, uint16_t off,
	uint64_t features, uint8_t *h)
{
	uint16_t fields[5] = { hdr_len, gso_size, start, off, 0xffff };

	h[0] = flags;
	h[1] = type;
	memcpy(h + 2, fields, sizeof fields);
	return net_header_from_guest(h, 1000, features);
}

static void headers_of_guests_are_what_a_tap_would_take(void **unused)
{
	const uint64_t all = NET_F_CSUM | NET_F_HOST_TSO4 | NET_F_HOST_TSO6;
	uint8_t h[12], clean[12] = { 0 };

	(void)unused;
	assert_true(one_header(1, 0, 0, 0, 34, 16, NET_F_CSUM, h));
	assert_true(one_header(1, 0, 0, 0, 34, 964, NET_F_CSUM, h));
	assert_false(one_header(1, 0, 0, 0, 34, 965, NET_F_CSUM, h));
	assert_false(one_header(1, 0, 0, 0, 34, 0xffff, NET_F_CSUM, h));
	assert_false(one_header(1, 0, 0, 0, 0xffff, 0xffff, NET_F_CSUM, h));
	assert_false(one_header(1, 0, 0, 0, 13, 16, NET_F_CSUM, h));
	assert_false(one_header(1, 0, 0, 0, 34, 16, 0, h));
	assert_true(one_header(1, 1, 54, 100, 34, 16, all, h));
	assert_true(one_header(1, 4, 74, 100, 54, 16, all, h));
	assert_false(one_header(1, 1, 54, 100, 34, 16, NET_F_CSUM | NET_F_HOST_TSO6, h));
	assert_false(one_header(1, 4, 54, 100, 34, 16, NET_F_CSUM | NET_F_HOST_TSO4, h));
	assert_false(one_header(1, 1, 54, 100, 34, 16, NET_F_HOST_TSO4, h)); /* needs CSUM, §5.1.3.1 */
	assert_false(one_header(0, 1, 54, 100, 34, 16, all, h));
	assert_false(one_header(1, 1, 54, 0, 34, 16, all, h));
	assert_false(one_header(1, 1, 1001, 100, 34, 16, all, h));
	assert_true(one_header(1, 1, 1000, 100, 34, 16, all, h));
	for (int type = 2; type < 256; type++)
		if (type != 4)
			assert_false(one_header(1, (uint8_t)type, 54, 100, 34, 16, all, h));
	/* what was not checked is not passed on */
	assert_true(one_header(0xfe, 0, 0xffff, 0xffff, 0xffff, 0xffff, all, h));
	assert_memory_equal(h, clean, sizeof clean);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kick_sends_at_once_and_in_order),
		cmocka_unit_test(any_layout_of_a_chain_is_a_frame),
		cmocka_unit_test(long_frames_pass_in_any_layout),
		cmocka_unit_test(what_is_no_frame_is_dropped_and_the_rest_goes_on),
		cmocka_unit_test(the_largest_frame_passes),
		cmocka_unit_test(a_forged_source_address_stays_inside),
		cmocka_unit_test(offloads_that_were_not_negotiated_are_refused),
		cmocka_unit_test(a_peer_that_stops_reading_holds_the_frames_up),
		cmocka_unit_test(a_reset_while_frames_wait_leaves_nothing_behind),
		cmocka_unit_test(a_long_queue_is_sent_in_turns),
		cmocka_unit_test(a_batch_is_one_interrupt),
		cmocka_unit_test(headers_of_guests_are_what_a_tap_would_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
