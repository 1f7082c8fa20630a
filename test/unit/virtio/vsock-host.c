/* SPDX-License-Identifier: Apache-2.0 */
/* The host's side: the listening socket and its clients, the public calls, and streams across a load. */
#include "vsock_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFERS = 32 };

static int client(const struct vguest *g)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof at.sun_path, "%s", g->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
	return fd;
}

static int client_says(struct vguest *g, const char *text)
{
	int fd = client(g);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	settle(g);
	return fd;
}

/* Takes REQUEST for that port and answers. */
static void guest_accepts(struct vguest *g, uint32_t port)
{
	struct packet p;

	assert_true(next_packet(g, &p));
	assert_int_equal(p.h.op, VSOCK_REQUEST);
	assert_int_equal(p.h.dst_port, port);
	g->guest_port = port;
	g->host_port = p.h.src_port;
	g->received = 0;
	send_op(g, VSOCK_RESPONSE, 0);
}

static void client_names_a_port(void **state)
{
	struct vguest g;
	struct packet p;
	char line[64], want[64];
	ssize_t n;
	int fd, fds;

	(void)state;
	guest_init(&g, true);
	guest_up(&g, BUFFERS);
	fds = ukvmm_vm_fds(g.d.vm);
	/* in pieces; and what follows the line is for the guest */
	fd = client_says(&g, "CONN");
	expect_nothing(&g);
	assert_int_equal(write(fd, "ECT 52\nGET /", 12), 12);
	guest_accepts(&g, 52);
	assert_int_equal(ukvmm_vm_fds(g.d.vm), fds + 1);
	n = read(fd, line, sizeof line);
	snprintf(want, sizeof want, "OK %u\n", g.host_port);
	assert_int_equal(n, strlen(want));
	assert_memory_equal(line, want, strlen(want));
	expect(&g, VSOCK_RW, &p);
	assert_int_equal(p.h.len, 5);
	assert_memory_equal(p.data, "GET /", 5);
	send_bytes(&g, "200", 3);
	assert_int_equal(read(fd, line, sizeof line), 3);
	close(fd);
	settle(&g);
	assert_int_equal(ukvmm_vm_fds(g.d.vm), fds);
	guest_fini(&g);
}

static void client_is_refused(void **state)
{
	struct vguest g;
	struct packet p;
	int fd;

	(void)state;
	guest_init(&g, true);
	guest_up(&g, BUFFERS);
	fd = client_says(&g, "CONNECT 52\n");
	assert_true(next_packet(&g, &p));
	g.guest_port = 52;
	g.host_port = p.h.src_port;
	send_op(&g, VSOCK_RST, 0);
	assert_true(at_end(fd)); /* and no OK before */
	close(fd);
	guest_fini(&g);
}

static void bad_lines_end_the_client(void **state)
{
	static const char *const bad[] = { "CONNECT\n", "CONNECT \n", "CONNECT x\n", "CONNECT 52x\n", "CONNECT -1\n",
		"CONNECT 4294967295\n", "CONNECT 4294967296\n", "CONNECT 18446744073709551617\n", "GET / HTTP/1.1\n", "\n",
		"CONNECT 5                       \n", "CONNECT 000000000000000000000000000052\n", "CONNECT 52 \n" };
	static const char *const good[] = { "CONNECT 0\n", "connect 52\n", "CONNECT 4294967294\n", "CONNECT 52\r\n" };
	struct vguest g;
	struct packet p;
	int fd;

	(void)state;
	guest_init(&g, true);
	guest_up(&g, BUFFERS);
	for (uint32_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		fd = client_says(&g, bad[i]);
		assert_true(at_end(fd));
		close(fd);
	}
	expect_nothing(&g);
	for (uint32_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		fd = client_says(&g, good[i]);
		assert_true(next_packet(&g, &p));
		assert_int_equal(p.h.op, VSOCK_REQUEST);
		close(fd);
		assert_true(next_packet(&g, &p));
		assert_int_equal(p.h.op, VSOCK_RST);
	}
	assert_int_equal(streams(&g), 0);
	guest_fini(&g);
}

/* Who connects and says nothing holds one of a few places, and loses it to those who come after. */
static void silent_clients_give_way(void **state)
{
	struct vguest g;
	int fd[VSOCK_CLIENTS + 3], quick;

	(void)state;
	guest_init(&g, true);
	guest_up(&g, BUFFERS);
	for (uint32_t i = 0; i < VSOCK_CLIENTS + 3; i++) {
		fd[i] = client_says(&g, "C");
		assert_int_equal(streams(&g), 0);
	}
	for (uint32_t i = 0; i < VSOCK_CLIENTS + 3; i++) {
		uint8_t c;

		assert_int_equal(read(fd[i], &c, 1), i < 3 ? 0 : -1);
	}
	quick = client_says(&g, "CONNECT 52\n");
	guest_accepts(&g, 52);
	close(quick);
	for (uint32_t i = 0; i < VSOCK_CLIENTS + 3; i++)
		close(fd[i]);
	guest_fini(&g);
}

/* Without an fd left the device looks away, does not spin, and comes back. */
static bool has_stream(void *arg)
{
	return streams(arg) == 1;
}

static void no_fd_left_is_waited_for(void **state)
{
	struct rlimit old, none;
	struct vguest g;
	int fd;

	(void)state;
	guest_init(&g, true);
	guest_up(&g, BUFFERS);
	fd = client(&g);
	assert_int_equal(write(fd, "CONNECT 52\n", 11), 11);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){ 3, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	settle(&g);
	assert_int_equal(streams(&g), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	drive_until(&g.d, has_stream, &g);
	guest_accepts(&g, 52);
	close(fd);
	guest_fini(&g);
}

static int add(struct drive *d, const struct ukvmm_vsock_config *c, struct ukvmm_err *err)
{
	struct ukvmm_vsock_config copy = *c;

	copy.size = sizeof copy;
	return ukvmm_vm_add_vsock(d->vm, "vsock0", &copy, err);
}

/* Port 80 leads to the other end of a pair; no other does. */
static int connect_pair(uint64_t cookie, uint32_t port)
{
	int *theirs = (int *)(uintptr_t)cookie, pair[2];

	if (port != HOST_PORT)
		return -ECONNREFUSED;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
		return -errno;
	*theirs = pair[1];
	return pair[0];
}

static void a_process_without_files_brings_its_own(void **state)
{
	int theirs = -1, fd, fds;
	struct vguest g;
	struct packet p;
	char bytes[8];

	(void)state;
	guest_init_given(&g, connect_pair, (uint64_t)(uintptr_t)&theirs);
	guest_up(&g, BUFFERS);
	fds = ukvmm_vm_fds(g.d.vm);
	send_op(&g, VSOCK_REQUEST, 0);
	expect(&g, VSOCK_RESPONSE, &p);
	assert_int_equal(ukvmm_vm_fds(g.d.vm), fds + 1);
	send_bytes(&g, "hello", 5);
	assert_int_equal(read(theirs, bytes, sizeof bytes), 5);
	assert_memory_equal(bytes, "hello", 5);
	close(theirs);
	settle(&g);
	/* a refusal is one, and not asked for twice */
	g.host_port = HOST_PORT + 1;
	g.guest_port++;
	g.received = 0;
	while (next_packet(&g, &p))
		;
	send_op(&g, VSOCK_REQUEST, 0);
	expect(&g, VSOCK_RST, &p);
	/* the other way: by the socket that was given */
	fd = client_says(&g, "CONNECT 52\n");
	guest_accepts(&g, 52);
	assert_true(read(fd, bytes, 2) == 2 && bytes[0] == 'O');
	close(fd);
	settle(&g);
	/* whose name is not the device's to remove */
	drive_fini(&g.d);
	assert_int_equal(access(g.path, F_OK), 0);
	unlink(g.path);
	drive_init(&g.d);
	guest_fini(&g);
}

static void configs_are_checked(void **state)
{
	static char name[sizeof((struct sockaddr_un *)0)->sun_path];
	struct ukvmm_err err = { .size = sizeof err };
	struct drive d;
	int fd;

	(void)state;
	drive_init(&d);
	assert_int_equal(ukvmm_vm_connect(d.vm, 1, NULL), -ENODEV);
	assert_int_equal(add(&d, &(struct ukvmm_vsock_config){ .cid = 2 }, NULL), -EINVAL);
	assert_int_equal(add(&d, &(struct ukvmm_vsock_config){ .cid = UINT32_MAX }, NULL), -EINVAL);
	assert_int_equal(add(&d, &(struct ukvmm_vsock_config){ .flags = 2 }, NULL), -EINVAL);
	assert_int_equal(add(&d, &(struct ukvmm_vsock_config){ .flags = UKVMM_VSOCK_LISTENER, .listener = -1 }, NULL), -EINVAL);
	fd = open("/dev/null", O_RDWR);
	assert_int_equal(add(&d, &(struct ukvmm_vsock_config){ .flags = UKVMM_VSOCK_LISTENER, .listener = fd }, NULL), -EINVAL);
	close(fd);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(add(&d, &(struct ukvmm_vsock_config){ .flags = UKVMM_VSOCK_LISTENER, .listener = fd }, NULL), -EINVAL);
	close(fd);
	assert_int_equal(add(&d, &(struct ukvmm_vsock_config){ .listen = 1 }, NULL), -EINVAL);
	memset(name, 'a', sizeof name - 12);
	assert_int_equal(add(&d, &(struct ukvmm_vsock_config){ .path = name, .listen = 1 }, &err), 0);
	assert_int_equal(access(name, F_OK), 0);
	assert_int_equal(add(&d, &(struct ukvmm_vsock_config){ 0 }, NULL), -EEXIST);
	assert_int_equal(ukvmm_vm_connect(d.vm, UINT32_MAX, NULL), -EINVAL);
	fd = ukvmm_vm_connect(d.vm, 1, NULL); /* before the seal, even */
	assert_true(fd >= 0);
	drive_fini(&d);
	assert_true(at_end(fd));
	close(fd);
	assert_int_equal(access(name, F_OK), -1);
	drive_init(&d);
	memset(name, 'a', sizeof name - 11);
	assert_int_equal(add(&d, &(struct ukvmm_vsock_config){ .path = name }, &err), -ENAMETOOLONG);
	assert_int_equal(add(&d, &(struct ukvmm_vsock_config){ .path = "/nowhere/v", .listen = 1 }, &err), -ENOENT);
	assert_string_equal(err.call, "bind");
	assert_non_null(strstr(err.text, "/nowhere/v"));
	assert_int_equal(add(&d, &(struct ukvmm_vsock_config){ .cid = 0xfffffffe }, NULL), 0);
	drive_fini(&d);
}

/* One that took the path's place is not ours to remove, and one that is there is not replaced. */
static void only_our_own_name_is_removed(void **state)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct vguest g;
	struct drive d;
	struct stat st;
	mode_t mask;
	int fd;

	(void)state;
	guest_init(&g, true);
	assert_int_equal(stat(g.path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	mask = umask(0);
	umask(mask);
	assert_int_equal(st.st_mode & 0777, 0777 & ~mask);
	drive_init(&d);
	assert_int_equal(add(&d, &(struct ukvmm_vsock_config){ .path = g.path, .listen = 1 }, &err), -EADDRINUSE);
	drive_fini(&d);
	assert_int_equal(access(g.path, F_OK), 0);
	assert_int_equal(unlink(g.path), 0);
	fd = open(g.path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	drive_fini(&g.d);
	assert_int_equal(unlink(g.path), 0);
	drive_init(&g.d);
	drive_seal(&g.d);
	guest_fini(&g);
}

/* Streams end where the state arrives, the driver is told, and all begins anew; where it came from they go on. */
static void load_resets_streams(void **state)
{
	struct vguest a, b;
	struct packet p;
	uint32_t id;
	int fd, waiting, old, held;

	(void)state;
	guest_init(&a, false);
	guest_up(&a, BUFFERS);
	fd = guest_opens(&a);
	waiting = ukvmm_vm_connect(a.d.vm, 5, NULL);
	settle(&a);
	guest_init(&b, false);
	guest_up(&b, BUFFERS);
	old = guest_opens(&b);
	drive_pause(&a.d);
	drive_clone(&b.d, &a.d);
	held = ukvmm_vm_connect(b.d.vm, 6, NULL);
	b.dev = a.dev;
	drive_dev_moved(&b.dev, &b.d, 0);
	b.rx = a.rx;
	b.tx = a.tx;
	b.event = a.event;
	b.host_port = a.host_port;
	assert_true(at_end(old));

	memset(drive_at(&b.d, b.event, 4), 0xff, 4);
	assert_int_equal(ukvmm_vm_resume(b.d.vm), 0);
	settle(&b);
	assert_int_equal(drive_used(&b.dev, VSOCK_Q_EVENT, &id), 0);
	assert_int_equal(id, 4); /* bytes */
	memcpy(&id, drive_at(&b.d, b.event, 4), 4);
	assert_int_equal(id, 0); /* VIRTIO_VSOCK_EVENT_TRANSPORT_RESET */
	assert_int_equal(drive_reg(&b.dev, 0x100, 8), CID);
	while (next_packet(&b, &p) && p.h.dst_port == 5) /* was on its way when it was saved */
		;
	assert_int_equal(p.h.op, VSOCK_REQUEST);
	assert_int_equal(p.h.dst_port, 6); /* never told to a driver: it is told to this one */
	send_bytes(&b, "x", 1); /* on the stream that is gone */
	expect(&b, VSOCK_RST, NULL);
	close(guest_opens(&b));

	assert_int_equal(ukvmm_vm_resume(a.d.vm), 0);
	a.host_port = HOST_PORT;
	assert_true(next_packet(&a, &p)); /* REQUEST to 5 */
	assert_int_equal(write(fd, "on", 2), 2);
	expect(&a, VSOCK_RW, NULL);
	assert_int_equal(drive_used(&a.dev, VSOCK_Q_EVENT, NULL), -1);
	close(fd);
	close(old);
	close(held);
	close(waiting);
	guest_fini(&a);
	guest_fini(&b);
}

static void hostile_state_is_refused(void **state)
{
	const struct {
		uint64_t cid;
		uint32_t port, live;
	} bad[] = { { 2, 0, 1 }, { 0, 0, 0 }, { UINT32_MAX, 0, 0 }, { UINT64_MAX, 0, 0 }, { CID, 0, 2 } };
	struct ukvmm_device_ops ops;
	struct ukvmm_state s;
	struct vguest g;
	struct virtio_vsock *v;
	int fd;

	(void)state;
	guest_init(&g, false);
	guest_up(&g, BUFFERS);
	fd = guest_opens(&g);
	v = g.d.vm->device[0]->ctx;
	virtio_vsock_ops(v, &ops);
	for (uint32_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		state_load_init(&s, &bad[i], sizeof bad[i]);
		s.in_section = true;
		s.section_end = sizeof bad[i];
		assert_int_equal(ops.load(v, &s, 1), -EINVAL);
	}
	state_load_init(&s, bad, 15); /* too short */
	s.in_section = true;
	s.section_end = 15;
	assert_int_equal(ops.load(v, &s, 1), -EINVAL);
	assert_int_equal(ops.load(v, &s, 2), -ENOTSUP);
	send_bytes(&g, "x", 1); /* and nothing has changed */
	assert_int_equal(drain(fd, (uint8_t[4]){ 0 }, 4), 1);
	close(fd);
	guest_fini(&g);
}

/* Two that both have more than the guest takes: each gets its turn. */
static void streams_take_turns(void **state)
{
	static uint8_t much[300000];
	uint32_t got[2] = { 0 };
	struct vguest g;
	struct packet p;
	int fd[2];

	(void)state;
	guest_init(&g, false);
	guest_up(&g, 4);
	g.buf_alloc = UINT32_MAX;
	for (uint32_t i = 0; i < 2; i++)
		fd[i] = host_opens(&g);
	for (uint32_t i = 0; i < 2; i++)
		assert_true(write(fd[i], much, sizeof much) > 2 * VSOCK_PIECE);
	for (uint32_t i = 0; i < 3 * VSOCK_PIECE / RX_BYTES && next_packet(&g, &p); i++)
		got[p.h.src_port == g.host_port] += p.h.len;
	assert_in_range(got[0], VSOCK_PIECE / 2, 2 * VSOCK_PIECE);
	assert_in_range(got[1], VSOCK_PIECE / 2, 2 * VSOCK_PIECE);
	close(fd[0]);
	close(fd[1]);
	guest_fini(&g);
}

static int refuses(uint64_t cookie, uint32_t port)
{
	(void)cookie;
	(void)port;
	return -ECONNREFUSED;
}

/* A listening socket that its owner has shut down stays readable for ever: the poller does not. */
static void a_listener_that_was_shut_down_is_left_alone(void **state)
{
	struct vguest g;

	(void)state;
	guest_init_given(&g, refuses, 0);
	guest_up(&g, 4);
	assert_int_equal(shutdown(device(&g)->listener, SHUT_RDWR), 0);
	settle(&g);
	assert_int_equal(unlink(g.path), 0);
	guest_fini(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_listener_that_was_shut_down_is_left_alone),
		cmocka_unit_test(client_names_a_port),
		cmocka_unit_test(client_is_refused),
		cmocka_unit_test(bad_lines_end_the_client),
		cmocka_unit_test(silent_clients_give_way),
		cmocka_unit_test(no_fd_left_is_waited_for),
		cmocka_unit_test(a_process_without_files_brings_its_own),
		cmocka_unit_test(configs_are_checked),
		cmocka_unit_test(only_our_own_name_is_removed),
		cmocka_unit_test(load_resets_streams),
		cmocka_unit_test(hostile_state_is_refused),
		cmocka_unit_test(streams_take_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
