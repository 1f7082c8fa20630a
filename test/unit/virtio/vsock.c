/* SPDX-License-Identifier: Apache-2.0 */
/* Streams as an honest guest and honest hosts use them. */
#include "vsock_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TOTAL = 10 << 20, PIECE = 3001, BUFFERS = 32, IDLE_TURNS = 100 };

/* A byte stream that shows a byte lost, doubled or moved. */
static uint8_t byte_at(uint32_t at)
{
	return (uint8_t)(at * 2654435761u >> 24);
}

static void fill(uint8_t *buf, uint32_t at, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		buf[i] = byte_at(at + i);
}

static void check(const uint8_t *buf, uint32_t at, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		if (buf[i] != byte_at(at + i))
			fail_msg("byte %u is wrong", at + i);
}

struct transfer {
	struct vguest *g;
	int fd;
	uint32_t out, out_seen, in, in_seen; /* bytes from the guest, to it */
	uint32_t alloc, fwd;		     /* the device's credit */
};

/* As much as the credit allows. */
static void guest_sends(struct transfer *t)
{
	uint8_t buf[PIECE];
	uint32_t room = t->alloc - (t->out - t->fwd), len = TOTAL - t->out;

	len = len < room ? len : room;
	len = len < sizeof buf ? len : (uint32_t)sizeof buf;
	if (!len)
		return;
	fill(buf, t->out, len);
	t->out += len;
	send_bytes(t->g, buf, len);
}

static void guest_takes(struct transfer *t)
{
	struct packet p;

	while (next_packet(t->g, &p)) {
		t->alloc = p.h.buf_alloc;
		t->fwd = p.h.fwd_cnt;
		if (p.h.op == VSOCK_RW) {
			check(p.data, t->in_seen, p.h.len);
			t->in_seen += p.h.len;
			send_op(t->g, VSOCK_CREDIT_UPDATE, 0);
		} else if (p.h.op != VSOCK_CREDIT_UPDATE) {
			assert_int_equal(p.h.op, VSOCK_CREDIT_REQUEST);
			send_op(t->g, VSOCK_CREDIT_UPDATE, 0);
		}
	}
}

static void host_sends_and_takes(struct transfer *t, bool reads)
{
	uint8_t buf[8 * PIECE];
	uint32_t len = TOTAL - t->in < sizeof buf ? TOTAL - t->in : (uint32_t)sizeof buf;
	ssize_t n;

	fill(buf, t->in, len);
	n = len ? write(t->fd, buf, len) : 0;
	t->in += n > 0 ? (uint32_t)n : 0;
	n = reads ? read(t->fd, buf, sizeof buf) : 0;
	if (n > 0)
		check(buf, t->out_seen, (uint32_t)n);
	t->out_seen += n > 0 ? (uint32_t)n : 0;
}

/* The host reads in bursts, so that the device's buffers fill and empty again. */
static void transfer_both_ways(struct vguest *g, int fd)
{
	struct transfer t = { .g = g, .fd = fd, .alloc = VSOCK_BUFFER };
	uint32_t idle = 0;

	for (uint32_t turn = 0; (t.out_seen < TOTAL || t.in_seen < TOTAL) && idle < IDLE_TURNS; turn++) {
		uint32_t before = t.out_seen + t.in_seen + t.out + t.in;

		guest_sends(&t);
		host_sends_and_takes(&t, turn / 200 & 1);
		guest_takes(&t);
		idle = before == t.out_seen + t.in_seen + t.out + t.in && turn / 200 & 1 ? idle + 1 : 0;
	}
	assert_int_equal(t.out_seen, TOTAL);
	assert_int_equal(t.in_seen, TOTAL);
}

static void guest_connects_and_bytes_pass(void **state)
{
	struct vguest g;
	int fd;

	(void)state;
	guest_init(&g, false);
	guest_up(&g, BUFFERS);
	fd = guest_opens(&g);
	transfer_both_ways(&g, fd);
	close(fd);
	guest_fini(&g);
}

static void host_connects_and_bytes_pass(void **state)
{
	struct vguest g;
	int fd;

	(void)state;
	guest_init(&g, false);
	guest_up(&g, BUFFERS);
	fd = host_opens(&g);
	transfer_both_ways(&g, fd);
	close(fd);
	guest_fini(&g);
}

/* Sent before there is a driver, and before there are buffers: it arrives all the same, once, in order. */
static void connect_is_held_for_the_driver(void **state)
{
	struct vguest g;
	struct packet p;
	int fd, hasty;

	(void)state;
	guest_init(&g, false);
	fd = ukvmm_vm_connect(g.d.vm, 7, NULL);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "early", 5), 5);
	hasty = ukvmm_vm_connect(g.d.vm, 8, NULL); /* says something and leaves */
	assert_int_equal(write(hasty, "bye", 3), 3);
	close(hasty);
	close(ukvmm_vm_connect(g.d.vm, 9, NULL)); /* leaves without a word: nobody has to hear of it */
	settle(&g);
	guest_up(&g, 0);
	assert_int_equal(streams(&g), 2);
	expect_nothing(&g);
	guest_give(&g, 4);
	assert_true(next_packet(&g, &p));
	assert_int_equal(p.h.op, VSOCK_REQUEST);
	assert_int_equal(p.h.dst_port, 7);
	g.guest_port = 7;
	g.host_port = p.h.src_port;
	assert_true(next_packet(&g, &p));
	assert_int_equal(p.h.op, VSOCK_REQUEST);
	assert_int_equal(p.h.dst_port, 8);
	send_op(&g, VSOCK_RESPONSE, 0);
	expect(&g, VSOCK_RW, &p);
	assert_memory_equal(p.data, "early", 5);
	g.guest_port = 8;
	g.received = 0;
	g.host_port = p.h.src_port + 1;
	send_op(&g, VSOCK_RESPONSE, 0);
	expect(&g, VSOCK_RW, &p);
	assert_memory_equal(p.data, "bye", 3);
	expect(&g, VSOCK_SHUTDOWN, &p);
	assert_int_equal(p.h.flags, VSOCK_SHUT_BOTH);
	send_op(&g, VSOCK_RST, 0);
	assert_int_equal(streams(&g), 1);
	close(fd);
	guest_fini(&g);
}

static void refusals_end_both_ways(void **state)
{
	struct vguest g;
	struct packet p;
	int fd;

	(void)state;
	guest_init(&g, false);
	guest_up(&g, BUFFERS);
	g.host_port = HOST_PORT + 1; /* nobody listens there */
	send_op(&g, VSOCK_REQUEST, 0);
	expect(&g, VSOCK_RST, NULL);
	fd = ukvmm_vm_connect(g.d.vm, GUEST_PORT, NULL);
	assert_true(next_packet(&g, &p));
	g.host_port = p.h.src_port;
	send_op(&g, VSOCK_RST, 0);
	assert_true(at_end(fd));
	assert_int_equal(streams(&g), 0);
	expect_nothing(&g);
	close(fd);
	guest_fini(&g);
}

static void guest_ends_its_half_first(void **state)
{
	struct vguest g;
	struct packet p;
	uint8_t buf[16];
	int fd;

	(void)state;
	guest_init(&g, false);
	guest_up(&g, BUFFERS);
	fd = guest_opens(&g);
	send_bytes(&g, "question", 8);
	send_op(&g, VSOCK_SHUTDOWN, VSOCK_SHUT_SEND);
	assert_int_equal(drain(fd, buf, sizeof buf), 8);
	assert_memory_equal(buf, "question", 8);
	assert_true(at_end(fd));
	assert_int_equal(write(fd, "answer", 6), 6);
	expect(&g, VSOCK_RW, &p);
	assert_memory_equal(p.data, "answer", 6);
	close(fd);
	expect(&g, VSOCK_SHUTDOWN, &p);
	assert_int_equal(p.h.flags, VSOCK_SHUT_BOTH);
	send_op(&g, VSOCK_RST, 0);
	assert_int_equal(streams(&g), 0);
	guest_fini(&g);
}

static void host_ends_its_half_first(void **state)
{
	struct vguest g;
	struct packet p;
	uint8_t buf[16];
	int fd;

	(void)state;
	guest_init(&g, false);
	guest_up(&g, BUFFERS);
	fd = host_opens(&g);
	assert_int_equal(write(fd, "question", 8), 8);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	expect(&g, VSOCK_RW, &p);
	expect(&g, VSOCK_SHUTDOWN, &p);
	assert_int_equal(p.h.flags, VSOCK_SHUT_SEND);
	send_bytes(&g, "answer", 6);
	assert_int_equal(drain(fd, buf, sizeof buf), 6);
	send_op(&g, VSOCK_SHUTDOWN, VSOCK_SHUT_BOTH);
	expect(&g, VSOCK_RST, NULL);
	assert_true(at_end(fd));
	assert_int_equal(streams(&g), 0);
	close(fd);
	guest_fini(&g);
}

/* A host that shuts its reading half keeps its writing half. */
static void host_stops_reading(void **state)
{
	struct vguest g;
	struct packet p;
	int fd;

	(void)state;
	guest_init(&g, false);
	guest_up(&g, BUFFERS);
	fd = guest_opens(&g);
	assert_int_equal(shutdown(fd, SHUT_RD), 0);
	send_bytes(&g, "x", 1);
	expect(&g, VSOCK_SHUTDOWN, &p);
	assert_int_equal(p.h.flags, VSOCK_SHUT_RCV);
	assert_int_equal(write(fd, "y", 1), 1);
	expect(&g, VSOCK_RW, NULL);
	send_op(&g, VSOCK_RST, 0);
	assert_int_equal(streams(&g), 0);
	close(fd);
	guest_fini(&g);
}

/* A guest that only talks on hears of it when the host leaves, and the host that nobody reads what it says. */
static void guest_stops_reading(void **state)
{
	struct vguest g;
	struct packet p;
	uint8_t buf[16];
	int fd;

	(void)state;
	guest_init(&g, false);
	guest_up(&g, BUFFERS);
	fd = guest_opens(&g);
	send_op(&g, VSOCK_SHUTDOWN, VSOCK_SHUT_RCV);
	assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EPIPE);
	send_bytes(&g, "report", 6);
	assert_int_equal(drain(fd, buf, sizeof buf), 6);
	expect_nothing(&g);
	close(fd);
	expect(&g, VSOCK_SHUTDOWN, &p);
	assert_int_equal(p.h.flags, VSOCK_SHUT_BOTH);
	send_op(&g, VSOCK_RST, 0);
	assert_int_equal(streams(&g), 0);
	guest_fini(&g);
}

/* What the guest sent before its end reaches a host that reads late, though the guest has forgotten the stream. */
static void late_reader_gets_everything(void **state)
{
	static uint8_t buf[1 << 20];
	struct vguest g;
	uint32_t sent = 0;
	int fd;

	(void)state;
	guest_init(&g, false);
	guest_up(&g, BUFFERS);
	fd = guest_opens(&g);
	while (!device(&g)->stream[0].ring_len) {
		fill(buf, sent, PIECE);
		send_bytes(&g, buf, PIECE);
		sent += PIECE;
		assert_true(sent < sizeof buf);
	}
	send_op(&g, VSOCK_SHUTDOWN, VSOCK_SHUT_BOTH);
	send_op(&g, VSOCK_RST, 0);
	assert_int_equal(drain(fd, buf, 1), 1);
	check(buf, 0, 1);
	for (uint32_t got = 1; got < sent;) {
		ssize_t n = drain(fd, buf, sizeof buf);

		assert_true(n > 0);
		check(buf, got, (uint32_t)n);
		got += (uint32_t)n;
		settle(&g);
	}
	assert_true(at_end(fd));
	assert_int_equal(streams(&g), 0);
	close(fd);
	guest_fini(&g);
}

static void reset_closes_what_the_driver_knew(void **state)
{
	struct vguest g;
	struct packet p;
	int fd, held;

	(void)state;
	guest_init(&g, false);
	guest_up(&g, 2);
	fd = guest_opens(&g);
	assert_int_equal(write(fd, "lost", 4), 4);
	settle(&g); /* it has been read, and is in a buffer of the driver's */
	drive_reg_set(&g.dev, 0x70, 4, 0);
	held = ukvmm_vm_connect(g.d.vm, 7, NULL);
	settle(&g);
	assert_true(at_end(fd));
	guest_up(&g, BUFFERS);
	assert_int_equal(streams(&g), 1);
	assert_true(next_packet(&g, &p));
	assert_int_equal(p.h.op, VSOCK_REQUEST);
	assert_int_equal(p.h.dst_port, 7);
	expect_nothing(&g);
	close(fd);
	close(held);
	guest_fini(&g);
}

static void nothing_moves_while_paused(void **state)
{
	struct vguest g;
	struct packet p;
	int fd;

	(void)state;
	guest_init(&g, false);
	guest_up(&g, BUFFERS);
	fd = guest_opens(&g);
	drive_pause(&g.d);
	assert_int_equal(write(fd, "later", 5), 5);
	expect_nothing(&g);
	assert_int_equal(ukvmm_vm_resume(g.d.vm), 0);
	expect(&g, VSOCK_RW, &p);
	assert_memory_equal(p.data, "later", 5);
	close(fd);
	guest_fini(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guest_connects_and_bytes_pass),
		cmocka_unit_test(host_connects_and_bytes_pass),
		cmocka_unit_test(connect_is_held_for_the_driver),
		cmocka_unit_test(refusals_end_both_ways),
		cmocka_unit_test(guest_ends_its_half_first),
		cmocka_unit_test(host_ends_its_half_first),
		cmocka_unit_test(host_stops_reading),
		cmocka_unit_test(guest_stops_reading),
		cmocka_unit_test(late_reader_gets_everything),
		cmocka_unit_test(reset_closes_what_the_driver_knew),
		cmocka_unit_test(nothing_moves_while_paused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
