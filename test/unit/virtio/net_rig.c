/* SPDX-License-Identifier: Apache-2.0 */
#include "net_rig.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const uint8_t rig_mac[8] = { 2, 0, 0, 0, 0, 1 };

void rig_make(struct net_rig *r, int type, const struct ukvmm_net_config *config)
{
	struct ukvmm_net_config c = { .size = sizeof c };
	struct ukvmm_err err = { .size = sizeof err };
	int fd[2];

	memset(r, 0, sizeof *r);
	if (config)
		c = *config;
	memcpy(c.mac, rig_mac, sizeof c.mac);
	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd), 0);
	c.kind = type == SOCK_STREAM ? UKVMM_NET_STREAM : UKVMM_NET_PACKET;
	c.fd = fd[0];
	r->peer = fd[1];
	drive_init(&r->d);
	if (ukvmm_vm_add_net(r->d.vm, "net0", &c, &err))
		fail_msg("%s(%s): %s", err.call, err.object, err.text);
	close(fd[0]);
}

void rig_drive(struct net_rig *r, uint64_t features, uint32_t queue_size)
{
	r->queue_size = queue_size;
	drive_dev_up(&r->d, 0, NET_QUEUES, queue_size, features, &r->dev);
}

void rig_init(struct net_rig *r, int type, const struct ukvmm_net_config *config, uint64_t features)
{
	rig_make(r, type, config);
	drive_seal(&r->d);
	rig_drive(r, features, RIG_QUEUE);
}

void rig_fini(struct net_rig *r)
{
	if (r->peer >= 0)
		close(r->peer);
	drive_fini(&r->d);
}

struct virtio_net *rig_net(struct net_rig *r)
{
	return r->d.vm->device[0]->ctx;
}

struct front_stats rig_stats(struct net_rig *r)
{
	struct front_stats s;

	virtio_net_stats(rig_net(r), &s);
	return s;
}

void frame_fill(uint8_t *frame, size_t len, uint8_t seed)
{
	for (size_t i = 12; i < len; i++)
		frame[i] = (uint8_t)(seed + i * 3 + (i >> 8));
	memset(frame, 0xff, 6);
	memcpy(frame + 6, rig_mac, 6);
}

void frame_expect(const uint8_t *frame, size_t len, uint8_t seed)
{
	for (size_t i = 12; i < len; i++)
		if (frame[i] != (uint8_t)(seed + i * 3 + (i >> 8)))
			fail_msg("byte %zu of %zu is not that of frame %u", i, len, seed);
}

uint16_t rig_send(struct net_rig *r, const uint8_t *header, const uint8_t *frame, size_t len, uint32_t pieces)
{
	static const uint8_t zero[RIG_HEADER];
	struct drive_seg seg[64];
	size_t total = RIG_HEADER + len, at = 0;
	uint64_t gpa = drive_alloc(&r->d, total);
	uint8_t *p = drive_at(&r->d, gpa, total);

	memcpy(p, header ? header : zero, RIG_HEADER);
	memcpy(p + RIG_HEADER, frame, len);
	for (uint32_t i = 0; i < pieces; i++) {
		size_t n = i + 1 == pieces ? total - at : i == 0 && pieces == 2 ? RIG_HEADER : total / pieces;

		seg[i] = (struct drive_seg){ gpa + at, (uint32_t)n, false };
		at += n;
	}
	return drive_put(&r->dev, TX, seg, pieces);
}

int64_t rig_peer_recv(struct net_rig *r, uint8_t *frame, size_t room)
{
	uint32_t prefix;
	int type;
	socklen_t len = sizeof type;

	assert_int_equal(getsockopt(r->peer, SOL_SOCKET, SO_TYPE, &type, &len), 0);
	if (type != SOCK_STREAM)
		return recv(r->peer, frame, room, 0);
	if (recv(r->peer, &prefix, 4, MSG_PEEK) != 4)
		return -1;
	prefix = __builtin_bswap32(prefix);
	assert_true(prefix <= room);
	assert_int_equal(recv(r->peer, frame, 4, 0), 4);
	/* frames of these tests are handed over whole, or in a moment */
	for (uint32_t at = 0; at < prefix;) {
		ssize_t n = recv(r->peer, frame + at, prefix - at, 0);

		if (n < 0) {
			drive_poll(&r->d);
			continue;
		}
		at += (uint32_t)n;
	}
	return prefix;
}

struct peer_wait {
	struct net_rig *r;
	uint8_t frame[NET_BUFFER];
	int64_t len;
};

static bool peer_has(void *arg)
{
	struct peer_wait *w = arg;

	w->len = rig_peer_recv(w->r, w->frame, sizeof w->frame);
	return w->len >= 0;
}

void rig_peer_expect(struct net_rig *r, size_t len, uint8_t seed)
{
	static struct peer_wait w;

	w.r = r;
	drive_until(&r->d, peer_has, &w);
	assert_int_equal(w.len, len);
	frame_expect(w.frame, len, seed);
}

void rig_peer_send(struct net_rig *r, size_t len, uint8_t seed)
{
	static uint8_t frame[NET_BUFFER];
	uint32_t prefix = __builtin_bswap32((uint32_t)len);
	int type;
	socklen_t l = sizeof type;

	frame_fill(frame + 4, len, seed);
	memcpy(frame, &prefix, 4);
	assert_int_equal(getsockopt(r->peer, SOL_SOCKET, SO_TYPE, &type, &l), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(send(r->peer, frame, len + 4, MSG_NOSIGNAL), len + 4);
	else
		assert_int_equal(send(r->peer, frame + 4, len, MSG_NOSIGNAL), len);
}

uint16_t rig_offer(struct net_rig *r, uint32_t bytes)
{
	struct drive_seg seg = { drive_alloc(&r->d, bytes), bytes, true };
	uint16_t head = drive_put(&r->dev, RX, &seg, 1);

	r->rx_gpa[head] = seg.gpa;
	r->rx_bytes[head] = bytes;
	return head;
}

size_t rig_recv(struct net_rig *r, uint8_t *frame, uint32_t *buffers)
{
	static uint8_t whole[NET_BUFFER];
	uint32_t n = 1, at = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t len;
		int head = i ? drive_used(&r->dev, RX, &len) : drive_wait_used(&r->dev, RX, &len);

		assert_true(head >= 0); /* all buffers of a frame are there with the first */
		assert_true(len <= r->rx_bytes[head] && at + len <= sizeof whole);
		memcpy(whole + at, drive_at(&r->d, r->rx_gpa[head], r->rx_bytes[head]), len);
		if (!i) {
			if (!len)
				return 0;
			n = whole[10] | (uint32_t)whole[11] << 8;
			assert_in_range(n, 1, r->queue_size);
		}
		at += len;
	}
	if (buffers)
		*buffers = n;
	memcpy(frame, whole + RIG_HEADER, at - RIG_HEADER);
	return at - RIG_HEADER;
}

void rig_expect(struct net_rig *r, size_t len, uint8_t seed)
{
	static uint8_t frame[NET_BUFFER];

	assert_int_equal(rig_recv(r, frame, NULL), len);
	frame_expect(frame, len, seed);
}

int rig_ctrl(struct net_rig *r, const void *bytes, uint32_t len, bool with_ack)
{
	uint64_t gpa = drive_alloc(&r->d, len), ack = drive_alloc(&r->d, 1);
	struct drive_seg seg[2] = { { gpa, len, false }, { ack, 1, true } };
	uint32_t used;

	memcpy(drive_at(&r->d, gpa, len), bytes, len);
	*(uint8_t *)drive_at(&r->d, ack, 1) = 0xee;
	drive_put(&r->dev, CTRL, seg, with_ack ? 2 : 1);
	drive_kick(&r->dev, CTRL);
	drive_wait_used(&r->dev, CTRL, &used);
	assert_int_equal(used, with_ack);
	return with_ack ? *(uint8_t *)drive_at(&r->d, ack, 1) : -1;
}

void rig_settle(struct net_rig *r)
{
	struct pollfd p = { .fd = ukvmm_poller_fd(r->d.poller), .events = POLLIN };

	for (int i = 0; i < 10000; i++) {
		if (!poll(&p, 1, 0))
			return;
		drive_poll(&r->d);
	}
	fail_msg("the poller's fd never becomes quiet");
}
