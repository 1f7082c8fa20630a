/* SPDX-License-Identifier: Apache-2.0 */
/* net: a driver at one end, a socket at the other. */
#include "subjects.h"

#include "fd.h"
#include "hostile.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const uint8_t guest_mac[6] = { 2, 0, 0, 0, 0, 1 }, peer_mac[6] = { 2, 0, 0, 0, 0, 2 };

enum { TX_AT = 0x2000, RX_AT = 0x4000, RX_BYTES = 2048 };

/* Frames wait for it now and then, but not for long. */
static const struct ukvmm_rate limit = { .size = sizeof limit, .ops_per_s = 20000, .ops_burst = 50 };

static void add_with(struct hostile *h, const struct ukvmm_rate *rate)
{
	struct ukvmm_net_config config = { .size = sizeof config, .kind = UKVMM_NET_PACKET, .rx = rate, .tx = rate };
	struct ukvmm_err err = { .size = sizeof err };
	int fd[2];

	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd));
	memcpy(config.mac, guest_mac, sizeof guest_mac);
	config.fd = fd[0];
	if (ukvmm_vm_add_net(h->d.vm, "net", &config, &err))
		fprintf(stderr, "%s(%s): %s\n", err.call, err.object, err.text);
	CHECK(!err.code);
	close(fd[0]);
	h->fd = fd[1];
}

static void add(struct hostile *h)
{
	add_with(h, NULL);
}

static void add_limited(struct hostile *h)
{
	add_with(h, &limit);
}

static void end(struct hostile *h)
{
	close(h->fd);
}

void net_frame(uint8_t *frame, size_t len, uint8_t fill, int from_guest)
{
	memset(frame, fill, len);
	memcpy(frame, from_guest ? peer_mac : guest_mac, 6);
	memcpy(frame + 6, from_guest ? guest_mac : peer_mac, 6);
	frame[12] = 0x88; /* experimental ethertype */
	frame[13] = 0xb5;
}

void net_post(struct hostile *h, uint64_t gpa, uint32_t len)
{
	drive_put(&h->dev, NET_RX, &(struct drive_seg){ gpa, len, true }, 1);
	drive_kick(&h->dev, NET_RX);
}

struct arrival {
	struct hostile *h;
	uint8_t frame[2048];
	ssize_t len;
};

static bool arrived(void *arg)
{
	struct arrival *a = arg;

	a->len = fd_recv(a->h->fd, a->frame, sizeof a->frame, 0);
	CHECK(a->len >= 0 || errno == EAGAIN);
	return a->len >= 0;
}

void net_sends(struct hostile *h, uint8_t fill)
{
	uint8_t *buf = drive_at(&h->d, h->buf + TX_AT, NET_HEADER + NET_FRAME), expected[NET_FRAME];
	struct arrival a = { .h = h };

	memset(buf, 0, NET_HEADER);
	net_frame(buf + NET_HEADER, NET_FRAME, fill, 1);
	net_frame(expected, NET_FRAME, fill, 1);
	drive_put(&h->dev, NET_TX, &(struct drive_seg){ h->buf + TX_AT, NET_HEADER + NET_FRAME, false }, 1);
	drive_kick(&h->dev, NET_TX);
	drive_wait_used(&h->dev, NET_TX, NULL);
	/* what was sent before it may be there too */
	do
		drive_until(&h->d, arrived, &a);
	while (a.len != NET_FRAME || memcmp(a.frame, expected, NET_FRAME));
}

void net_receives(struct hostile *h, uint8_t fill)
{
	uint8_t frame[NET_FRAME], *buf = drive_at(&h->d, h->buf + RX_AT, RX_BYTES);
	uint32_t len, others = 0;

	net_post(h, h->buf + RX_AT, RX_BYTES);
	net_frame(frame, sizeof frame, fill, 0);
	while (fd_send(h->fd, frame, sizeof frame) < 0) {
		CHECK(errno == EAGAIN && ++others < 10000);
		drive_wait_used(&h->dev, NET_RX, NULL);
		net_post(h, h->buf + RX_AT, RX_BYTES);
	}
	drive_wait_used(&h->dev, NET_RX, &len);
	while (len != NET_HEADER + NET_FRAME || memcmp(buf + NET_HEADER, frame, sizeof frame)) {
		CHECK(++others < 10000); /* what was sent before it comes first */
		net_post(h, h->buf + RX_AT, RX_BYTES);
		drive_wait_used(&h->dev, NET_RX, &len);
	}
}

static void drain(struct hostile *h)
{
	uint8_t frame[2048];

	while (fd_recv(h->fd, frame, sizeof frame, 0) > 0)
		;
}

static void works(struct hostile *h)
{
	drain(h);
	net_sends(h, 0x51);
	net_receives(h, 0x52);
	net_sends(h, 0x53);
}

/* By turns a frame that is copied, and one that goes from where it lies. */
static uint32_t request(struct hostile *h, struct drive_seg *seg)
{
	static uint32_t turn;
	uint32_t len = ++turn % 3 ? 1024 : 4000;
	uint8_t bytes[NET_HEADER + 4000] = { 0 };

	net_frame(bytes + NET_HEADER, len, 0x54, 1);
	hostile_store(h, h->buf + 0x10000, bytes, NET_HEADER + len);
	seg[0] = (struct drive_seg){ h->buf + 0x10000, NET_HEADER, false };
	seg[1] = (struct drive_seg){ h->buf + 0x10000 + NET_HEADER, 512, false };
	seg[2] = (struct drive_seg){ h->buf + 0x10000 + NET_HEADER + 512, len - 512, false };
	return 3;
}

static void inject(struct hostile *h, const void *bytes, size_t len)
{
	fd_send(h->fd, bytes, len);
}

static void poke(struct hostile *h)
{
	uint8_t frame[1500];

	net_frame(frame, sizeof frame, 0x55, 0);
	fd_send(h->fd, frame, sizeof frame);
	drain(h);
}

const struct subject subject_net = { .name = "net", .queues = 3, .pull = NET_TX, .add = add, .works = works,
	.request = request, .poke = poke, .inject = inject, .drain = drain, .close = end };
const struct subject subject_net_limited = { .name = "net-limited", .queues = 3, .pull = NET_TX,
	.add = add_limited, .works = works, .request = request, .poke = poke, .inject = inject, .drain = drain, .close = end };
