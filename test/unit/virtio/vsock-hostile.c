/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that break every rule of §5.10: they hurt themselves, and memory stays bounded. */
#include "vsock_guest.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "virtio_reg.h"

enum { BUFFERS = 64, TURNS = 5000, SEEN = 20 };

static uint8_t zeroes[VSOCK_BUFFER + 1];

/* Whatever was done to it: a new stream works. */
static void still_works(struct vguest *g)
{
	struct packet p;
	uint8_t buf[8];
	int fd;

	while (next_packet(g, &p))
		;
	g->guest_port = 9999;
	fd = guest_opens(g);
	send_bytes(g, "hello", 5);
	assert_int_equal(drain(fd, buf, sizeof buf), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(g->d.broken, 0);
	close(fd);
}

static void strangers_are_answered_with_rst(void **state)
{
	static const struct {
		uint64_t src_cid, dst_cid;
		uint16_t type, op;
	} bad[] = {
		{ CID, VSOCK_CID_HOST, VSOCK_TYPE_STREAM, VSOCK_RW },
		{ CID, VSOCK_CID_HOST, VSOCK_TYPE_STREAM, VSOCK_RESPONSE },
		{ CID, VSOCK_CID_HOST, VSOCK_TYPE_STREAM, VSOCK_SHUTDOWN },
		{ CID, VSOCK_CID_HOST, VSOCK_TYPE_STREAM, VSOCK_CREDIT_REQUEST },
		{ CID, VSOCK_CID_HOST, VSOCK_TYPE_STREAM, 0 },
		{ CID, VSOCK_CID_HOST, VSOCK_TYPE_STREAM, VSOCK_OPS },
		{ CID, VSOCK_CID_HOST, VSOCK_TYPE_STREAM, UINT16_MAX },
		{ CID, VSOCK_CID_HOST, 2 /* seqpacket */, VSOCK_REQUEST },
		{ CID, VSOCK_CID_HOST, 0, VSOCK_REQUEST },
		{ CID, 1, VSOCK_TYPE_STREAM, VSOCK_REQUEST },
		{ CID, CID, VSOCK_TYPE_STREAM, VSOCK_REQUEST },
		{ CID, UINT64_MAX, VSOCK_TYPE_STREAM, VSOCK_REQUEST },
		{ CID + 1, VSOCK_CID_HOST, VSOCK_TYPE_STREAM, VSOCK_REQUEST },
		{ CID | 1ull << 32, VSOCK_CID_HOST, VSOCK_TYPE_STREAM, VSOCK_REQUEST },
	};
	struct vguest g;
	struct packet p;

	(void)state;
	guest_init(&g, false);
	guest_up(&g, BUFFERS);
	for (uint32_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct vsock_header h = header_of(&g, bad[i].op, 0, 3);

		h.src_cid = bad[i].src_cid;
		h.dst_cid = bad[i].dst_cid;
		h.type = bad[i].type;
		send_raw(&g, &h, NULL, 0);
		assert_true(next_packet(&g, &p));
		assert_int_equal(p.h.op, VSOCK_RST);
		assert_int_equal(p.h.src_cid, h.dst_cid);
		assert_int_equal(p.h.src_port, h.dst_port);
		assert_int_equal(p.h.dst_port, h.src_port);
		assert_int_equal(p.h.type, h.type);
		h.op = VSOCK_RST; /* which is never answered */
		send_raw(&g, &h, NULL, 0);
		expect_nothing(&g);
		assert_int_equal(streams(&g), 0);
	}
	still_works(&g);
	guest_fini(&g);
}

/* So many packets that need no answer, behind as many answers as are kept, that they take more than one turn. */
static void packets_behind_full_answers_are_heard(void **state)
{
	enum { QUIET = RING - VSOCK_RSTS - 8 };
	struct vguest g;
	struct vsock_header h;
	uint32_t heard = 0;

	(void)state;
	guest_init(&g, false);
	guest_up(&g, 0);
	h = header_of(&g, VSOCK_RW, 0, 0);
	memcpy(drive_at(&g.d, g.tx, sizeof h), &h, sizeof h);
	h.op = VSOCK_RST;
	memcpy(drive_at(&g.d, g.tx + sizeof h, sizeof h), &h, sizeof h);
	for (uint32_t i = 0; i < VSOCK_RSTS + QUIET; i++)
		drive_put(&g.dev, VSOCK_Q_TX,
			&(struct drive_seg){ g.tx + (i < VSOCK_RSTS ? 0 : sizeof h), sizeof h, false }, 1);
	drive_kick(&g.dev, VSOCK_Q_TX);
	settle(&g);
	while (drive_used(&g.dev, VSOCK_Q_TX, NULL) >= 0)
		heard++;
	assert_int_equal(heard, VSOCK_RSTS);
	guest_give(&g, VSOCK_RSTS);
	while (drive_used(&g.dev, VSOCK_Q_TX, NULL) >= 0)
		heard++;
	assert_int_equal(heard, VSOCK_RSTS + QUIET);
	still_works(&g);
	guest_fini(&g);
}

static void half_a_header_is_nothing(void **state)
{
	struct vguest g;

	(void)state;
	guest_init(&g, false);
	guest_up(&g, BUFFERS);
	for (uint32_t len = 1; len < sizeof(struct vsock_header); len++) {
		drive_put(&g.dev, VSOCK_Q_TX, &(struct drive_seg){ g.tx, len, false }, 1);
		drive_kick(&g.dev, VSOCK_Q_TX);
		assert_true(drive_used(&g.dev, VSOCK_Q_TX, NULL) >= 0);
	}
	drive_put(&g.dev, VSOCK_Q_TX, &(struct drive_seg){ g.tx, 4096, true }, 1); /* nothing to read */
	drive_kick(&g.dev, VSOCK_Q_TX);
	assert_true(drive_used(&g.dev, VSOCK_Q_TX, NULL) >= 0);
	expect_nothing(&g);
	still_works(&g);
	guest_fini(&g);
}

/* What ends an open stream: RST to the guest, the end of file to the host, the slot free. */
static void abuse_ends_the_stream(void **state)
{
	static const struct {
		uint32_t len, sent; /* said, and there */
		uint16_t op;
	} bad[] = {
		{ 1, 0, VSOCK_RW }, { 100, 99, VSOCK_RW }, { UINT32_MAX, 100, VSOCK_RW },
		{ VSOCK_BUFFER + 1, VSOCK_BUFFER + 1, VSOCK_RW }, { 0, 0, VSOCK_REQUEST }, { 0, 0, VSOCK_RESPONSE },
		{ 0, 0, 0 }, { 0, 0, VSOCK_OPS }, { 0, 0, UINT16_MAX },
	};
	struct vguest g;

	(void)state;
	guest_init(&g, false);
	guest_up(&g, BUFFERS);
	for (uint32_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct vsock_header h;
		int fd = guest_opens(&g);

		h = header_of(&g, bad[i].op, bad[i].len, 0);
		send_raw(&g, &h, zeroes, bad[i].sent);
		expect(&g, VSOCK_RST, NULL);
		assert_true(at_end(fd));
		assert_int_equal(streams(&g), 0);
		close(fd);
	}
	still_works(&g);
	guest_fini(&g);
}

static void data_after_the_end_is_refused(void **state)
{
	struct vguest g;
	int fd;

	(void)state;
	guest_init(&g, false);
	guest_up(&g, BUFFERS);
	fd = guest_opens(&g);
	send_op(&g, VSOCK_SHUTDOWN, VSOCK_SHUT_SEND);
	send_bytes(&g, "x", 1);
	expect(&g, VSOCK_RST, NULL);
	assert_int_equal(streams(&g), 0);
	close(fd);
	still_works(&g);
	guest_fini(&g);
}

/* A host that does not read costs VSOCK_BUFFER bytes; a guest that sends on in spite of it loses its stream. */
static void credit_is_all_there_is(void **state)
{
	struct vguest g;
	uint32_t sent = 0, fwd = 0;
	struct packet p;
	int fd;

	(void)state;
	guest_init(&g, false);
	guest_up(&g, BUFFERS);
	fd = guest_opens(&g);
	do {
		uint32_t room = VSOCK_BUFFER - (sent - fwd), len = room < 60000 ? room : 60000;

		send_bytes(&g, zeroes, len);
		sent += len;
		while (next_packet(&g, &p)) {
			assert_int_equal(p.h.op, VSOCK_CREDIT_UPDATE);
			fwd = p.h.fwd_cnt;
		}
		send_op(&g, VSOCK_CREDIT_REQUEST, 0);
		expect(&g, VSOCK_CREDIT_UPDATE, &p);
		fwd = p.h.fwd_cnt;
	} while (sent - fwd < VSOCK_BUFFER);
	assert_int_equal(device(&g)->stream[0].ring_len, VSOCK_BUFFER);
	send_bytes(&g, "x", 1);
	expect(&g, VSOCK_RST, NULL);
	assert_int_equal(streams(&g), 0);
	assert_null(device(&g)->stream[0].ring);
	close(fd);
	still_works(&g);
	guest_fini(&g);
}

/* The guest's window is respected, whatever it says; it is asked for more once. */
static void guests_credit_is_respected(void **state)
{
	struct vguest g;
	struct packet p;
	uint32_t seen = 0;
	int fd;

	(void)state;
	guest_init(&g, false);
	guest_up(&g, BUFFERS);
	g.buf_alloc = 100;
	fd = guest_opens(&g);
	assert_int_equal(write(fd, zeroes, 250), 250);
	expect(&g, VSOCK_RW, &p);
	assert_int_equal(p.h.len, 100);
	expect(&g, VSOCK_CREDIT_REQUEST, NULL);
	expect_nothing(&g);
	g.received = 0; /* "still nothing read": no answer, no storm of questions */
	send_op(&g, VSOCK_CREDIT_UPDATE, 0);
	expect_nothing(&g);
	g.received = 60;
	send_op(&g, VSOCK_CREDIT_UPDATE, 0);
	expect(&g, VSOCK_RW, &p);
	assert_int_equal(p.h.len, 60);
	expect(&g, VSOCK_CREDIT_REQUEST, NULL);
	g.received = 5000; /* more than it was ever sent */
	send_op(&g, VSOCK_CREDIT_UPDATE, 0);
	while (next_packet(&g, &p))
		seen += p.h.op == VSOCK_RW ? p.h.len : 0;
	assert_int_equal(seen, 0);
	g.buf_alloc = UINT32_MAX;
	g.received = 160;
	send_op(&g, VSOCK_CREDIT_UPDATE, 0);
	while (next_packet(&g, &p))
		seen += p.h.op == VSOCK_RW ? p.h.len : 0;
	assert_int_equal(seen, 90);
	close(fd);
	guest_fini(&g);
}

/* A guest that asks and takes no answers is not listened to, until it does. */
static void answers_not_taken_stop_the_questions(void **state)
{
	struct vguest g;
	struct vsock_header h;
	struct packet p;
	uint32_t answered = 0, asked = 0;

	(void)state;
	guest_init(&g, false);
	guest_up(&g, 0);
	h = header_of(&g, VSOCK_RW, 0, 0);
	memcpy(drive_at(&g.d, g.tx, sizeof h), &h, sizeof h);
	for (; asked < 3 * VSOCK_RSTS; asked++) {
		drive_put(&g.dev, VSOCK_Q_TX, &(struct drive_seg){ g.tx, sizeof h, false }, 1);
		drive_kick(&g.dev, VSOCK_Q_TX);
	}
	settle(&g);
	for (asked = 0; drive_used(&g.dev, VSOCK_Q_TX, NULL) >= 0;)
		asked++;
	assert_int_equal(asked, VSOCK_RSTS);
	guest_give(&g, 16);
	while (next_packet(&g, &p)) {
		assert_int_equal(p.h.op, VSOCK_RST);
		answered++;
	}
	assert_int_equal(answered, 3 * VSOCK_RSTS);
	while (drive_used(&g.dev, VSOCK_Q_TX, NULL) >= 0)
		asked++;
	assert_int_equal(asked, 3 * VSOCK_RSTS);
	still_works(&g);
	guest_fini(&g);
}

static void streams_are_bounded(void **state)
{
	struct vguest g;
	int fd[VSOCK_STREAMS + 1];

	(void)state;
	guest_init(&g, false);
	guest_up(&g, BUFFERS);
	for (uint32_t i = 0; i < VSOCK_STREAMS; i++) {
		g.guest_port = i;
		fd[i] = guest_opens(&g);
	}
	g.guest_port = VSOCK_STREAMS;
	send_op(&g, VSOCK_REQUEST, 0);
	expect(&g, VSOCK_RST, NULL);
	assert_int_equal(ukvmm_vm_connect(g.d.vm, 1, NULL), -EAGAIN);
	/* one that its host has left, and that the guest does not end, gives way */
	close(fd[7]);
	g.guest_port = 7;
	g.host_port = HOST_PORT;
	expect(&g, VSOCK_SHUTDOWN, NULL);
	g.guest_port = VSOCK_STREAMS;
	fd[7] = guest_opens(&g);
	assert_int_equal(streams(&g), VSOCK_STREAMS);
	for (uint32_t i = 0; i < VSOCK_STREAMS; i++)
		close(fd[i]);
	settle(&g);
	still_works(&g);
	guest_fini(&g);
}

/* Receive buffers that hold no header, or nothing at all, go back empty. */
static void small_buffers_go_back(void **state)
{
	struct vguest g;
	struct drive_seg small = { 0, sizeof(struct vsock_header) - 1, true };
	uint32_t len;
	int fd;

	(void)state;
	guest_init(&g, false);
	guest_up(&g, 1);
	small.gpa = g.rx;
	fd = guest_opens(&g); /* its answer uses the buffer up, and gives it again behind these */
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	settle(&g);
	assert_true(drive_used(&g.dev, VSOCK_Q_RX, &len) >= 0);
	for (uint32_t i = 0; i < 3; i++) {
		small.write = i < 2;
		small.len = i ? (uint32_t)sizeof(struct vsock_header) : small.len;
		drive_put(&g.dev, VSOCK_Q_RX, &small, 1);
	}
	assert_int_equal(write(fd, "y", 1), 1);
	drive_kick(&g.dev, VSOCK_Q_RX);
	settle(&g);
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(drive_used(&g.dev, VSOCK_Q_RX, &len) >= 0);
		assert_int_equal(len, 0);
	}
	guest_give(&g, 2);
	assert_true(drive_used(&g.dev, VSOCK_Q_RX, &len) >= 0);
	assert_int_equal(len, sizeof(struct vsock_header) + 1);
	close(fd);
	guest_fini(&g);
}

struct attack {
	uint8_t *header;
	_Atomic(struct ring_desc *) table; /* the odd ones are of data */
	_Atomic bool over;
};

/* The races with the device are the point: not ThreadSanitizer's business. */
__attribute__((no_sanitize("thread"))) static void *rewrite(void *arg)
{
	struct attack *a = arg;
	uint32_t seed = 1;

	while (!atomic_load(&a->over)) {
		volatile struct vsock_header *h = (volatile void *)a->header;
		volatile struct ring_desc *table = a->table;

		seed = seed * 1664525 + 1013904223;
		h->len = seed & 1 ? 8 : seed;
		h->op = (uint16_t)(seed >> 24 & 7);
		h->src_port = seed >> 20 & 3;
		h->type = (uint16_t)(seed >> 16 & 15 ? VSOCK_TYPE_STREAM : 9);
		h->fwd_cnt = seed >> 3;
		h->buf_alloc = seed;
		table[(seed >> 8) % RING | 1].len = seed >> 16 & 3 ? 0xffffff : UINT32_MAX;
	}
	return NULL;
}

/* What does not end by the guest's doing piles up to the bound only. */
static void rewriting_the_header_gains_nothing(void **state)
{
	struct vguest g;
	struct attack a = { 0 };
	struct vsock_header h;
	uint32_t opened = 0, breaks = 0;
	uint64_t memory;
	pthread_t other;
	int fd;

	(void)state;
	guest_init(&g, false);
	memory = g.d.free; /* the rings are made again in the same place */
	guest_up(&g, BUFFERS);
	h = header_of(&g, VSOCK_REQUEST, 0, 0);
	a.header = drive_at(&g.d, g.tx, sizeof h);
	memcpy(a.header, &h, sizeof h);
	a.table = drive_at(&g.d, g.dev.q[VSOCK_Q_TX].desc, sizeof(struct ring_desc) * RING);
	assert_int_equal(pthread_create(&other, NULL, rewrite, &a), 0);
	for (uint32_t i = 0; i < TURNS || opened < SEEN || breaks < SEEN; i++) {
		if (g.d.broken) { /* a descriptor led out of RAM */
			g.d.broken = 0;
			g.d.free = memory;
			memset(drive_at(&g.d, memory, 1 << 20), 0, 1 << 20);
			breaks++;
			guest_up(&g, BUFFERS);
			a.table = drive_at(&g.d, g.dev.q[VSOCK_Q_TX].desc, sizeof(struct ring_desc) * RING);
		}
		drive_put(&g.dev, VSOCK_Q_TX,
			(struct drive_seg[]){ { g.tx, sizeof h, false }, { g.tx + 4096, 8, false } }, 2);
		drive_kick(&g.dev, VSOCK_Q_TX);
		while (drive_used(&g.dev, VSOCK_Q_TX, NULL) >= 0)
			;
		while (drive_used(&g.dev, VSOCK_Q_RX, NULL) >= 0)
			guest_give(&g, 1);
		settle(&g);
		for (; (fd = accept(g.listener, NULL, NULL)) >= 0; opened++)
			close(fd);
		assert_in_range(streams(&g), 0, VSOCK_STREAMS);
	}
	atomic_store(&a.over, true);
	pthread_join(other, NULL);
	g.d.free = memory;
	memset(drive_at(&g.d, memory, 1 << 20), 0, 1 << 20);
	guest_up(&g, BUFFERS);
	g.d.broken = 0;
	assert_int_equal(streams(&g), 0);
	still_works(&g);
	guest_fini(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strangers_are_answered_with_rst),
		cmocka_unit_test(packets_behind_full_answers_are_heard),
		cmocka_unit_test(half_a_header_is_nothing),
		cmocka_unit_test(abuse_ends_the_stream),
		cmocka_unit_test(data_after_the_end_is_refused),
		cmocka_unit_test(credit_is_all_there_is),
		cmocka_unit_test(guests_credit_is_respected),
		cmocka_unit_test(answers_not_taken_stop_the_questions),
		cmocka_unit_test(streams_are_bounded),
		cmocka_unit_test(small_buffers_go_back),
		cmocka_unit_test(rewriting_the_header_gains_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
