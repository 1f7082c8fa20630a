/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox-devices: each device of the hostile suite, with the test as its driver, served under the filters of the
 * poller's and the work thread, and once more by kicks under the filter of a vCPU thread that serves devices. Each in a
 * process of its own. Exit status 0 or 1.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ukvmm/sandbox.h>

#include "hostile.h"
#include "peer.h"
#include "subjects.h"

enum { AT = 0x8000, SECTOR = 512, ROUNDS = 50, LONG_FRAME = 4000, GUEST_PORT = 1024, HOST_PORT = 80, WAIT_MS = 20000,
	SKIPPED = 77 };

struct work {
	const char *name;
	const struct subject *subject;
	uint32_t may; /* of the poller's thread, and the vCPU's */
	void (*io)(struct hostile *h);   /* on the poller's thread */
	void (*kick)(struct hostile *h); /* on a vCPU's, which does not poll; NULL: none */
};

static void enter(struct ukvmm_host *host, uint32_t role, uint32_t may)
{
	const struct ukvmm_sandbox_config config = { .size = sizeof config, .role = role, .may = may };
	struct ukvmm_err err = { .size = sizeof err };

	if (ukvmm_sandbox_enter(host, &config, &err)) {
		fprintf(stderr, "%s(%s): %s\n", err.call, err.object, err.text);
		_exit(1);
	}
}

static void work_begins(struct ukvmm_host *host)
{
	enter(host, UKVMM_ROLE_WORK, 0);
}

static void works(struct hostile *h)
{
	for (int i = 0; i < ROUNDS; i++)
		h->subject->works(h);
}

/* ---- disk ---- */

struct range {
	uint64_t sector;
	uint32_t sectors, flags;
};

static void disk(struct hostile *h)
{
	const struct range range = { .sector = 8, .sectors = 8 };

	works(h);
	hostile_store(h, h->buf + AT, &range, sizeof range);
	CHECK(blk_request(h, BLK_DISCARD, 0, h->buf + AT, sizeof range) == BLK_OK);
	CHECK(blk_request(h, BLK_ZEROES, 0, h->buf + AT, sizeof range) == BLK_OK);
	CHECK(blk_request(h, BLK_OUT, 1 << 30, h->buf + AT, SECTOR) == BLK_IOERR);
}

/* Reads by kicks alone: what is not done at once is the poller's, and not waited for. */
static void disk_kicks(struct hostile *h)
{
	const struct blk_header header = { .type = BLK_IN, .sector = 3 };
	const struct drive_seg seg[] = { { h->buf, sizeof header, false }, { h->buf + AT, SECTOR, true },
		{ h->buf + 64, 1, true } };

	hostile_store(h, h->buf, &header, sizeof header);
	for (int i = 0; i < ROUNDS; i++) {
		drive_put(&h->dev, 0, seg, 3);
		drive_kick(&h->dev, 0);
	}
}

/* ---- network ---- */

static void net_kicks(struct hostile *h)
{
	uint8_t frame[NET_HEADER + NET_FRAME] = { 0 };

	net_frame(frame + NET_HEADER, NET_FRAME, 1, 1);
	hostile_store(h, h->buf + AT, frame, sizeof frame);
	for (int i = 0; i < ROUNDS; i++) {
		drive_put(&h->dev, NET_TX, &(struct drive_seg){ h->buf + AT, sizeof frame, false }, 1);
		drive_kick(&h->dev, NET_TX);
	}
	/* the peer is gone: this is found out by the next look for frames */
	close(h->fd);
	net_post(h, h->buf, 2048);
}

static void net_peer_goes(struct hostile *h)
{
	works(h);
	close(h->fd);
	net_post(h, h->buf, 2048);
	hostile_turns(h, 4);
}

static void tap_add(struct hostile *h)
{
	struct ukvmm_net_config config = { .size = sizeof config, .kind = UKVMM_NET_TAP,
		.mac = { 2, 0, 0, 0, 0, 1 } };

	if (!peer_namespace())
		_exit(SKIPPED);
	peer_tap("sandboxed", 9000);
	config.fd = peer_tap_open("sandboxed");
	CHECK(!ukvmm_vm_add_net(h->d.vm, "net", &config, NULL));
	close(config.fd);
}

static void frames(struct hostile *h, uint32_t len)
{
	static uint8_t frame[NET_HEADER + LONG_FRAME];

	net_frame(frame + NET_HEADER, len, 1, 1);
	hostile_store(h, h->buf + AT, frame, NET_HEADER + len);
	drive_put(&h->dev, NET_TX, &(struct drive_seg){ h->buf + AT, NET_HEADER + len, false }, 1);
	drive_kick(&h->dev, NET_TX);
}

static void tap_kicks(struct hostile *h)
{
	for (int i = 0; i < ROUNDS / 2; i++) {
		frames(h, NET_FRAME);
		frames(h, LONG_FRAME);
	}
	net_post(h, h->buf, 2048);
}

static void tap(struct hostile *h)
{
	for (int i = 0; i < ROUNDS; i++) {
		frames(h, i & 1 ? NET_FRAME : LONG_FRAME);
		drive_wait_used(&h->dev, NET_TX, NULL);
	}
	hostile_up(h); /* a reset, and offloads anew */
	net_post(h, h->buf, 2048);
	hostile_turns(h, 4);
}

static void none(struct hostile *h)
{
	(void)h;
}

static const struct subject subject_tap = { .name = "tap", .queues = 3, .add = tap_add, .works = tap };

/* ---- vsock, to and from sockets of the host ---- */

static char vsock_path[64];
static int vsock_listener;

static void vsock_add(struct hostile *h)
{
	struct ukvmm_vsock_config config = { .size = sizeof config, .cid = VSOCK_CID, .path = vsock_path,
		.listen = 1 };
	char port[80];

	snprintf(port, sizeof port, "%s_%d", vsock_path, HOST_PORT);
	vsock_listener = peer_listen(port);
	CHECK(!ukvmm_vm_add_vsock(h->d.vm, "vsock", &config, NULL));
	h->fd = peer_connect(vsock_path);
	CHECK(write(h->fd, "CONNECT 1024\n", 13) == 13);
}

static const struct subject subject_vsock_host = { .name = "vsock, host", .queues = 3, .add = vsock_add,
	.works = none };

/* The guest opens a stream to the host's port, sends, and shuts it down. */
static void vsock_out(struct hostile *h)
{
	struct vsock_header mine = vsock_packet(GUEST_PORT, HOST_PORT, VSOCK_REQUEST);

	hostile_store(h, h->buf + AT, &mine, sizeof mine);
	drive_put(&h->dev, VSOCK_TX, &(struct drive_seg){ h->buf + AT, sizeof mine, false }, 1);
	drive_kick(&h->dev, VSOCK_TX);
	mine.op = VSOCK_RW;
	mine.len = 5;
	hostile_store(h, h->buf + 2 * AT, &mine, sizeof mine);
	hostile_store(h, h->buf + 2 * AT + sizeof mine, "hello", 5);
	drive_put(&h->dev, VSOCK_TX, &(struct drive_seg){ h->buf + 2 * AT, sizeof mine + 5, false }, 1);
	drive_kick(&h->dev, VSOCK_TX);
	mine.op = VSOCK_SHUTDOWN;
	mine.len = 0;
	mine.flags = 3;
	hostile_store(h, h->buf + 3 * AT, &mine, sizeof mine);
	drive_put(&h->dev, VSOCK_TX, &(struct drive_seg){ h->buf + 3 * AT, sizeof mine, false }, 1);
	drive_kick(&h->dev, VSOCK_TX);
}

/* The one that the guest opened has its bytes; the client that connected before is asked for. */
static void vsock_both(struct hostile *h)
{
	struct pollfd p = { .fd = vsock_listener, .events = POLLIN };
	struct vsock_header got;
	char bytes[8];
	int fd;

	vsock_post(h);
	do
		got = vsock_next(h, NULL);
	while (got.op != VSOCK_REQUEST);
	CHECK(got.dst_port == GUEST_PORT);
	vsock_out(h);
	hostile_turns(h, 8);
	CHECK(poll(&p, 1, WAIT_MS) == 1);
	fd = accept4(vsock_listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK(fd >= 0 && read(fd, bytes, sizeof bytes) == 5 && !memcmp(bytes, "hello", 5));
}

static const struct work list[] = {
	{ "net", &subject_net, 0, net_peer_goes, net_kicks },
	{ "tap", &subject_tap, 0, tap, tap_kicks },
	{ "blk", &subject_blk, 0, disk, disk_kicks },
	{ "uring", &subject_uring, 0, disk, disk_kicks },
	{ "overlay", &subject_overlay, 0, works, disk_kicks },
	{ "rng", &subject_rng, 0, works, NULL },
	{ "console", &subject_console, 0, works, NULL },
	{ "vsock", &subject_vsock, UKVMM_MAY_CONNECT, works, NULL },
	{ "vsock, host", &subject_vsock_host, UKVMM_MAY_CONNECT, vsock_both, vsock_out },
	{ "echo", &subject_echo, 0, works, NULL },
};

struct kicker_thread {
	const struct work *w;
	struct hostile *h;
};

static void *kicks(void *arg)
{
	struct kicker_thread *k = arg;

	enter(k->h->d.host, UKVMM_ROLE_VCPU, UKVMM_MAY_SERVE | k->w->may);
	k->w->kick(k->h);
	return NULL;
}

static void run(const struct work *w, bool kick)
{
	static struct hostile h;
	struct kicker_thread k = { w, &h };
	pthread_t thread;

	drive_work_begins = work_begins;
	hostile_init_alone(&h, w->subject);
	if (kick) {
		CHECK(!pthread_create(&thread, NULL, kicks, &k));
		CHECK(!pthread_join(thread, NULL));
		_exit(0);
	}
	enter(h.d.host, UKVMM_ROLE_IO, w->may);
	w->io(&h);
	_exit(0);
}

/* False: it failed. A CHECK ends the process; so does a call that is not allowed. */
static bool run_alone(const struct work *w, bool kick)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		run(w, kick);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	if (status == SKIPPED << 8)
		printf("ok - %s # SKIP no network namespace here\n", w->name);
	else
		printf("%sok - %s, %s (status %#x)\n", status ? "not " : "", w->name, kick ? "kicks" : "poller",
			status);
	return !status || status == SKIPPED << 8;
}

int main(void)
{
	bool right = true;
	char port[80];

	setbuf(stdout, NULL);
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		snprintf(vsock_path, sizeof vsock_path, "/tmp/sandbox-devices-%d-%zu", (int)getpid(), i);
		snprintf(port, sizeof port, "%s_%d", vsock_path, HOST_PORT);
		right &= run_alone(&list[i], false);
		unlink(vsock_path);
		unlink(port);
		if (list[i].kick)
			right &= run_alone(&list[i], true);
		unlink(vsock_path);
		unlink(port);
	}
	return !right;
}
