/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox-devices: each device of the hostile suite, with the test as its driver, served under the filters of the
 * poller's and the work thread; by kicks under the filter of a vCPU thread that serves devices; and with a hostile
 * driver before. Each in a process of its own. Exit status 0 or 1.
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
#include "x86_map.h"

enum { AT = 0x8000, SECTOR = 512, ROUNDS = 50, LONG_FRAME = 4000, GUEST_PORT = 1024, HOST_PORT = 80, WAIT_MS = 100000,
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

	if (access("/dev/net/tun", F_OK) || !peer_namespace())
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

/* ---- a driver that means harm ---- */

static uint64_t draw(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	return *seed ^= *seed << 17;
}

/* A request of the device's own kind, or a chain of anything to anywhere. */
static void offer_anything(struct hostile *h, uint64_t *seed)
{
	struct drive_seg seg[8];
	uint64_t r = draw(seed);
	uint32_t q = (uint32_t)(r >> 8) % h->subject->queues, n = 1 + (uint32_t)(r >> 16) % 4;

	if (h->subject->request && r & 1) {
		n = h->subject->request(h, seg);
		drive_put(&h->dev, h->subject->pull, seg, n);
		drive_kick(&h->dev, h->subject->pull);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint64_t v = draw(seed);
		uint64_t gpa = v & 1 ? h->buf + (v >> 8) % BUF_BYTES : v >> (8 + v % 40);

		hostile_desc(h, q, i, gpa, (uint32_t)(v >> 32) % 70000, (uint32_t)(v >> 2) & 7,
			(i + 1) % (n + (v >> 60 == 0)));
	}
	hostile_offer(h, q, 0);
	drive_kick(&h->dev, q);
}

/* Whatever it does, the device makes no call that its threads do not have, and works again after a reset. */
static void abuse(struct hostile *h)
{
	enum { TURNS = 3000, RESET_EVERY = 40 };
	uint64_t seed = 0x9e3779b97f4a7c15;

	for (int i = 0; i < TURNS; i++) {
		uint64_t r = draw(&seed);

		offer_anything(h, &seed);
		if (r % 3 == 0)
			hostile_mmio(h, X86_VIRTIO_BASE + r % X86_VIRTIO_STRIDE, 1u << (r >> 40) % 4, true,
				draw(&seed));
		if (h->subject->poke && r % 5 == 0)
			h->subject->poke(h);
		drive_poll(&h->d);
		if (i % RESET_EVERY == 0) {
			if (h->subject->drain)
				h->subject->drain(h);
			hostile_up(h);
		}
	}
	hostile_up(h);
	CHECK(violations_in_stats(h) > 0);
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

enum as { AS_POLLER, AS_KICKS, AS_HOSTILE };

static void run(const struct work *w, enum as as)
{
	static struct hostile h;
	struct kicker_thread k = { w, &h };
	pthread_t thread;

	drive_work_begins = work_begins;
	hostile_init_alone(&h, w->subject);
	if (as == AS_KICKS) {
		CHECK(!pthread_create(&thread, NULL, kicks, &k));
		CHECK(!pthread_join(thread, NULL));
		_exit(0);
	}
	enter(h.d.host, UKVMM_ROLE_IO, w->may);
	if (as == AS_HOSTILE) {
		abuse(&h);
		works(&h);
	} else {
		w->io(&h);
	}
	_exit(0);
}

/* False: it failed. A CHECK ends the process; so does a call that is not allowed. */
static bool run_alone(const struct work *w, enum as as)
{
	static const char *const names[] = { "poller", "kicks", "hostile" };
	int status;
	pid_t pid = fork();

	if (!pid)
		run(w, as);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	if (status == SKIPPED << 8)
		printf("ok - %s # SKIP no tap to be had here\n", w->name);
	else
		printf("%sok - %s, %s (status %#x)\n", status ? "not " : "", w->name, names[as], status);
	return !status || status == SKIPPED << 8;
}

int main(void)
{
	bool right = true;
	char port[80];

	setbuf(stdout, NULL);
	for (size_t i = 0; i < 3 * sizeof list / sizeof *list; i++) {
		const struct work *w = &list[i / 3];
		enum as as = i % 3;

		if (as == AS_KICKS && !w->kick)
			continue;
		snprintf(vsock_path, sizeof vsock_path, "/tmp/sandbox-devices-%d-%zu", (int)getpid(), i);
		snprintf(port, sizeof port, "%s_%d", vsock_path, HOST_PORT);
		right &= run_alone(w, as);
		unlink(vsock_path);
		unlink(port);
	}
	return !right;
}
