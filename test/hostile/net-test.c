/* SPDX-License-Identifier: Apache-2.0 */
/* What only a network card can be asked (virtio 1.2 §5.1), by its driver and by its peer. */
#include "suite.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "subjects.h"

enum { FLOOD = 4000, AT = 0x8000, SOME_BYTES = 4 << 20, CTRL_AT = 0x6000, ACK_AT = 0x7800 };

/* As many numbered frames as the socket takes. */
static uint32_t flood(struct hostile *h)
{
	uint8_t frame[NET_FRAME];
	uint32_t n = 0;

	for (; n < FLOOD; n++) {
		net_frame(frame, sizeof frame, 0, 0);
		memcpy(frame + 20, &n, sizeof n);
		if (send(h->fd, frame, sizeof frame, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
		drive_poll(&h->d);
	}
	CHECK(n > 2 * RING);
	return n;
}

/* CVE-2020-16843: after a flood that found no buffers, buffers alone are enough for all of it to arrive. */
static void rx_resumes_after_a_full_ring(void **state)
{
	struct hostile *h = *state;
	struct held before = held_now(h);
	uint32_t frames = flood(h);

	hostile_turns(h, 64);
	assert_held(h, before, SOME_BYTES);
	assert_neighbours_work(h);
	for (uint32_t i = 0; i < frames; i++) {
		uint32_t len, *number = drive_at(&h->d, h->buf + AT + NET_HEADER + 20, 4);

		net_post(h, h->buf + AT, 2048);
		drive_wait_used(&h->dev, NET_RX, &len);
		CHECK(len == NET_HEADER + NET_FRAME && *number == i);
	}
	h->subject->works(h);
	assert_neighbours_work(h);
}

/* CVE-2016-5403: what a peer does not read waits in the guest's ring, not here; nothing of it is lost. */
static void tx_to_a_peer_that_does_not_read_is_bounded(void **state)
{
	struct hostile *h = *state;
	struct held before = held_now(h);
	uint8_t *buf = drive_at(&h->d, h->buf + AT, RING * 2048);
	uint32_t sent = 0, done = 0, got = 0;
	uint8_t frame[2048];

	for (uint32_t i = 0; i < RING; i++)
		net_frame(buf + i * 2048 + NET_HEADER, 1000, 0, 1);
	for (uint32_t idle = 0; idle < 16;) {
		idle++;
		for (; sent - done < RING; sent++) {
			memcpy(buf + sent % RING * 2048 + NET_HEADER + 20, &sent, sizeof sent);
			drive_put(&h->dev, NET_TX,
				&(struct drive_seg){ h->buf + AT + sent % RING * 2048, NET_HEADER + 1000, false }, 1);
		}
		drive_kick(&h->dev, NET_TX);
		hostile_turns(h, 4);
		for (; drive_used(&h->dev, NET_TX, NULL) >= 0; done++)
			idle = 0;
		CHECK(sent < 1000000);
	}
	CHECK(sent - done == RING); /* the ring is full: the guest waits */
	assert_held(h, before, SOME_BYTES);
	assert_neighbours_work(h);
	while (got < sent) {
		uint32_t number;

		if (recv(h->fd, frame, sizeof frame, MSG_DONTWAIT) == 1000) {
			memcpy(&number, frame + 20, sizeof number);
			CHECK(number == got++);
		} else {
			drive_poll(&h->d);
		}
	}
	for (; done < sent; done++)
		drive_wait_used(&h->dev, NET_TX, NULL);
	h->subject->works(h);
}

static bool something_came(struct hostile *h)
{
	uint8_t frame[2048];

	hostile_turns(h, 4);
	return recv(h->fd, frame, sizeof frame, MSG_DONTWAIT) >= 0;
}

static void transmit(struct hostile *h, const struct drive_seg *seg, uint32_t n)
{
	drive_put(&h->dev, NET_TX, seg, n);
	drive_kick(&h->dev, NET_TX);
	drive_wait_used(&h->dev, NET_TX, NULL);
}

/* CH 945e1f265, c71a8ea8d; OpenBSD vmd 0759b25: no length sizes a copy, a frame that is none is dropped. */
static void tx_of_what_is_no_frame_is_dropped(void **state)
{
	struct hostile *h = *state;
	const uint32_t lens[] = { 1, NET_HEADER - 1, NET_HEADER, NET_HEADER + 1, NET_HEADER + 13, 70000, 128 << 10 };

	memset(drive_at(&h->d, h->buf + AT, 128 << 10), 0, 128 << 10);
	net_frame(drive_at(&h->d, h->buf + AT + NET_HEADER, 100), 100, 0, 1);
	for (uint32_t i = 0; i < COUNT(lens); i++) {
		transmit(h, &(struct drive_seg){ h->buf + AT, lens[i], false }, 1);
		CHECK(!something_came(h));
		transmit(h, &(struct drive_seg){ h->buf + AT, lens[i], true }, 1); /* writable */
		CHECK(!something_came(h));
		CHECK(!is_broken(h));
		net_sends(h, (uint8_t)i);
	}
	assert_neighbours_work(h);
	assert_recovers(h);
}

/* A frame in single bytes is a frame; the header may lie anywhere. */
static void tx_in_small_pieces_is_put_together(void **state)
{
	struct hostile *h = *state;
	const uint32_t n = NET_HEADER + NET_FRAME;
	uint8_t frame[NET_FRAME], got[2048];

	memset(drive_at(&h->d, h->buf + AT, n), 0, n);
	net_frame(frame, sizeof frame, 0x77, 1);
	memcpy(drive_at(&h->d, h->buf + AT + NET_HEADER, NET_FRAME), frame, NET_FRAME);
	for (uint32_t i = 0; i < n; i++)
		hostile_desc_at(h, h->buf, i, h->buf + AT + i, 1, i + 1 < n ? DESC_NEXT : 0, i + 1);
	hostile_desc(h, NET_TX, 0, h->buf, 16 * n, DESC_INDIRECT, 0);
	hostile_offer(h, NET_TX, 0);
	drive_kick(&h->dev, NET_TX);
	drive_wait_used(&h->dev, NET_TX, NULL);
	hostile_turns(h, 4);
	CHECK(recv(h->fd, got, sizeof got, MSG_DONTWAIT) == NET_FRAME && !memcmp(got, frame, sizeof frame));
	assert_neighbours_work(h);
}

static void tx_from_anothers_address_is_dropped(void **state)
{
	struct hostile *h = *state;
	uint8_t *buf = drive_at(&h->d, h->buf + AT, 128);

	for (uint32_t bit = 0; bit < 48; bit++) {
		memset(buf, 0, NET_HEADER);
		net_frame(buf + NET_HEADER, NET_FRAME, 0x33, 1);
		buf[NET_HEADER + 6 + bit / 8] ^= (uint8_t)(1u << bit % 8);
		transmit(h, &(struct drive_seg){ h->buf + AT, NET_HEADER + NET_FRAME, false }, 1);
		CHECK(!something_came(h));
	}
	CHECK(!is_broken(h));
	net_sends(h, 0x34);
	assert_neighbours_work(h);
}

/* FC#4680's family: offloads that were not negotiated, offsets past the frame. */
static void tx_headers_full_of_lies_are_dropped_or_cleaned(void **state)
{
	struct hostile *h = *state;
	uint8_t *buf = drive_at(&h->d, h->buf + AT, 128);
	uint64_t seed = 3;

	for (uint32_t i = 0; i < 2000; i++) {
		for (uint32_t b = 0; b < NET_HEADER; b++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			buf[b] = seed >> 60 ? (uint8_t)(seed >> 33) : 0xff;
		}
		net_frame(buf + NET_HEADER, NET_FRAME, 0x35, 1);
		transmit(h, &(struct drive_seg){ h->buf + AT, NET_HEADER + NET_FRAME, false }, 1);
		if (i % 16 == 0)
			h->subject->drain(h);
	}
	CHECK(!is_broken(h));
	h->subject->works(h);
	assert_neighbours_work(h);
}

/* FC test_rx_{read_only,short,complex}: buffers that cannot take a frame. Nothing is written past them, the device
 * is not broken by what is legal, and buffers that fit bring the frames back. */
static void rx_into_buffers_that_do_not_fit(void **state)
{
	struct hostile *h = *state;
	const uint32_t lens[] = { 1, NET_HEADER - 1, NET_HEADER, NET_HEADER + 1, 100 };
	uint8_t frame[1500];

	for (uint32_t merge = 0; merge < 2; merge++)
		for (uint32_t i = 0; i < COUNT(lens); i++) {
			uint8_t *canary;

			hostile_up_with(h, merge ? hostile_offered(h) : 0, RING);
			canary = drive_at(&h->d, h->buf + AT, RING * 2048);
			memset(canary, 0xca, RING * 2048);
			for (uint32_t b = 0; b < RING; b++) /* one of them is read-only */
				drive_put(&h->dev, NET_RX,
					&(struct drive_seg){ h->buf + AT + b * 2048, lens[i], b != 2 }, 1);
			drive_kick(&h->dev, NET_RX);
			net_frame(frame, sizeof frame, 0x44, 0);
			CHECK(send(h->fd, frame, sizeof frame, MSG_DONTWAIT) == sizeof frame);
			hostile_turns(h, 32);
			for (uint32_t b = 0; b < RING; b++)
				for (uint32_t at = b == 2 ? 0 : lens[i]; at < 2048; at++)
					CHECK(canary[b * 2048 + at] == 0xca);
			assert_neighbours_work(h);
			hostile_up(h);
			h->subject->drain(h);
			for (uint32_t b = 0; b < 2; b++) /* the frame above may have waited */
				net_post(h, h->buf + AT, 2048);
			hostile_turns(h, 16);
			assert_recovers(h);
		}
}

/* CVE-2021-3748, -3750: buffers over the device's own rings. What it writes there is the driver's own ruin. */
static void rx_into_its_own_rings_ruins_its_driver_only(void **state)
{
	struct hostile *h = *state;
	uint8_t frame[1400];

	for (uint32_t i = 0; i < 6; i++) {
		const uint64_t at[] = { h->dev.q[NET_RX].desc, h->dev.q[NET_RX].avail, h->dev.q[NET_RX].used,
			h->dev.q[NET_TX].desc, h->dev.q[NET_TX].avail, h->dev.q[NET_TX].used };

		net_post(h, at[i], 2048);
		net_frame(frame, sizeof frame, (uint8_t)(0x99 + i), 0);
		for (uint32_t n = 0; n < 3; n++)
			CHECK(send(h->fd, frame, sizeof frame, MSG_DONTWAIT) == sizeof frame);
		hostile_turns(h, 8);
		drive_kick(&h->dev, NET_RX);
		drive_kick(&h->dev, NET_TX);
		hostile_turns(h, 8);
		assert_neighbours_work(h);
		hostile_up(h);
		for (uint32_t n = 0; n < 4; n++)
			net_post(h, h->buf + AT, 2048);
		hostile_turns(h, 8);
		assert_recovers(h);
	}
}

/* One command, and its answer: 0 done, 1 refused, 0xee none. */
static uint8_t control(struct hostile *h, const void *bytes, uint32_t len)
{
	uint8_t *ack = drive_at(&h->d, h->buf + ACK_AT, 1);

	memcpy(drive_at(&h->d, h->buf + CTRL_AT, len), bytes, len);
	*ack = 0xee;
	drive_put(&h->dev, NET_CTRL,
		(struct drive_seg[]){ { h->buf + CTRL_AT, len, false }, { h->buf + ACK_AT, 1, true } }, 2);
	drive_kick(&h->dev, NET_CTRL);
	drive_wait_used(&h->dev, NET_CTRL, NULL);
	return *ack;
}

static void control_commands_are_checked(void **state)
{
	struct hostile *h = *state;
	const uint8_t wrong[][16] = {
		{ 0xff, 0xff }, { 0, 0xff, 1 }, { 1, 0xff },	  /* no such class, no such command */
		{ 1, 0, 0xff, 0xff, 0xff, 0xff },		  /* a table of 2^32 - 1 addresses, none there */
		{ 1, 0, 0, 0, 0, 0x80, 0xff, 0xff, 0xff, 0xff },  /* times 6 is past 32 bits */
		{ 1, 0, 2, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, /* two, and one is there */
		{ 1, 1, 2, 9, 9, 9, 9, 9 },			  /* an address that is not its own */
	};

	for (uint32_t i = 0; i < COUNT(wrong); i++)
		CHECK(control(h, wrong[i], sizeof wrong[i]) == 1);
	for (uint32_t len = 1; len < 6; len++)
		CHECK(control(h, "\1\0\0\0\0\0", len) == 1); /* cut off */
	CHECK(control(h, "\0\0\1", 3) == 0); /* promiscuous: legal */
	/* without room for an answer, without a command, too long */
	drive_put(&h->dev, NET_CTRL, &(struct drive_seg){ h->buf + CTRL_AT, 16, false }, 1);
	drive_put(&h->dev, NET_CTRL, &(struct drive_seg){ h->buf + ACK_AT, 1, true }, 1);
	drive_put(&h->dev, NET_CTRL,
		(struct drive_seg[]){ { h->buf, 128 << 10, false }, { h->buf + ACK_AT, 1, true } }, 2);
	drive_kick(&h->dev, NET_CTRL);
	for (uint32_t i = 0; i < 3; i++)
		drive_wait_used(&h->dev, NET_CTRL, NULL);
	CHECK(!is_broken(h));
	h->subject->works(h);
	assert_neighbours_work(h);
}

/* The peer is hostile, too. */
static void packets_that_are_no_frames_are_dropped(void **state)
{
	struct hostile *h = *state;
	static uint8_t bytes[80000];
	const uint32_t lens[] = { 0, 1, 13, 65536, 65554, 80000 };

	for (uint32_t i = 0; i < COUNT(lens); i++) {
		net_post(h, h->buf + AT, 2048);
		send(h->fd, bytes, lens[i], MSG_DONTWAIT | MSG_NOSIGNAL); /* some are too long for the socket */
		hostile_turns(h, 8);
		CHECK(!is_broken(h));
		assert_neighbours_work(h);
		hostile_up(h);
		h->subject->works(h);
	}
}

static void a_peer_that_goes_away_is_a_dead_link(void **state)
{
	struct hostile *h = *state;
	struct held before = held_now(h);

	net_post(h, h->buf + AT, 2048);
	shutdown(h->fd, SHUT_RDWR);
	for (uint32_t i = 0; i < 200; i++) {
		struct drive_seg seg[8];
		uint32_t n = h->subject->request(h, seg);

		drive_put(&h->dev, NET_TX, seg, n);
		drive_kick(&h->dev, NET_TX);
		drive_wait_used(&h->dev, NET_TX, NULL); /* the guest does not hang on it */
	}
	assert_held(h, before, SOME_BYTES);
	CHECK(!is_broken(h));
	CHECK(!(drive_reg(&h->dev, REG_CONFIG + 6, 2) & 1)); /* link down */
	assert_neighbours_work(h);
	hostile_up(h);
	assert_neighbours_work(h);
}

static void add_stream(struct hostile *h)
{
	struct ukvmm_net_config config = { .size = sizeof config, .kind = UKVMM_NET_STREAM };
	int fd[2];

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd));
	config.fd = fd[0];
	CHECK(!ukvmm_vm_add_net(h->d.vm, "net", &config, NULL));
	close(fd[0]);
	h->fd = fd[1];
}

/* Frames behind a length of the peer's: one that no frame has ends the connection and nothing else; what is promised
 * and does not come costs nothing. */
static void a_stream_peer_that_lies_about_lengths_is_a_dead_link(void **state)
{
	const uint32_t lies[] = { 65554, 0x7fffffff, 0x80000000, UINT32_MAX };
	struct subject stream = subject_net;
	struct hostile *h;

	(void)state;
	stream.add = add_stream;
	for (uint32_t i = 0; i < COUNT(lies) + 1; i++) {
		uint32_t len = __builtin_bswap32(i < COUNT(lies) ? lies[i] : 60000); /* the last one is no lie, yet */
		struct held before;

		h = calloc(1, sizeof *h);
		CHECK(h);
		hostile_init(h, &stream);
		before = held_now(h);
		net_post(h, h->buf + AT, 2048);
		CHECK(send(h->fd, &len, sizeof len, MSG_NOSIGNAL) == sizeof len);
		hostile_turns(h, 16);
		CHECK((drive_reg(&h->dev, REG_CONFIG + 6, 2) & 1) == (i == COUNT(lies)));
		CHECK(!is_broken(h));
		assert_held(h, before, SOME_BYTES);
		assert_neighbours_work(h);
		hostile_fini(h);
		free(h);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ROW(rx_resumes_after_a_full_ring),
		ROW(tx_to_a_peer_that_does_not_read_is_bounded),
		ROW(tx_of_what_is_no_frame_is_dropped),
		ROW(tx_in_small_pieces_is_put_together),
		ROW(tx_from_anothers_address_is_dropped),
		ROW(tx_headers_full_of_lies_are_dropped_or_cleaned),
		ROW(rx_into_buffers_that_do_not_fit),
		ROW(rx_into_its_own_rings_ruins_its_driver_only),
		ROW(control_commands_are_checked),
		ROW(packets_that_are_no_frames_are_dropped),
		ROW(a_peer_that_goes_away_is_a_dead_link),
		cmocka_unit_test(a_stream_peer_that_lies_about_lengths_is_a_dead_link),
	};

	return SUITE_RUN(tests, "net");
}
