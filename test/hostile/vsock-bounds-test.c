/* SPDX-License-Identifier: Apache-2.0 */
/* How much a guest and local clients can have of vsock: answers, streams, buffers, fds. */
#include "suite.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "subjects.h"

enum { AT = 0x8000, GUEST_PORT = 77, SERVED = 5, STREAMS = 64, BUFFER = 128 << 10, SOME_BYTES = 2 << 20,
	/* 64 streams with a full buffer each, and the sockets' own */
	ALL_BUFFERS = STREAMS * BUFFER + SOME_BYTES };

static void assert_answer(struct hostile *h, uint16_t op, uint32_t host_port, uint32_t guest_port)
{
	struct vsock_header got = vsock_next(h, NULL);

	CHECK(got.op == op && got.src_port == host_port && got.dst_port == guest_port);
}

/* CVE-2016-5403's kind: answers that the guest does not take are bounded, since it is not listened to meanwhile. */
static void answers_that_nobody_takes_are_bounded(void **state)
{
	struct hostile *h = *state;
	struct held before = held_now(h);
	uint32_t done = 0, sent = 0, answers = 0;
	struct vsock_header got;

	for (uint32_t turn = 0; turn < 2000; turn++) {
		for (; sent - done < RING; sent++) {
			struct vsock_header header = vsock_packet(sent, 9, VSOCK_RW);

			hostile_store(h, h->buf + AT + sent % RING * 64, &header, sizeof header);
			drive_put(&h->dev, VSOCK_TX,
				&(struct drive_seg){ h->buf + AT + sent % RING * 64, sizeof header, false }, 1);
		}
		drive_kick(&h->dev, VSOCK_TX);
		drive_poll(&h->d);
		while (drive_used(&h->dev, VSOCK_TX, NULL) >= 0)
			done++;
	}
	CHECK(done < 200); /* it stopped */
	assert_held(h, before, SOME_BYTES);
	assert_neighbours_work(h);
	vsock_post(h);
	while (answers < sent) {
		got = vsock_next(h, NULL);
		CHECK(got.op == VSOCK_RST && got.dst_port == answers++);
	}
	h->subject->works(h);
}

static uint32_t open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	uint32_t n = 0;

	CHECK(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Connects that the guest never answers: as many as there are places, then a refusal; their end frees them. */
static void connects_to_a_guest_that_does_not_answer_are_bounded(void **state)
{
	struct hostile *h = *state;
	uint32_t before = open_fds(), n = 0;
	struct held held = held_now(h);
	int fd[4 * STREAMS], rc;

	while ((rc = ukvmm_vm_connect(h->d.vm, GUEST_PORT, NULL)) >= 0) {
		CHECK(n < STREAMS);
		fd[n++] = rc;
		hostile_turns(h, 1);
	}
	CHECK(rc == -EAGAIN && n == STREAMS);
	CHECK(open_fds() <= before + 2 * STREAMS);
	assert_held(h, held, SOME_BYTES);
	assert_neighbours_work(h);
	while (n)
		close(fd[--n]);
	hostile_turns(h, 16);
	CHECK(open_fds() == before);
	h->subject->works(h);
}

static char directory[64], path[80];

static void add_with_path(struct hostile *h)
{
	struct ukvmm_vsock_config config = { .size = sizeof config, .cid = VSOCK_CID, .path = path, .listen = 1 };

	CHECK(!ukvmm_vm_add_vsock(h->d.vm, "vsock", &config, NULL));
}

static int socket_at(const char *name, bool listening)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	CHECK(fd >= 0 && strlen(name) < sizeof at.sun_path);
	memcpy(at.sun_path, name, strlen(name) + 1);
	if (listening)
		CHECK(!bind(fd, (struct sockaddr *)&at, sizeof at) && !listen(fd, 4 * STREAMS));
	else
		CHECK(!connect(fd, (struct sockaddr *)&at, sizeof at));
	return fd;
}

static struct hostile *path_setup(struct subject *subject)
{
	struct hostile *h = calloc(1, sizeof *h);

	CHECK(h);
	snprintf(directory, sizeof directory, "/tmp/ukvmm-hostile-XXXXXX");
	CHECK(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/vsock", directory);
	*subject = subject_vsock;
	subject->add = add_with_path;
	hostile_init(h, subject);
	return h;
}

static void path_teardown(struct hostile *h)
{
	hostile_fini(h);
	CHECK(access(path, F_OK)); /* the name went with the VM */
	CHECK(!rmdir(directory));
	free(h);
}

/* The guest's own connects: bounded fds, whoever it does not get a place for hears RST. */
static void requests_without_end_are_bounded(void **state)
{
	struct subject subject;
	struct hostile *h = path_setup(&subject);
	char name[sizeof path + 4];
	uint32_t before, open = 0;
	struct vsock_header got;
	struct held held;
	int listener;

	(void)state;
	snprintf(name, sizeof name, "%s_%d", path, SERVED);
	listener = socket_at(name, true);
	before = open_fds();
	held = held_now(h);
	vsock_post(h);
	for (uint32_t i = 0; i < 3 * STREAMS; i++) {
		struct vsock_header request = vsock_packet(i, SERVED, VSOCK_REQUEST);

		vsock_send(h, &request, NULL);
		got = vsock_next(h, NULL);
		CHECK(got.dst_port == i && (got.op == VSOCK_RESPONSE || got.op == VSOCK_RST));
		open += got.op == VSOCK_RESPONSE;
	}
	CHECK(open == STREAMS);
	CHECK(open_fds() <= before + STREAMS);
	assert_held(h, held, SOME_BYTES);
	assert_neighbours_work(h);
	hostile_up(h);
	hostile_turns(h, 8);
	CHECK(open_fds() == before);
	/* ports where nobody listens, and a name that would be a path of its own */
	vsock_post(h);
	for (uint32_t port = 0; port < 3; port++) {
		struct vsock_header request = vsock_packet(1, port, VSOCK_REQUEST);

		vsock_send(h, &request, NULL);
		assert_answer(h, VSOCK_RST, port, 1);
	}
	CHECK(open_fds() == before);
	assert_recovers(h);
	close(listener);
	unlink(name);
	path_teardown(h);
}

/* All streams full at once, and nobody on the host reads. */
static void full_streams_cost_their_buffers_and_no_more(void **state)
{
	struct subject subject;
	struct hostile *h = path_setup(&subject);
	static uint8_t data[4000];
	char name[sizeof path + 4];
	struct vsock_header got;
	struct held held;
	int listener;

	(void)state;
	snprintf(name, sizeof name, "%s_%d", path, SERVED);
	listener = socket_at(name, true);
	vsock_post(h);
	held = held_now(h);
	for (uint32_t i = 0; i < STREAMS; i++) {
		struct vsock_header packet = vsock_packet(i, SERVED, VSOCK_REQUEST);

		vsock_send(h, &packet, NULL);
		packet.op = VSOCK_RW;
		packet.len = sizeof data;
		for (uint32_t n = 0; n < 2 * BUFFER / sizeof data; n++) {
			vsock_send(h, &packet, data);
			subject.drain(h);
		}
	}
	assert_held(h, held, ALL_BUFFERS);
	assert_neighbours_work(h);
	while (!vsock_poll(h, &got, NULL))
		;
	hostile_up(h);
	hostile_turns(h, 4);
	assert_held(h, held, SOME_BYTES);
	assert_recovers(h);
	close(listener);
	unlink(name);
	path_teardown(h);
}

/* Local clients: lines that are none, lines without end, clients without end. */
static void clients_that_do_not_speak_the_protocol_are_dropped(void **state)
{
	const char *const lines[] = { "CONNECT\n", "CONNECT \n", "CONNECT -1\n", "CONNECT 4294967296\n",
		"CONNECT 99999999999999999999\n", "CONNECT 1 2\n", "connect\n", "\n", "GET / HTTP/1.1\r\n\r\n",
		"CONNECT 000000000000000000000000000000000000000000000000000000001\n", "\377\377\377\377\n" };
	struct subject subject;
	struct hostile *h = path_setup(&subject);
	uint32_t before = open_fds();
	int fd[100];

	(void)state;
	for (uint32_t i = 0; i < COUNT(lines); i++) {
		char byte;

		fd[0] = socket_at(path, false);
		hostile_turns(h, 2);
		CHECK(send(fd[0], lines[i], strlen(lines[i]), MSG_NOSIGNAL) > 0);
		hostile_turns(h, 4);
		CHECK(recv(fd[0], &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET);
		close(fd[0]);
	}
	hostile_turns(h, 4);
	CHECK(open_fds() == before);
	for (uint32_t i = 0; i < COUNT(fd); i++) {
		if (i >= 60) /* the backlog holds some; the rest are accepted as places become free */
			hostile_turns(h, 2);
		fd[i] = socket_at(path, false);
		send(fd[i], "CONN", 4, MSG_NOSIGNAL);
	}
	hostile_turns(h, 32);
	CHECK(open_fds() <= before + COUNT(fd) + 16);
	assert_neighbours_work(h);
	for (uint32_t i = 0; i < COUNT(fd); i++)
		close(fd[i]);
	hostile_turns(h, 32);
	CHECK(open_fds() == before);
	assert_recovers(h);
	path_teardown(h);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ROW(answers_that_nobody_takes_are_bounded),
		ROW(connects_to_a_guest_that_does_not_answer_are_bounded),
		cmocka_unit_test(requests_without_end_are_bounded),
		cmocka_unit_test(full_streams_cost_their_buffers_and_no_more),
		cmocka_unit_test(clients_that_do_not_speak_the_protocol_are_dropped),
	};

	return SUITE_RUN(tests, "vsock");
}
