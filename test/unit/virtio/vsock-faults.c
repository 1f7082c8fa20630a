/* SPDX-License-Identifier: Apache-2.0 */
/* A host that has run out of something: the stream it was for ends, the device goes on, nothing is left behind. */
#include "vsock_guest.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFERS = 32 };

static bool no_memory, no_watch, no_socket;

void *__real_malloc(size_t len);
void *__wrap_malloc(size_t len);
void *__wrap_malloc(size_t len)
{
	return no_memory ? NULL : __real_malloc(len);
}

int __real_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	if (no_watch && op == EPOLL_CTL_ADD) {
		errno = ENOSPC;
		return -1;
	}
	return __real_epoll_ctl(epoll, op, fd, event);
}

int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol)
{
	if (no_socket) {
		errno = EMFILE;
		return -1;
	}
	return __real_socket(domain, type, protocol);
}

int __real_socketpair(int domain, int type, int protocol, int fd[2]);
int __wrap_socketpair(int domain, int type, int protocol, int fd[2]);
int __wrap_socketpair(int domain, int type, int protocol, int fd[2])
{
	if (no_socket) {
		errno = EMFILE;
		return -1;
	}
	return __real_socketpair(domain, type, protocol, fd);
}

static void works(struct vguest *g)
{
	uint8_t buf[4];
	int fd = guest_opens(g);

	send_bytes(g, "x", 1);
	assert_int_equal(drain(fd, buf, sizeof buf), 1);
	close(fd);
	expect(g, VSOCK_SHUTDOWN, NULL);
	send_op(g, VSOCK_RST, 0);
	assert_int_equal(streams(g), 0);
	assert_int_equal(device(g)->reserved, 0);
	assert_int_equal(device(g)->fds, 0);
}

static void guest_is_refused_without_a_socket(void **state)
{
	struct vguest g;

	(void)state;
	guest_init(&g, false);
	guest_up(&g, BUFFERS);
	no_socket = true;
	send_op(&g, VSOCK_REQUEST, 0);
	expect(&g, VSOCK_RST, NULL);
	assert_int_equal(ukvmm_vm_connect(g.d.vm, 1, NULL), -EMFILE);
	no_socket = false;
	works(&g);
	guest_fini(&g);
}

static void stream_that_cannot_be_watched_ends(void **state)
{
	struct vguest g;
	int fd;

	(void)state;
	guest_init(&g, false);
	guest_up(&g, BUFFERS);
	no_watch = true;
	send_op(&g, VSOCK_REQUEST, 0);
	expect(&g, VSOCK_RST, NULL);
	fd = accept(g.listener, NULL, NULL);
	assert_true(at_end(fd));
	close(fd);
	fd = ukvmm_vm_connect(g.d.vm, 1, NULL);
	settle(&g);
	assert_true(at_end(fd));
	close(fd);
	no_watch = false;
	works(&g);
	guest_fini(&g);
}

static void stream_that_cannot_be_buffered_ends(void **state)
{
	static uint8_t much[60000];
	struct vguest g;
	struct packet p;
	int fd;

	(void)state;
	guest_init(&g, false);
	guest_up(&g, BUFFERS);
	fd = guest_opens(&g);
	no_memory = true;
	do /* until the socket is full */
		send_bytes(&g, much, sizeof much);
	while (!next_packet(&g, &p) || p.h.op != VSOCK_RST);
	no_memory = false;
	close(fd);
	works(&g);
	guest_fini(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guest_is_refused_without_a_socket),
		cmocka_unit_test(stream_that_cannot_be_watched_ends),
		cmocka_unit_test(stream_that_cannot_be_buffered_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
