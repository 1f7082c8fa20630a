/* SPDX-License-Identifier: Apache-2.0 */
/* Frames to the guest (virtio 1.2 §5.1.6.3). */
#include "net_front.h"

#include <errno.h>
#include <string.h>

enum {
	SANE_BUFFER = 1526,		/* §5.1.6.3.1: what a driver without mergeable buffers offers at least */
	GIVE_UP_NS = 100 * 1000 * 1000, /* how long a frame waits for the rest of its buffers */
};

struct room { /* chains popped for one frame */
	struct ukvmm_chain *chain[NET_MERGE_MAX];
	uint32_t n;
	uint64_t bytes;
};

static void room_return(struct virtio_net *n, struct room *r)
{
	while (r->n)
		virtio_queue_unpop(n->queue[NET_RXQ], r->chain[--r->n]);
}

/* -EAGAIN: the ring has less than `len` bytes; what there is was taken all the same. */
static int room_take(struct virtio_net *n, struct room *r, size_t len)
{
	bool merge = n->features & NET_F_MRG_RXBUF;
	uint32_t most = merge ? NET_MERGE_MAX : 1;

	while (r->bytes < len && r->n < most) {
		struct ukvmm_chain *chain = ukvmm_queue_pop(n->queue[NET_RXQ]);

		if (!chain)
			return -EAGAIN;
		r->chain[r->n++] = chain;
		r->bytes += ukvmm_chain_writable(chain);
	}
	return 0;
}

/* All that may be taken is, and too small. Buffers that a sound driver offers stay for the next frame; others would
 * be in the way of every one, so they go back empty. */
static void room_refuse(struct virtio_net *n, struct room *r)
{
	bool sound = !(n->features & NET_F_MRG_RXBUF) && r->bytes >= SANE_BUFFER;

	if (sound)
		room_return(n, r);
	else
		virtio_queue_push_all(n->queue[NET_RXQ], r->chain, r->n);
}

static void room_fill(struct virtio_net *n, struct room *r, size_t len)
{
	size_t at = 0;

	n->rx_buf[10] = (uint8_t)r->n; /* num_buffers, little-endian */
	n->rx_buf[11] = 0;
	for (uint32_t i = 0; i < r->n; i++)
		at += (size_t)ukvmm_chain_write(r->chain[i], n->rx_buf + at, len - at);
	/* at once: a driver that sees the first looks for the others */
	virtio_queue_push_all(n->queue[NET_RXQ], r->chain, r->n);
}

static void frame_done(struct virtio_net *n, bool delivered)
{
	if (delivered)
		net_count(&n->rx, n->rx_len - NET_HDR);
	else
		net_dropped(&n->rx);
	n->rx_len = 0;
	n->rx.paid = 0;
	n->rx_give_up = 0;
}

/* The frame in rx_buf. Returns how many chains that took; -EAGAIN: it waits. */
static int deliver(struct virtio_net *n)
{
	struct room room;
	int used;

	room.n = 0;
	room.bytes = 0;
	if (room_take(n, &room, n->rx_len)) {
		n->rx_waits = true;
		/* A driver with nothing more to give would make it wait for ever. */
		if (room.n && !n->rx_give_up)
			n->rx_give_up = ukvmm_now() + GIVE_UP_NS;
		room_return(n, &room);
		return -EAGAIN;
	}
	used = (int)room.n;
	if (room.bytes < n->rx_len) {
		room_refuse(n, &room);
		frame_done(n, false);
	} else {
		room_fill(n, &room, n->rx_len);
		frame_done(n, true);
	}
	return used;
}

/* Gets a frame that the guest is to see into rx_buf. -EAGAIN: none, or the link is gone; another error: not this
 * one, the next one perhaps. */
static int receive(struct virtio_net *n)
{
	int64_t len = n->backend->ops->recv(n->backend, n->rx_buf);

	if (len == -EPIPE) {
		n->link = false;
		return -EAGAIN;
	}
	if (len < 0) {
		if (len != -EAGAIN)
			net_dropped(&n->rx);
		return (int)len;
	}
	if (!net_header_to_guest(n->rx_buf, n->features)) {
		net_dropped(&n->rx);
		return -EBADMSG;
	}
	if (!net_filter_passes(&n->filter, n->mac, n->rx_buf + NET_HDR))
		return -EBADMSG;
	n->rx_len = (size_t)len;
	return 0;
}

/* false: nothing more can be done now. *cost: of what was done. */
static bool step(struct virtio_net *n, uint32_t *cost)
{
	int rc = n->rx_len ? 0 : receive(n);

	*cost = 1;
	if (rc)
		return rc != -EAGAIN;
	if (!net_rate_passes(&n->rx, n->rx_len - NET_HDR))
		return false;
	rc = deliver(n);
	if (rc > 1)
		*cost = (uint32_t)rc;
	return rc >= 0;
}

void net_rx_run(struct virtio_net *n, uint32_t budget)
{
	n->rx.more = false;
	if (!n->live || !n->link || n->rx_waits || n->rx.until)
		return;
	for (;;) {
		uint32_t cost;

		if (!step(n, &cost))
			break;
		if (cost >= budget) {
			n->rx.more = true;
			break;
		}
		budget -= cost;
	}
	ukvmm_queue_notify(n->queue[NET_RXQ]);
}

void net_rx_late(struct virtio_net *n)
{
	frame_done(n, false);
	n->rx_waits = false;
}
