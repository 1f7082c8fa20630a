/* SPDX-License-Identifier: Apache-2.0 */
/* The door by which a walled-in guest's vsock reaches the host's sockets: connected, refused, abused. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "vsock_door.h"

const char report_program[] = "test";

static char folder[] = "/tmp/door-XXXXXX", path[64];

struct question {
	int sock;
	uint32_t port;
	int answer;
};

static void *ask(void *arg)
{
	struct question *q = arg;

	q->answer = vsock_door_ask((uint64_t)q->sock, q->port);
	return NULL;
}

/* As the two processes do it, but in two threads. */
static int ask_for(const int pair[2], uint32_t port)
{
	struct question q = { .sock = pair[1], .port = port };
	char peek[8];
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, ask, &q), 0);
	assert_int_equal(recv(pair[0], peek, sizeof peek, MSG_PEEK), sizeof port);
	assert_int_equal(vsock_door_answer(pair[0], path), 0);
	pthread_join(thread, NULL);
	return q.answer;
}

static int listen_on(uint32_t port)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(at.sun_path, sizeof at.sun_path, "%s_%u", path, port);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static void a_guest_reaches_the_socket_of_its_port(void **state)
{
	int pair[2], listener = listen_on(80), fd, peer;
	char c = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	fd = ask_for(pair, 80);
	assert_true(fd >= 0);
	peer = accept(listener, NULL, NULL);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(read(peer, &c, 1), 1);
	assert_int_equal(c, 'x');
	close(peer);
	close(fd);
	/* and no other */
	assert_int_equal(ask_for(pair, 81), -ENOENT);
	assert_int_equal(ask_for(pair, UINT32_MAX), -ENOENT);
	close(listener);
	assert_int_equal(ask_for(pair, 80), -ECONNREFUSED);
	close(pair[0]);
	close(pair[1]);
}

static void what_is_no_question_is_the_end(void **state)
{
	static const char long_one[100];
	int pair[2];

	(void)state;
	for (size_t len = 0; len <= sizeof long_one; len++) {
		if (len == sizeof(uint32_t))
			continue;
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
		assert_int_equal(send(pair[1], long_one, len, 0), len);
		assert_int_equal(vsock_door_answer(pair[0], path), len ? -EBADMSG : -EPIPE);
		close(pair[0]);
		close(pair[1]);
	}
}

static void who_asks_and_does_not_listen_blocks_nobody(void **state)
{
	uint32_t port = 7;
	int pair[2], rc = 0, turns = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	while (rc == 0 && turns++ < 1000000) {
		while (send(pair[1], &port, sizeof port, MSG_DONTWAIT) > 0)
			;
		rc = vsock_door_answer(pair[0], path);
	}
	assert_int_equal(rc, -EPIPE);
	close(pair[0]);
	close(pair[1]);
}

static void an_end_that_is_closed_refuses(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(vsock_door_answer(pair[0], path), 0);
	shutdown(pair[0], SHUT_WR);
	assert_int_equal(vsock_door_ask((uint64_t)pair[1], 80), -ECONNREFUSED);
	close(pair[1]);
	/* its question is there, and the answer has nowhere to go */
	assert_int_equal(vsock_door_answer(pair[0], path), -EPIPE);
	close(pair[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_reaches_the_socket_of_its_port),
		cmocka_unit_test(what_is_no_question_is_the_end),
		cmocka_unit_test(who_asks_and_does_not_listen_blocks_nobody),
		cmocka_unit_test(an_end_that_is_closed_refuses),
	};
	char socket80[80];
	int rc;

	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof path, "%s/vm", folder);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(socket80, sizeof socket80, "%s_80", path);
	unlink(socket80);
	rmdir(folder);
	return rc;
}
