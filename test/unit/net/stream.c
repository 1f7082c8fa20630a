/* SPDX-License-Identifier: Apache-2.0 */
/* The stream back end against peers of every kind. */
#include "frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ukvmm/error.h>

static uint8_t buf[NET_BUFFER], out[NET_BUFFER];

struct setup {
	struct net_backend *b;
	int peer;
};

static struct setup up(void)
{
	struct setup s;
	int fd[2];

	pair(SOCK_STREAM, fd);
	assert_int_equal(net_stream(&s.b, fd[0], "net0", NULL), 0);
	close(fd[0]); /* it has its own */
	s.peer = fd[1];
	assert_int_equal(s.b->offloads, 0);
	return s;
}

static void down(struct setup *s)
{
	s->b->ops->close(s->b);
	if (s->peer >= 0)
		close(s->peer);
}

static int64_t get(struct setup *s)
{
	return s->b->ops->recv(s->b, out);
}

static void frames_go_both_ways(void **unused)
{
	static const size_t sizes[] = { 14, 60, 1514, 9014, NET_FRAME_MAX };
	struct setup s = up();

	(void)unused;
	assert_int_equal(get(&s), -EAGAIN);
	for (size_t i = 0; i < 5; i++) {
		uint32_t prefix;
		size_t len = frame_make(buf, sizes[i], (uint8_t)i);

		assert_int_equal(s.b->ops->send(s.b, buf, len), 0);
		assert_int_equal(s.b->ops->flush(s.b), 0);
		peer_read(s.peer, &prefix, 4);
		assert_int_equal(__builtin_bswap32(prefix), sizes[i]);
		peer_read(s.peer, out, sizes[i]);
		frame_check(out, sizes[i], (uint8_t)i);

		peer_frame(s.peer, buf + NET_HDR, (uint32_t)sizes[i]);
		memset(out, 0xee, sizeof out);
		assert_int_equal(get(&s), len);
		frame_check(out + NET_HDR, sizes[i], (uint8_t)i);
		for (int k = 0; k < NET_HDR; k++)
			assert_int_equal(out[k], k == 10);
		assert_int_equal(get(&s), -EAGAIN);
	}
	down(&s);
}

/* A frame in pieces is the same on the wire, the header of it cut off. */
static void a_frame_in_pieces_is_one_frame(void **unused)
{
	struct setup s = up();

	(void)unused;
	for (uint32_t pieces = 1; pieces <= NET_PIECES; pieces++) {
		struct iovec iov[NET_PIECES];
		size_t len = frame_make(buf, 9014, (uint8_t)pieces);
		uint32_t n = frame_cut(iov, buf, len, pieces), prefix;

		assert_int_equal(s.b->ops->sendv(s.b, iov, n, len), 0);
		assert_int_equal(s.b->ops->flush(s.b), 0);
		peer_read(s.peer, &prefix, 4);
		assert_int_equal(__builtin_bswap32(prefix), 9014);
		peer_read(s.peer, out, 9014);
		frame_check(out, 9014, (uint8_t)pieces);
	}
	down(&s);
}

/* A batch costs one write: nothing is handed over before the flush. */
static void a_batch_is_one_write(void **unused)
{
	struct setup s = up();
	size_t len = frame_make(buf, 60, 1);

	(void)unused;
	for (int i = 0; i < 64; i++)
		assert_int_equal(s.b->ops->send(s.b, buf, len), 0);
	assert_int_equal(recv(s.peer, out, 1, MSG_PEEK), -1);
	assert_int_equal(s.b->ops->flush(s.b), 0);
	assert_int_equal(recv(s.peer, out, sizeof out, 0), 64 * 64);
	down(&s);
}

static void frames_that_come_byte_by_byte_are_put_together(void **unused)
{
	struct setup s = up();
	uint8_t wire[4 + 60 + 4 + 100];
	int frames = 0;

	(void)unused;
	frame_make(buf, 60, 3);
	memcpy(wire, "\0\0\0\74", 4);
	memcpy(wire + 4, buf + NET_HDR, 60);
	frame_make(buf, 100, 4);
	memcpy(wire + 64, "\0\0\0\144", 4);
	memcpy(wire + 68, buf + NET_HDR, 100);
	for (size_t i = 0; i < sizeof wire; i++) {
		int64_t n;

		peer_write(s.peer, wire + i, 1);
		while ((n = get(&s)) == -EAGAIN && recv(s.b->fd, buf, 1, MSG_PEEK) > 0)
			;
		if (n == -EAGAIN)
			continue;
		assert_int_equal(n, frames ? 112 : 72);
		assert_int_equal(i + 1, frames ? sizeof wire : 64);
		frame_check(out + NET_HDR, (size_t)n - NET_HDR, frames ? 4 : 3);
		frames++;
	}
	assert_int_equal(frames, 2);
	down(&s);
}

/* Many frames of all sizes, whose edges fall anywhere in the buffer. */
static void many_frames_keep_their_order(void **unused)
{
	struct setup s = up();
	uint32_t sent = 0, got = 0, seed = 1;

	(void)unused;
	while (got < 3000) {
		int64_t n;

		while (sent < 3000 && sent - got < 40) {
			uint32_t len = 14 + (sent * 7919 + (sent % 50 ? 0 : 60000)) % 4000;

			frame_make(buf, len, (uint8_t)sent);
			peer_frame(s.peer, buf + NET_HDR, len);
			sent++;
			if (seed++ % 7 == 0)
				break;
		}
		n = get(&s);
		if (n == -EAGAIN)
			continue;
		assert_int_equal(n, NET_HDR + 14 + (got * 7919 + (got % 50 ? 0 : 60000)) % 4000);
		frame_check(out + NET_HDR, (size_t)n - NET_HDR, (uint8_t)got);
		got++;
	}
	down(&s);
}

static void runts_are_lost_and_counted_one_by_one(void **unused)
{
	struct setup s = up();

	(void)unused;
	frame_make(buf, 60, 9);
	for (uint32_t len = 0; len < 14; len++)
		peer_frame(s.peer, buf + NET_HDR, len);
	peer_frame(s.peer, buf + NET_HDR, 60);
	for (int i = 0; i < 14; i++)
		assert_int_equal(get(&s), -EBADMSG);
	assert_int_equal(get(&s), 72);
	frame_check(out + NET_HDR, 60, 9);
	down(&s);
}

static void a_length_of_no_frame_ends_the_connection(void **unused)
{
	static const uint32_t lengths[] = { NET_FRAME_MAX + 1, 0x7fffffff, 0x80000000, 0xffffffff };

	(void)unused;
	for (size_t i = 0; i < 4; i++) {
		struct setup s = up();
		uint32_t prefix = __builtin_bswap32(lengths[i]);
		size_t len = frame_make(buf, 60, 9);

		peer_frame(s.peer, buf + NET_HDR, 60);
		peer_write(s.peer, &prefix, 4);
		peer_write(s.peer, buf, 300);
		assert_int_equal(get(&s), 72); /* what came before is good */
		assert_int_equal(get(&s), -EPIPE);
		assert_int_equal(get(&s), -EPIPE);
		assert_int_equal(s.b->ops->send(s.b, buf, len), -EPIPE);
		assert_int_equal(s.b->ops->flush(s.b), 0);
		assert_false(s.b->wants_write);
		down(&s);
	}
}

static void a_peer_that_leaves_is_gone_for_good(void **unused)
{
	struct setup s = up();
	size_t len = frame_make(buf, 60, 9);

	(void)unused;
	peer_frame(s.peer, buf + NET_HDR, 60);
	peer_write(s.peer, "\0\0\0\100half", 8);
	close(s.peer);
	s.peer = -1;
	assert_int_equal(get(&s), 72);
	while (get(&s) == -EAGAIN)
		;
	assert_int_equal(get(&s), -EPIPE);
	assert_int_equal(s.b->ops->send(s.b, buf, len), -EPIPE);
	down(&s);

	/* noticed by a write first: no SIGPIPE, no error that lasts */
	s = up();
	close(s.peer);
	s.peer = -1;
	assert_int_equal(s.b->ops->send(s.b, buf, len), 0);
	assert_int_equal(s.b->ops->flush(s.b), 0);
	assert_int_equal(s.b->ops->send(s.b, buf, len), -EPIPE);
	assert_int_equal(get(&s), -EPIPE);
	down(&s);
}

/* Takes what it takes, then -EAGAIN; goes on where it was, with no frame lost, doubled or out of order. */
static void a_peer_that_stops_reading_costs_bounded_memory(void **unused)
{
	struct setup s = up();
	uint32_t taken = 0, got = 0, prefix, refused = 0;
	int sndbuf = 65536;

	(void)unused;
	assert_int_equal(setsockopt(s.b->fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof sndbuf), 0);
	for (; taken < 100000; taken++) {
		size_t len = frame_make(buf, 1514, (uint8_t)taken);
		int rc = s.b->ops->send(s.b, buf, len);

		if (rc == -EAGAIN)
			break;
		assert_int_equal(rc, 0);
	}
	assert_true(s.b->wants_write);
	assert_in_range(taken, 512 * 1024 / 1518, (512 + 256) * 1024 / 1518);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(s.b->ops->send(s.b, buf, frame_make(buf, 1514, 0)), -EAGAIN);

	while (got < 2000) {
		peer_read(s.peer, &prefix, 4);
		assert_int_equal(__builtin_bswap32(prefix), 1514);
		peer_read(s.peer, out, 1514);
		frame_check(out, 1514, (uint8_t)got);
		got++;
		if (s.b->wants_write)
			s.b->ops->flush(s.b);
		if (taken < 2000) {
			int rc = s.b->ops->send(s.b, buf, frame_make(buf, 1514, (uint8_t)taken));

			taken += rc == 0;
			refused += rc == -EAGAIN;
		} else {
			s.b->ops->flush(s.b);
		}
	}
	assert_true(refused > 0);
	assert_int_equal(s.b->ops->flush(s.b), 0);
	assert_false(s.b->wants_write);
	assert_int_equal(recv(s.peer, out, 1, 0), -1);
	down(&s);
}

static void rebind_takes_the_new_peer_and_forgets_the_old(void **unused)
{
	struct setup s = up();
	size_t len = frame_make(buf, 60, 9);
	uint32_t prefix;
	int fd[2], wrong[2];

	(void)unused;
	assert_int_equal(s.b->ops->send(s.b, buf, len), 0);
	peer_write(s.peer, "\0\0\0\100half", 8);
	assert_int_equal(get(&s), -EAGAIN);
	pair(SOCK_DGRAM, wrong);
	assert_int_equal(s.b->ops->rebind(s.b, wrong[0]), -EPROTOTYPE);
	assert_int_equal(s.b->ops->rebind(s.b, -1), -EBADF);
	pair(SOCK_STREAM, fd);
	assert_int_equal(s.b->ops->rebind(s.b, fd[0]), 0);
	assert_int_equal(s.b->ops->flush(s.b), 0);
	assert_int_equal(recv(fd[1], out, 1, 0), -1);
	peer_frame(fd[1], buf + NET_HDR, 60);
	assert_int_equal(get(&s), 72);
	assert_int_equal(s.b->ops->send(s.b, buf, len), 0);
	assert_int_equal(s.b->ops->flush(s.b), 0);
	peer_read(fd[1], &prefix, 4);
	assert_int_equal(__builtin_bswap32(prefix), 60);
	close(fd[0]);
	close(fd[1]);
	close(wrong[0]);
	close(wrong[1]);
	down(&s);
}

static void what_is_no_connected_stream_is_refused(void **unused)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct net_backend *b;
	int lone = socket(AF_UNIX, SOCK_STREAM, 0), inet = socket(AF_INET, SOCK_STREAM, 0), file[2];

	(void)unused;
	assert_int_equal(net_stream(&b, lone, "net0", &err), -ENOTCONN);
	assert_string_equal(err.call, "getpeername");
	assert_string_equal(err.object, "net0");
	assert_int_equal(net_stream(&b, inet, "net0", &err), -EPROTOTYPE);
	assert_int_equal(pipe(file), 0);
	assert_int_equal(net_stream(&b, file[0], "net0", &err), -ENOTSOCK);
	assert_int_equal(net_stream(&b, -1, "net0", &err), -EBADF);
	assert_null(b);
	close(lone);
	close(inet);
	close(file[0]);
	close(file[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_go_both_ways),
		cmocka_unit_test(a_frame_in_pieces_is_one_frame),
		cmocka_unit_test(a_batch_is_one_write),
		cmocka_unit_test(frames_that_come_byte_by_byte_are_put_together),
		cmocka_unit_test(many_frames_keep_their_order),
		cmocka_unit_test(runts_are_lost_and_counted_one_by_one),
		cmocka_unit_test(a_length_of_no_frame_ends_the_connection),
		cmocka_unit_test(a_peer_that_leaves_is_gone_for_good),
		cmocka_unit_test(a_peer_that_stops_reading_costs_bounded_memory),
		cmocka_unit_test(rebind_takes_the_new_peer_and_forgets_the_old),
		cmocka_unit_test(what_is_no_connected_stream_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
