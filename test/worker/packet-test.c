/* SPDX-License-Identifier: Apache-2.0 */
/* Packets with more than is taken: refused, and nothing of them is left open. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "packet.h"

const char report_program[] = "test";

static int pair[2], next; /* next: the lowest descriptor that is free */

static int before(void **state)
{
	(void)state;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	next = dup(0);
	return close(next);
}

static int after(void **state)
{
	(void)state;
	close(pair[1]);
	return close(pair[0]);
}

static int send_text(const char *text, const int *fds, uint32_t len)
{
	return packet_send(pair[0], &(struct iovec){ (void *)(uintptr_t)text, strlen(text) }, 1, fds, len, MSG_DONTWAIT);
}

static void assert_nothing_open(void)
{
	assert_int_equal(dup(0), next);
	close(next);
}

static void no_descriptor_more_than_is_taken(void **state)
{
	const int two[] = { 0, 0 };
	char room[8];
	int fds[3];
	uint32_t len;

	(void)state;
	for (uint32_t most = 0; most < 2; most++) {
		assert_int_equal(send_text("two", two, 2), 0);
		fds[most] = -7;
		assert_int_equal(packet_receive(pair[1], room, sizeof room, fds, most, &len, MSG_DONTWAIT), -EMFILE);
		assert_int_equal(fds[most], -7);
		assert_nothing_open();
	}
	assert_int_equal(send_text("two", two, 2), 0);
	fds[2] = -7;
	assert_int_equal(packet_receive(pair[1], room, sizeof room, fds, 2, &len, MSG_DONTWAIT), 3);
	assert_int_equal(len, 2);
	assert_int_equal(fds[2], -7);
	packet_close(fds, len);
	assert_nothing_open();
}

static void no_byte_more_than_there_is_room(void **state)
{
	char room[4];
	int fd;
	uint32_t len;

	(void)state;
	assert_int_equal(send_text("12345", &(int){ 0 }, 1), 0);
	assert_int_equal(packet_receive(pair[1], room, sizeof room, &fd, 1, &len, MSG_DONTWAIT), -EBADMSG);
	assert_int_equal(len, 0);
	assert_nothing_open();
	assert_int_equal(send_text("1234", NULL, 0), 0);
	assert_int_equal(packet_receive(pair[1], room, sizeof room, &fd, 1, &len, MSG_DONTWAIT), 4);
}

static void nothing_and_the_end(void **state)
{
	char room[4];

	(void)state;
	assert_int_equal(packet_receive(pair[1], room, sizeof room, NULL, 0, NULL, MSG_DONTWAIT), -EAGAIN);
	assert_int_equal(send_text("", NULL, 0), 0);
	assert_int_equal(packet_receive(pair[1], room, sizeof room, NULL, 0, NULL, MSG_DONTWAIT), -EPIPE);
	shutdown(pair[0], SHUT_RDWR);
	assert_int_equal(packet_receive(pair[1], room, sizeof room, NULL, 0, NULL, 0), -EPIPE);
	assert_int_equal(send_text("a", NULL, 0), -EPIPE);
}

static void a_full_socket_is_not_waited_for(void **state)
{
	int rc = 0, sent;

	(void)state;
	for (sent = 0; rc == 0 && sent < 100000; sent++)
		rc = send_text("again", NULL, 0);
	assert_int_equal(rc, -EAGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_descriptor_more_than_is_taken, before, after),
		cmocka_unit_test_setup_teardown(no_byte_more_than_there_is_room, before, after),
		cmocka_unit_test_setup_teardown(nothing_and_the_end, before, after),
		cmocka_unit_test_setup_teardown(a_full_socket_is_not_waited_for, before, after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
