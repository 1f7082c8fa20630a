/* SPDX-License-Identifier: Apache-2.0 */
/* The packet back end, over both kinds of socket, and the one with nobody there. */
#include "frames.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ukvmm/error.h>

static uint8_t buf[NET_BUFFER], out[NET_BUFFER + 1];

struct setup {
	struct net_backend *b;
	int peer;
};

static struct setup up(int type)
{
	struct setup s;
	int fd[2];

	pair(type, fd);
	assert_int_equal(net_packet(&s.b, fd[0], "net0", NULL), 0);
	close(fd[0]);
	s.peer = fd[1];
	return s;
}

static void down(struct setup *s)
{
	s->b->ops->close(s->b);
	if (s->peer >= 0)
		close(s->peer);
}

static const int types[] = { SOCK_SEQPACKET, SOCK_DGRAM };

static void frames_go_both_ways(void **unused)
{
	static const size_t sizes[] = { 14, 60, 1514, 9014, NET_FRAME_MAX };

	(void)unused;
	for (int t = 0; t < 2; t++) {
		struct setup s = up(types[t]);

		assert_int_equal(s.b->ops->recv(s.b, out), -EAGAIN);
		for (size_t i = 0; i < 5; i++) {
			size_t len = frame_make(buf, sizes[i], (uint8_t)i);

			assert_int_equal(s.b->ops->send(s.b, buf, len), 0);
			assert_int_equal(s.b->ops->flush(s.b), 0);
			assert_int_equal(recv(s.peer, out, sizeof out, 0), sizes[i]);
			frame_check(out, sizes[i], (uint8_t)i);
			peer_write(s.peer, buf + NET_HDR, sizes[i]);
			assert_int_equal(s.b->ops->recv(s.b, out), len);
			frame_check(out + NET_HDR, sizes[i], (uint8_t)i);
			for (int k = 0; k < NET_HDR; k++)
				assert_int_equal(out[k], k == 10);
		}
		down(&s);
	}
}

static void a_frame_in_pieces_is_one_frame(void **unused)
{
	(void)unused;
	for (int t = 0; t < 2; t++) {
		struct setup s = up(types[t]);
		struct iovec iov[NET_PIECES];
		size_t len = frame_make(buf, 9014, 1);

		for (uint32_t pieces = 1; pieces <= NET_PIECES; pieces++) {
			assert_int_equal(s.b->ops->sendv(s.b, iov, frame_cut(iov, buf, len, pieces), len), 0);
			assert_int_equal(recv(s.peer, out, sizeof out, 0), 9014);
			frame_check(out, 9014, 1);
		}
		close(s.peer);
		s.peer = -1;
		assert_int_equal(s.b->ops->sendv(s.b, iov, frame_cut(iov, buf, len, 3), len), -EPIPE);
		assert_int_equal(s.b->ops->sendv(s.b, iov, frame_cut(iov, buf, len, 3), len), -EPIPE);
		down(&s);
	}
}

static void packets_that_are_no_frames_are_lost(void **unused)
{
	static uint8_t huge[NET_FRAME_MAX + 1];

	(void)unused;
	for (int t = 0; t < 2; t++) {
		struct setup s = up(types[t]);

		assert_int_equal(send(s.peer, buf, 0, 0), 0);
		assert_int_equal(send(s.peer, buf, 13, 0), 13);
		assert_int_equal(send(s.peer, huge, sizeof huge, 0), sizeof huge);
		frame_make(buf, 60, 5);
		assert_int_equal(send(s.peer, buf + NET_HDR, 60, 0), 60);
		assert_int_equal(s.b->ops->recv(s.b, out), -EBADMSG);
		assert_int_equal(s.b->ops->recv(s.b, out), -EBADMSG);
		assert_int_equal(s.b->ops->recv(s.b, out), -EMSGSIZE);
		assert_int_equal(s.b->ops->recv(s.b, out), 72);
		frame_check(out + NET_HDR, 60, 5);
		assert_int_equal(s.b->ops->recv(s.b, out), -EAGAIN);
		down(&s);
	}
}

/* An empty packet must not look like the end while frames are behind it. */
static void what_a_peer_left_behind_is_read_to_its_end(void **unused)
{
	struct setup s = up(SOCK_SEQPACKET);

	(void)unused;
	assert_int_equal(send(s.peer, buf, 0, 0), 0);
	frame_make(buf, 60, 5);
	assert_int_equal(send(s.peer, buf + NET_HDR, 60, 0), 60);
	close(s.peer);
	s.peer = -1;
	assert_int_equal(s.b->ops->recv(s.b, out), -EBADMSG);
	assert_int_equal(s.b->ops->recv(s.b, out), 72);
	assert_int_equal(s.b->ops->recv(s.b, out), -EPIPE);
	assert_int_equal(s.b->ops->recv(s.b, out), -EPIPE);
	down(&s);
}

static void a_peer_that_leaves_is_gone_for_good(void **unused)
{
	(void)unused;
	for (int t = 0; t < 2; t++) {
		struct setup s = up(types[t]);
		size_t len = frame_make(buf, 60, 5);

		close(s.peer);
		s.peer = -1;
		assert_int_equal(s.b->ops->send(s.b, buf, len), -EPIPE);
		assert_int_equal(s.b->ops->send(s.b, buf, len), -EPIPE);
		assert_int_equal(s.b->ops->recv(s.b, out), -EPIPE);
		assert_false(s.b->wants_write);
		down(&s);
	}
}

static void a_full_socket_is_waited_for(void **unused)
{
	(void)unused;
	for (int t = 0; t < 2; t++) {
		struct setup s = up(types[t]);
		uint32_t sent = 0;
		int rc;

		while (!(rc = s.b->ops->send(s.b, buf, frame_make(buf, 1514, (uint8_t)sent))))
			assert_true(++sent < 100000);
		assert_int_equal(rc, -EAGAIN);
		assert_true(s.b->wants_write);
		for (uint32_t i = 0; i < sent; i++) {
			assert_int_equal(recv(s.peer, out, sizeof out, 0), 1514);
			frame_check(out, 1514, (uint8_t)i);
		}
		assert_int_equal(s.b->ops->flush(s.b), 0);
		assert_false(s.b->wants_write);
		assert_int_equal(s.b->ops->send(s.b, buf, NET_HDR + 60), 0);
		down(&s);
	}
}

static void rebind_takes_the_new_peer(void **unused)
{
	struct setup s = up(SOCK_SEQPACKET);
	int fd[2], wrong[2];

	(void)unused;
	close(s.peer);
	s.peer = -1;
	assert_int_equal(s.b->ops->recv(s.b, out), -EPIPE);
	pair(SOCK_STREAM, wrong);
	assert_int_equal(s.b->ops->rebind(s.b, wrong[0]), -EPROTOTYPE);
	assert_int_equal(s.b->ops->recv(s.b, out), -EPIPE);
	pair(SOCK_DGRAM, fd);
	assert_int_equal(s.b->ops->rebind(s.b, fd[0]), 0);
	assert_int_equal(s.b->ops->recv(s.b, out), -EAGAIN);
	assert_int_equal(s.b->ops->send(s.b, buf, frame_make(buf, 60, 2)), 0);
	assert_int_equal(recv(fd[1], out, sizeof out, 0), 60);
	frame_check(out, 60, 2);
	close(fd[0]);
	close(fd[1]);
	close(wrong[0]);
	close(wrong[1]);
	down(&s);
}

static void a_stream_is_refused(void **unused)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct net_backend *b;
	int fd[2];

	(void)unused;
	pair(SOCK_STREAM, fd);
	assert_int_equal(net_packet(&b, fd[0], "net7", &err), -EPROTOTYPE);
	assert_string_equal(err.object, "net7");
	close(fd[0]);
	close(fd[1]);
}

static void nobody_takes_everything_and_says_nothing(void **unused)
{
	struct net_backend *b;

	(void)unused;
	assert_int_equal(net_null(&b, "net0", NULL), 0);
	assert_int_equal(b->fd, -1);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(b->ops->send(b, buf, NET_BUFFER), 0);
	assert_int_equal(b->ops->flush(b), 0);
	assert_int_equal(b->ops->recv(b, out), -EAGAIN);
	assert_int_equal(b->ops->rebind(b, 0), -EINVAL);
	b->ops->close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_go_both_ways),
		cmocka_unit_test(a_frame_in_pieces_is_one_frame),
		cmocka_unit_test(packets_that_are_no_frames_are_lost),
		cmocka_unit_test(what_a_peer_left_behind_is_read_to_its_end),
		cmocka_unit_test(a_peer_that_leaves_is_gone_for_good),
		cmocka_unit_test(a_full_socket_is_waited_for),
		cmocka_unit_test(rebind_takes_the_new_peer),
		cmocka_unit_test(a_stream_is_refused),
		cmocka_unit_test(nobody_takes_everything_and_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
