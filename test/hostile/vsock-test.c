/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest can say over vsock (virtio 1.2 §5.10). How much of it: vsock-bounds-test.c. */
#include "suite.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "subjects.h"

enum { AT = 0x8000, GUEST_PORT = 77, BUFFER = 128 << 10, SOME_BYTES = 2 << 20 };

/* A stream the host has opened and the guest accepted. */
struct stream {
	int fd;
	struct vsock_header mine; /* what the guest sends with it */
};

static struct stream open_stream(struct hostile *h, uint32_t buf_alloc)
{
	struct stream s = { .fd = ukvmm_vm_connect(h->d.vm, GUEST_PORT, NULL) };
	struct vsock_header got;

	CHECK(s.fd >= 0);
	vsock_post(h);
	got = vsock_next(h, NULL);
	CHECK(got.op == VSOCK_REQUEST && got.dst_port == GUEST_PORT);
	s.mine = vsock_packet(GUEST_PORT, got.src_port, VSOCK_RESPONSE);
	s.mine.buf_alloc = buf_alloc;
	vsock_send(h, &s.mine, NULL);
	s.mine.op = VSOCK_RW;
	return s;
}

static void assert_answer(struct hostile *h, uint16_t op, uint32_t host_port, uint32_t guest_port)
{
	struct vsock_header got = vsock_next(h, NULL);

	CHECK(got.op == op && got.src_port == host_port && got.dst_port == guest_port);
}

/* The stream has ended for the host: what came before may still be read. */
static void assert_ended(struct hostile *h, int fd)
{
	char bytes[4096];
	ssize_t n;

	hostile_turns(h, 8);
	do
		n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
	while (n > 0);
	CHECK(n == 0 || errno == ECONNRESET);
	close(fd);
}

static void send_raw(struct hostile *h, const struct vsock_header *header, uint32_t bytes)
{
	hostile_store(h, h->buf + AT, header, sizeof *header);
	drive_put(&h->dev, VSOCK_TX, &(struct drive_seg){ h->buf + AT, bytes, false }, 1);
	drive_kick(&h->dev, VSOCK_TX);
	drive_wait_used(&h->dev, VSOCK_TX, NULL);
}

/* CVE-2019-18960, CH 9f405a21a: what the header promises is held against what is there. */
static void lengths_beyond_the_packet_end_the_stream(void **state)
{
	struct hostile *h = *state;
	const uint32_t lens[] = { 101, 4096, 65536, BUFFER, BUFFER + 1, 0x7fffffff, UINT32_MAX - 43, UINT32_MAX };
	struct held before = held_now(h);

	for (uint32_t i = 0; i < COUNT(lens); i++) {
		struct stream s = open_stream(h, 65536);

		s.mine.len = lens[i];
		send_raw(h, &s.mine, sizeof s.mine + 100);
		assert_answer(h, VSOCK_RST, s.mine.dst_port, GUEST_PORT);
		assert_ended(h, s.fd);
		assert_neighbours_work(h);
	}
	CHECK(!is_broken(h));
	assert_held(h, before, SOME_BYTES);
	h->subject->works(h);
}

static void headers_cut_off_are_ignored(void **state)
{
	struct hostile *h = *state;
	struct vsock_header header = vsock_packet(1, 2, VSOCK_REQUEST), got;

	vsock_post(h);
	for (uint32_t len = 1; len < sizeof header; len++)
		send_raw(h, &header, len);
	CHECK(vsock_poll(h, &got, NULL));
	CHECK(!is_broken(h));
	h->subject->works(h);
	assert_neighbours_work(h);
}

/* In as many pieces as it has bytes, a header is a header. */
static void headers_in_single_bytes_are_put_together(void **state)
{
	struct hostile *h = *state;
	struct vsock_header header = vsock_packet(1, 2, VSOCK_RW);
	uint32_t n = sizeof header;

	vsock_post(h);
	hostile_store(h, h->buf + AT, &header, n);
	for (uint32_t i = 0; i < n; i++)
		hostile_desc_at(h, h->buf, i, h->buf + AT + i, 1, i + 1 < n ? DESC_NEXT : 0, i + 1);
	hostile_desc(h, VSOCK_TX, 0, h->buf, 16 * n, DESC_INDIRECT, 0);
	hostile_offer(h, VSOCK_TX, 0);
	drive_kick(&h->dev, VSOCK_TX);
	drive_wait_used(&h->dev, VSOCK_TX, NULL);
	assert_answer(h, VSOCK_RST, 2, 1);
	assert_neighbours_work(h);
}

/* Nobody else's context id, no other type, no stream that is not there. */
static void strangers_hear_rst_and_reach_nobody(void **state)
{
	struct hostile *h = *state;
	struct stream s = open_stream(h, 65536);
	struct vsock_header header, got;

	for (uint32_t i = 0; i < 9; i++) {
		header = s.mine;
		header.len = 4;
		header.src_cid = i == 0 ? 0 : i == 1 ? 2 : i == 2 ? VSOCK_CID + 1 : i == 3 ? UINT64_MAX : VSOCK_CID;
		header.dst_cid = i == 4 ? 1 : i == 5 ? VSOCK_CID : VSOCK_HOST_CID;
		header.type = i == 6 ? 2 : i == 7 ? 0xffff : VSOCK_STREAM;
		header.src_port += i == 8;
		vsock_send(h, &header, "lies");
		got = vsock_next(h, NULL);
		CHECK(got.op == VSOCK_RST);
	}
	CHECK(recv(s.fd, &header, sizeof header, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	s.mine.len = 4;
	vsock_send(h, &s.mine, "true");
	hostile_turns(h, 4);
	CHECK(recv(s.fd, &header, sizeof header, MSG_DONTWAIT) == 4);
	close(s.fd);
	assert_neighbours_work(h);
}

static void operations_that_are_none_end_the_stream(void **state)
{
	struct hostile *h = *state;
	const uint16_t ops[] = { 0, 8, 255, 0xffff, VSOCK_REQUEST, VSOCK_RESPONSE };

	for (uint32_t i = 0; i < COUNT(ops); i++) {
		struct stream s = open_stream(h, 65536);

		s.mine.op = ops[i];
		vsock_send(h, &s.mine, NULL);
		assert_answer(h, VSOCK_RST, s.mine.dst_port, GUEST_PORT);
		assert_ended(h, s.fd);
	}
	h->subject->works(h);
	assert_neighbours_work(h);
}

static void data_beyond_the_credit_ends_the_stream(void **state)
{
	struct hostile *h = *state;
	struct held before = held_now(h);
	static uint8_t data[4000];
	struct stream s = open_stream(h, 65536);
	struct vsock_header got = { 0 };
	uint64_t sent = 0;

	/* the host does not read: its socket fills, then our buffer, then it is enough */
	s.mine.len = sizeof data;
	while (got.op != VSOCK_RST) {
		vsock_send(h, &s.mine, data);
		sent += sizeof data;
		CHECK(sent < 4 << 20);
		while (got.op != VSOCK_RST && !vsock_poll(h, &got, NULL))
			;
	}
	CHECK(sent > BUFFER);
	assert_held(h, before, SOME_BYTES);
	assert_ended(h, s.fd);
	assert_neighbours_work(h);
	h->subject->works(h);
}

/* The guest's own credit, as it says: none, too much, and a count of what was never sent. */
static void credit_that_is_a_lie_harms_its_stream_only(void **state)
{
	struct hostile *h = *state;
	static uint8_t data[65536];

	for (uint32_t i = 0; i < 6; i++) {
		const uint32_t alloc[] = { 0, 1, 100, UINT32_MAX, UINT32_MAX, 4096 };
		const uint32_t forwarded[] = { 0, 0, 50, 0, UINT32_MAX, 0x80000000 };
		struct stream s = open_stream(h, alloc[i]);
		struct vsock_header got;
		uint64_t bytes = 0;

		s.mine.op = VSOCK_CREDIT_UPDATE;
		s.mine.fwd_cnt = forwarded[i];
		vsock_send(h, &s.mine, NULL);
		CHECK(send(s.fd, data, sizeof data, MSG_DONTWAIT | MSG_NOSIGNAL) > 0);
		for (uint32_t n = 0; n < 100 && !vsock_poll(h, &got, data); n++)
			bytes += got.op == VSOCK_RW ? got.len : 0;
		if (alloc[i] <= 100)
			CHECK(bytes <= alloc[i] + forwarded[i]);
		close(s.fd);
		assert_neighbours_work(h);
		hostile_up(h);
	}
	h->subject->works(h);
}

static void data_after_the_end_is_refused(void **state)
{
	struct hostile *h = *state;
	struct stream s = open_stream(h, 65536);
	struct vsock_header end = s.mine;

	end.op = VSOCK_SHUTDOWN;
	end.flags = 2; /* it will send no more */
	vsock_send(h, &end, NULL);
	s.mine.len = 4;
	vsock_send(h, &s.mine, "more");
	assert_answer(h, VSOCK_RST, s.mine.dst_port, GUEST_PORT);
	assert_ended(h, s.fd);
	assert_neighbours_work(h);
}

/* FC test_rx_*: buffers without room for a header go back; a bigger one brings the packet. */
static void buffers_without_room_for_a_header_do_not_matter(void **state)
{
	struct hostile *h = *state;
	const uint32_t lens[] = { 1, 43 };
	uint32_t len;
	int fd;

	for (uint32_t i = 0; i < COUNT(lens); i++) {
		hostile_up(h);
		memset(drive_at(&h->d, h->buf + AT, PAGE), 0x3c, PAGE);
		for (uint32_t b = 0; b < RING / 2; b++)
			drive_put(&h->dev, VSOCK_RX, &(struct drive_seg){ h->buf + AT, lens[i], b != 1 }, 1);
		drive_kick(&h->dev, VSOCK_RX);
		fd = ukvmm_vm_connect(h->d.vm, GUEST_PORT, NULL);
		hostile_turns(h, 16);
		for (uint32_t at = lens[i]; at < PAGE; at++)
			CHECK(*((uint8_t *)drive_at(&h->d, h->buf + AT, PAGE) + at) == 0x3c);
		while (drive_used(&h->dev, VSOCK_RX, &len) >= 0)
			CHECK(len <= lens[i]);
		assert_neighbours_work(h);
		close(fd);
	}
	assert_recovers(h);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ROW(lengths_beyond_the_packet_end_the_stream),
		ROW(headers_cut_off_are_ignored),
		ROW(headers_in_single_bytes_are_put_together),
		ROW(strangers_hear_rst_and_reach_nobody),
		ROW(operations_that_are_none_end_the_stream),
		ROW(data_beyond_the_credit_ends_the_stream),
		ROW(credit_that_is_a_lie_harms_its_stream_only),
		ROW(data_after_the_end_is_refused),
		ROW(buffers_without_room_for_a_header_do_not_matter),
	};

	return SUITE_RUN(tests, "vsock");
}
