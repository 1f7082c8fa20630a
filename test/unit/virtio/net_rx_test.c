/* SPDX-License-Identifier: Apache-2.0 */
/* Frames to the guest. */
#include "net_rig.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct net_rig r;
static uint8_t frame[NET_BUFFER];

static void frames_arrive_in_order_with_their_header(void **unused)
{
	static const int types[] = { SOCK_SEQPACKET, SOCK_DGRAM, SOCK_STREAM };
	static const uint64_t features[] = { 0, NET_F_MRG_RXBUF };

	(void)unused;
	for (int t = 0; t < 6; t++) {
		rig_init(&r, types[t % 3], NULL, features[t / 3]);
		for (int i = 0; i < 8; i++)
			rig_offer(&r, 1526);
		drive_kick(&r.dev, RX);
		for (uint8_t i = 0; i < 8; i++)
			rig_peer_send(&r, 60 + 200u * i, i);
		for (uint8_t i = 0; i < 8; i++) {
			uint32_t buffers;

			assert_int_equal(rig_recv(&r, frame, &buffers), 60 + 200u * i);
			assert_int_equal(buffers, 1);
			frame_expect(frame, 60 + 200u * i, i);
		}
		assert_int_equal(rig_stats(&r).in_ops, 8);
		assert_int_equal(rig_stats(&r).in_dropped, 0);
		rig_fini(&r);
	}
}

/* A guest that accepts nothing gets a 12-byte header all the same, and no frame over two buffers. */
static void a_guest_that_declines_all_is_served(void **unused)
{
	(void)unused;
	rig_init(&r, SOCK_SEQPACKET, NULL, 0);
	rig_offer(&r, 1526);
	rig_offer(&r, 1526);
	drive_kick(&r.dev, RX);
	rig_peer_send(&r, 2000, 1); /* does not fit, and may not be merged */
	rig_peer_send(&r, 1514, 2);
	rig_expect(&r, 1514, 2);
	assert_int_equal(rig_stats(&r).in_dropped, 1);
	rig_peer_send(&r, 60, 3); /* the buffer that was too small is still there */
	rig_expect(&r, 60, 3);
	rig_fini(&r);
}

static void a_frame_is_spread_over_many_buffers(void **unused)
{
	uint32_t buffers;

	(void)unused;
	rig_init(&r, SOCK_STREAM, NULL, NET_F_MRG_RXBUF);
	for (int i = 0; i < 44; i++)
		rig_offer(&r, 1500);
	drive_kick(&r.dev, RX);
	rig_peer_send(&r, NET_FRAME_MAX, 1);
	assert_int_equal(rig_recv(&r, frame, &buffers), NET_FRAME_MAX);
	assert_int_equal(buffers, 44);
	frame_expect(frame, NET_FRAME_MAX, 1);
	/* the smallest that a driver may offer: a header */
	for (int i = 0; i < 20; i++)
		rig_offer(&r, RIG_HEADER);
	drive_kick(&r.dev, RX);
	rig_peer_send(&r, 60, 2);
	assert_int_equal(rig_recv(&r, frame, &buffers), 60);
	assert_int_equal(buffers, 6);
	frame_expect(frame, 60, 2);
	rig_fini(&r);
}

/* A chain of many segments, some of one byte. */
static void a_complex_chain_is_filled_in_order(void **unused)
{
	struct drive_seg seg[20];
	uint8_t whole[2000];
	uint32_t len, at = 0;

	(void)unused;
	rig_init(&r, SOCK_SEQPACKET, NULL, 0);
	for (uint32_t i = 0; i < 20; i++)
		seg[i] = (struct drive_seg){ drive_alloc(&r.d, 100), i % 3 ? 100 : 1, true };
	drive_put(&r.dev, RX, seg, 20);
	drive_kick(&r.dev, RX);
	rig_peer_send(&r, 1000, 5);
	drive_wait_used(&r.dev, RX, &len);
	assert_int_equal(len, 1012);
	for (uint32_t i = 0; i < 20; i++) {
		memcpy(whole + at, drive_at(&r.d, seg[i].gpa, seg[i].len), seg[i].len);
		at += seg[i].len;
	}
	frame_expect(whole + 12, 1000, 5);
	rig_fini(&r);
}

/* Buffers that can hold no frame go back empty and do not stand in the way. */
static void read_only_and_tiny_buffers_do_not_block(void **unused)
{
	uint64_t gpa;
	uint32_t len;

	(void)unused;
	rig_init(&r, SOCK_SEQPACKET, NULL, 0);
	gpa = drive_alloc(&r.d, 4096);
	drive_put(&r.dev, RX, &(struct drive_seg){ gpa, 2000, false }, 1);
	drive_put(&r.dev, RX, &(struct drive_seg){ gpa, 4, true }, 1);
	rig_offer(&r, 2000);
	drive_kick(&r.dev, RX);
	for (uint8_t i = 0; i < 3; i++)
		rig_peer_send(&r, 60, i);
	for (int i = 0; i < 2; i++) {
		drive_wait_used(&r.dev, RX, &len);
		assert_int_equal(len, 0);
	}
	rig_expect(&r, 60, 2);
	assert_int_equal(rig_stats(&r).in_dropped, 2);
	assert_int_equal(r.d.broken, 0);
	rig_fini(&r);
}

static void too_many_tiny_buffers_cost_one_frame(void **unused)
{
	uint32_t empty = 0, len;

	(void)unused;
	rig_make(&r, SOCK_SEQPACKET, NULL);
	drive_seal(&r.d);
	rig_drive(&r, NET_F_MRG_RXBUF, 256);
	for (int i = 0; i < NET_MERGE_MAX; i++)
		rig_offer(&r, 1);
	rig_offer(&r, 2000);
	drive_kick(&r.dev, RX);
	rig_peer_send(&r, 1000, 1);
	rig_peer_send(&r, 1000, 2);
	for (; empty < NET_MERGE_MAX; empty++) {
		drive_wait_used(&r.dev, RX, &len);
		assert_int_equal(len, 0);
	}
	rig_expect(&r, 1000, 2);
	assert_int_equal(rig_stats(&r).in_dropped, 1);
	rig_fini(&r);
}

/* CVE-2020-16843 of another VMM: a full ring, with more waiting than fits, must go on by itself when refilled. */
static void a_full_ring_goes_on_when_it_is_refilled(void **unused)
{
	static const int types[] = { SOCK_SEQPACKET, SOCK_STREAM };
	static const uint64_t features[] = { 0, NET_F_MRG_RXBUF, FEATURE_EVENT_IDX, NET_F_MRG_RXBUF | FEATURE_EVENT_IDX };

	(void)unused;
	for (int t = 0; t < 8; t++) {
		rig_init(&r, types[t % 2], NULL, features[t / 2]);
		for (uint8_t i = 0; i < 30; i++)
			rig_peer_send(&r, 300, i);
		/* no buffer at all: nothing is lost, and nobody spins */
		rig_settle(&r);
		assert_int_equal(drive_used(&r.dev, RX, NULL), -1);
		for (uint8_t i = 0; i < 30;) {
			for (uint8_t k = 0; k < 5; k++)
				rig_offer(&r, 1526);
			drive_kick(&r.dev, RX);
			for (uint8_t k = 0; k < 5; k++)
				rig_expect(&r, 300, i++);
			rig_settle(&r);
			assert_int_equal(drive_used(&r.dev, RX, NULL), -1);
		}
		assert_int_equal(rig_stats(&r).in_dropped, 0);
		/* and without a kick when frames come late */
		rig_offer(&r, 1526);
		drive_kick(&r.dev, RX);
		rig_settle(&r);
		rig_peer_send(&r, 70, 99);
		rig_expect(&r, 70, 99);
		rig_fini(&r);
	}
}

static void a_frame_waits_for_the_rest_of_its_buffers(void **unused)
{
	uint32_t buffers;

	(void)unused;
	rig_init(&r, SOCK_STREAM, NULL, NET_F_MRG_RXBUF | FEATURE_EVENT_IDX);
	for (int i = 0; i < 3; i++)
		rig_offer(&r, 1500);
	drive_kick(&r.dev, RX);
	rig_peer_send(&r, 8000, 1);
	drive_poll(&r.d);
	assert_int_equal(drive_used(&r.dev, RX, NULL), -1);
	assert_true(rig_net(&r)->rx_give_up);
	rig_net(&r)->rx_give_up = UINT64_MAX; /* however long this test takes */
	for (int i = 0; i < 3; i++)
		rig_offer(&r, 1500);
	drive_kick(&r.dev, RX);
	assert_int_equal(rig_recv(&r, frame, &buffers), 8000);
	assert_int_equal(buffers, 6);
	frame_expect(frame, 8000, 1);
	assert_int_equal(rig_stats(&r).in_dropped, 0);
	rig_fini(&r);
}

/* The whole ring is too small for it: the frame is given up, not the link. */
static void a_frame_larger_than_the_ring_is_given_up(void **unused)
{
	(void)unused;
	rig_init(&r, SOCK_STREAM, NULL, NET_F_MRG_RXBUF);
	for (int i = 0; i < 3; i++)
		rig_offer(&r, 1500);
	drive_kick(&r.dev, RX);
	rig_peer_send(&r, 8000, 1);
	rig_peer_send(&r, 1000, 2);
	rig_expect(&r, 1000, 2); /* waits until then */
	assert_int_equal(rig_stats(&r).in_dropped, 1);
	rig_fini(&r);
}

static void frames_before_the_driver_wait_for_it(void **unused)
{
	(void)unused;
	rig_make(&r, SOCK_SEQPACKET, NULL);
	drive_seal(&r.d);
	rig_peer_send(&r, 100, 1);
	rig_settle(&r);
	rig_drive(&r, 0, RIG_QUEUE);
	rig_settle(&r);
	rig_offer(&r, 1526);
	drive_kick(&r.dev, RX);
	rig_expect(&r, 100, 1);
	rig_fini(&r);
}

static void a_reset_with_a_full_ring_starts_anew(void **unused)
{
	(void)unused;
	rig_init(&r, SOCK_SEQPACKET, NULL, NET_F_MRG_RXBUF);
	rig_offer(&r, 100);
	drive_kick(&r.dev, RX);
	rig_peer_send(&r, 1000, 1);
	drive_poll(&r.d); /* waits for its buffers */
	rig_drive(&r, NET_F_MRG_RXBUF, RIG_QUEUE);
	rig_offer(&r, 1526);
	drive_kick(&r.dev, RX);
	rig_peer_send(&r, 500, 2);
	rig_expect(&r, 500, 2); /* the one before was the old driver's */
	rig_fini(&r);
}

/* What a peer sends that is no frame costs a count. */
static void bad_packets_are_counted(void **unused)
{
	static uint8_t huge[NET_FRAME_MAX + 1];

	(void)unused;
	rig_init(&r, SOCK_SEQPACKET, NULL, 0);
	rig_offer(&r, 2000);
	drive_kick(&r.dev, RX);
	assert_int_equal(send(r.peer, huge, 0, 0), 0);
	assert_int_equal(send(r.peer, huge, 13, 0), 13);
	assert_int_equal(send(r.peer, huge, sizeof huge, 0), sizeof huge);
	rig_peer_send(&r, 60, 1);
	rig_expect(&r, 60, 1);
	assert_int_equal(rig_stats(&r).in_dropped, 3);
	rig_fini(&r);
}

/* More than a turn's budget in the back end's own buffer, where no fd says so any more. */
static void a_burst_in_the_back_end_is_served_in_turns(void **unused)
{
	enum { MANY = 200 };

	(void)unused;
	rig_make(&r, SOCK_STREAM, NULL);
	drive_seal(&r.d);
	rig_drive(&r, 0, 256);
	for (int i = 0; i < MANY; i++)
		rig_offer(&r, 1526);
	drive_kick(&r.dev, RX);
	rig_settle(&r);
	for (uint32_t i = 0; i < MANY; i++)
		rig_peer_send(&r, 60, (uint8_t)i);
	for (uint32_t i = 0; i < MANY; i++)
		rig_expect(&r, 60, (uint8_t)i);
	rig_fini(&r);
}

static bool to_guest(uint8_t flags, uint8_t type, uint64_t features, uint8_t *h)
{
	memset(h, 0, RIG_HEADER);
	h[0] = flags;
	h[1] = type;
	return net_header_to_guest(h, features);
}

static void headers_to_guests_say_only_what_was_negotiated(void **unused)
{
	const uint64_t all = NET_F_GUEST_CSUM | NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6;
	uint8_t h[RIG_HEADER];

	(void)unused;
	assert_true(to_guest(0, 0, 0, h));
	assert_true(to_guest(2, 0, 0, h)); /* DATA_VALID is dropped */
	assert_int_equal(h[0], 0);
	assert_false(to_guest(1, 0, 0, h));
	assert_false(to_guest(0, 1, NET_F_GUEST_TSO4, h));
	assert_true(to_guest(3, 0, NET_F_GUEST_CSUM, h));
	assert_int_equal(h[0], 3);
	assert_false(to_guest(1, 1, NET_F_GUEST_CSUM, h));
	assert_false(to_guest(1, 4, NET_F_GUEST_CSUM | NET_F_GUEST_TSO4, h));
	assert_true(to_guest(1, 1, all, h));
	assert_true(to_guest(1, 4, all, h));
	assert_false(to_guest(1, 3, all, h));
	assert_true(to_guest(0xff, 0, all, h));
	assert_int_equal(h[0], 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_arrive_in_order_with_their_header),
		cmocka_unit_test(a_guest_that_declines_all_is_served),
		cmocka_unit_test(a_frame_is_spread_over_many_buffers),
		cmocka_unit_test(a_complex_chain_is_filled_in_order),
		cmocka_unit_test(read_only_and_tiny_buffers_do_not_block),
		cmocka_unit_test(too_many_tiny_buffers_cost_one_frame),
		cmocka_unit_test(a_full_ring_goes_on_when_it_is_refilled),
		cmocka_unit_test(a_frame_waits_for_the_rest_of_its_buffers),
		cmocka_unit_test(a_frame_larger_than_the_ring_is_given_up),
		cmocka_unit_test(frames_before_the_driver_wait_for_it),
		cmocka_unit_test(a_reset_with_a_full_ring_starts_anew),
		cmocka_unit_test(bad_packets_are_counted),
		cmocka_unit_test(a_burst_in_the_back_end_is_served_in_turns),
		cmocka_unit_test(headers_to_guests_say_only_what_was_negotiated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
