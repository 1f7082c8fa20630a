/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a stream. */
#include "vsock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "fd.h"

static bool evictable(const struct vsock_stream *s)
{
	return s->state == VSOCK_CLOSING || s->state == VSOCK_DYING;
}

bool vsock_reserve(struct virtio_vsock *v)
{
	if (atomic_fetch_add(&v->reserved, 1) < VSOCK_STREAMS)
		return true;
	atomic_fetch_sub(&v->reserved, 1);
	return false;
}

/* A slot is there for everyone who has reserved: those that only wait for the guest's or for our RST give way. If one
 * of them still talks it is unknown, and hears RST then. */
static struct vsock_stream *slot(struct virtio_vsock *v)
{
	struct vsock_stream *oldest = NULL;

	if (~v->used)
		return &v->stream[__builtin_ctzll(~v->used)];
	for (uint32_t i = 0; i < VSOCK_STREAMS; i++) {
		struct vsock_stream *s = &v->stream[i];

		if (evictable(s) && (!oldest || (int32_t)(s->since - oldest->since) < 0))
			oldest = s;
	}
	vsock_stream_free(v, oldest);
	return oldest;
}

struct vsock_stream *vsock_stream_new(struct virtio_vsock *v, int fd, enum vsock_state state)
{
	struct vsock_stream *s = slot(v);

	*s = (struct vsock_stream){ .state = state, .fd = fd };
	/* edges, so that a stream that waits for the guest costs no system call to be silenced */
	if (ukvmm_device_watch(v->dev, fd, EPOLLIN | EPOLLRDHUP | EPOLLET, stream_index(v, s))) {
		fd_close(fd);
		s->state = VSOCK_FREE;
		atomic_fetch_sub(&v->reserved, 1);
		return NULL;
	}
	v->used |= stream_bit(v, s);
	v->readable |= stream_bit(v, s);
	return s;
}

/* Would a packet of the guest mean this one? */
static bool matches(const struct vsock_stream *s, uint32_t host_port, uint32_t guest_port)
{
	return s->host_port == host_port && s->guest_port == guest_port && s->state != VSOCK_FREE &&
		s->state != VSOCK_HELD && s->state != VSOCK_LINGER;
}

struct vsock_stream *vsock_stream_find(struct virtio_vsock *v, uint32_t host_port, uint32_t guest_port)
{
	if (matches(&v->stream[v->last_found], host_port, guest_port))
		return &v->stream[v->last_found];
	for (uint64_t left = v->used; left; left &= left - 1) {
		uint32_t i = (uint32_t)__builtin_ctzll(left);

		if (!matches(&v->stream[i], host_port, guest_port))
			continue;
		v->last_found = i;
		return &v->stream[i];
	}
	return NULL;
}

uint32_t vsock_port_new(struct virtio_vsock *v, uint32_t guest_port)
{
	/* at most VSOCK_STREAMS of them can be taken: by the guest's own connects to such a port */
	for (;;) {
		uint32_t port = VSOCK_PORT_FIRST | (v->next_port++ & (VSOCK_PORT_FIRST - 1));

		if (!vsock_stream_find(v, port, guest_port))
			return port;
	}
}

void vsock_want(struct virtio_vsock *v, struct vsock_stream *s, enum vsock_op op)
{
	s->wants |= 1u << op;
	v->wants |= stream_bit(v, s);
}

void vsock_fd_close(struct virtio_vsock *v, int *fd)
{
	if (*fd < 0)
		return;
	if (v->dev)
		ukvmm_device_watch(v->dev, *fd, 0, 0);
	*fd = fd_close(*fd);
}

/* No socket, no data: what is left are words to the guest. */
static void detach(struct virtio_vsock *v, struct vsock_stream *s)
{
	vsock_fd_close(v, &s->fd);
	free(s->ring);
	s->ring = NULL;
	s->ring_len = 0;
	v->readable &= ~stream_bit(v, s);
	if (v->data.len && v->data.stream == stream_index(v, s))
		v->data.len = 0;
}

void vsock_stream_free(struct virtio_vsock *v, struct vsock_stream *s)
{
	detach(v, s);
	if (!evictable(s))
		atomic_fetch_sub(&v->reserved, 1);
	v->used &= ~stream_bit(v, s);
	v->wants &= ~stream_bit(v, s);
	s->state = VSOCK_FREE;
}

/* Only waits for a word from here on. */
static void become(struct virtio_vsock *v, struct vsock_stream *s, enum vsock_state state)
{
	if (!evictable(s))
		atomic_fetch_sub(&v->reserved, 1);
	s->state = state;
	s->since = v->clock++;
}

void vsock_stream_kill(struct virtio_vsock *v, struct vsock_stream *s)
{
	if (s->state == VSOCK_HELD || s->state == VSOCK_LINGER) { /* the guest knows of none */
		vsock_stream_free(v, s);
		return;
	}
	detach(v, s);
	become(v, s, VSOCK_DYING);
	s->wants = 0;
	vsock_want(v, s, VSOCK_RST);
}

void vsock_stream_host_gone(struct virtio_vsock *v, struct vsock_stream *s)
{
	if (s->state != VSOCK_OPEN || s->guest_shut == VSOCK_SHUT_BOTH) {
		vsock_stream_kill(v, s);
		return;
	}
	detach(v, s);
	become(v, s, VSOCK_CLOSING);
	s->host_shut = VSOCK_SHUT_BOTH;
	vsock_want(v, s, VSOCK_SHUTDOWN);
}

void vsock_stream_guest_shut(struct virtio_vsock *v, struct vsock_stream *s)
{
	if (s->guest_shut & VSOCK_SHUT_RCV && s->fd >= 0) {
		v->readable &= ~stream_bit(v, s);
		if (v->data.stream == stream_index(v, s))
			v->data.len = 0;
		shutdown(s->fd, SHUT_RD);
	}
	if (!(s->guest_shut & VSOCK_SHUT_SEND) || s->ring_len)
		return;
	if (s->guest_shut == VSOCK_SHUT_BOTH || s->state == VSOCK_LINGER)
		vsock_stream_kill(v, s);
	else if (s->fd >= 0)
		shutdown(s->fd, SHUT_WR);
}

/* Nothing more comes, and nothing waits to be read. */
static bool deserted(const struct vsock_stream *s)
{
	int waiting = 0;

	return s->hup && (ioctl(s->fd, FIONREAD, &waiting) || !waiting);
}

void vsock_stream_event(struct virtio_vsock *v, struct vsock_stream *s, uint32_t events)
{
	if (events & (EPOLLHUP | EPOLLERR))
		s->hup = true;
	if ((s->state == VSOCK_HELD || s->state == VSOCK_REQUESTED) && deserted(s)) {
		vsock_stream_kill(v, s);
		return;
	}
	if (!(s->guest_shut & VSOCK_SHUT_RCV))
		v->readable |= stream_bit(v, s);
	if (s->ring_len && events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		vsock_out_drain(v, s);
	/* nobody reads on, who would notice the end */
	if (s->state == VSOCK_OPEN && s->hup && s->guest_shut & VSOCK_SHUT_RCV)
		vsock_stream_host_gone(v, s);
}

void vsock_forget(struct virtio_vsock *v)
{
	for (uint64_t left = v->used; left; left &= left - 1) {
		struct vsock_stream *s = &v->stream[__builtin_ctzll(left)];

		if (s->state != VSOCK_HELD && s->state != VSOCK_LINGER)
			vsock_stream_free(v, s);
	}
	v->rst_len = v->data.len = 0;
	v->tx_waits = false;
}
