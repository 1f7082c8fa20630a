/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest sends, on its way to the host's sockets. */
#include "vsock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "fd.h"

/* errno says why the socket took nothing. A peer that does not read may still write: only that half ends. */
static void send_failed(struct virtio_vsock *v, struct vsock_stream *s)
{
	if (s->state == VSOCK_LINGER || (errno != EPIPE && errno != ECONNRESET)) {
		vsock_stream_kill(v, s);
		return;
	}
	s->forwarded += s->ring_len;
	s->ring_len = 0;
	if (!(s->host_shut & VSOCK_SHUT_RCV) && s->state == VSOCK_OPEN) {
		s->host_shut |= VSOCK_SHUT_RCV;
		vsock_want(v, s, VSOCK_SHUTDOWN);
	}
	vsock_stream_guest_shut(v, s);
}

void vsock_out_credit(struct virtio_vsock *v, struct vsock_stream *s)
{
	uint32_t news = s->forwarded - s->told;

	/* what the guest believes is free */
	if (VSOCK_BUFFER - (s->received - s->told) >= VSOCK_BUFFER / 2 || !news)
		return;
	if (!s->ring_len || news >= VSOCK_BUFFER / 8)
		vsock_want(v, s, VSOCK_CREDIT_UPDATE);
}

static void watch_out(struct virtio_vsock *v, struct vsock_stream *s, bool on)
{
	if (s->out_watched == on)
		return;
	s->out_watched = on;
	/* changes the events of a watch that is there, which takes no memory */
	ukvmm_device_watch(v->dev, s->fd, EPOLLIN | EPOLLRDHUP | EPOLLET | (on ? (uint32_t)EPOLLOUT : 0),
		stream_index(v, s));
}

/* Behind what is there already: the credit says that it fits. */
static void ring_put(struct virtio_vsock *v, struct vsock_stream *s, const uint8_t *bytes, uint32_t len)
{
	uint32_t at, run;

	if (!s->ring) {
		s->ring = malloc(VSOCK_BUFFER);
		s->ring_head = 0;
	}
	if (!s->ring || len > VSOCK_BUFFER - s->ring_len) {
		vsock_stream_kill(v, s);
		return;
	}
	at = (s->ring_head + s->ring_len) % VSOCK_BUFFER;
	run = len < VSOCK_BUFFER - at ? len : VSOCK_BUFFER - at;
	memcpy(s->ring + at, bytes, run);
	memcpy(s->ring, bytes + run, len - run);
	s->ring_len += len;
	watch_out(v, s, true);
}

void vsock_out(struct virtio_vsock *v, struct vsock_stream *s, const uint8_t *bytes, uint32_t len)
{
	ssize_t n = 0;

	if (s->fd < 0 || s->host_shut & VSOCK_SHUT_RCV) {
		s->forwarded += len;
		return;
	}
	if (!s->ring_len) {
		n = fd_send(s->fd, bytes, len);
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			s->forwarded += len; /* to nowhere */
			send_failed(v, s);
			return;
		}
		n = n < 0 ? 0 : n;
	}
	s->forwarded += (uint32_t)n;
	if ((uint32_t)n < len)
		ring_put(v, s, bytes + n, len - (uint32_t)n);
}

/* Both runs of the ring in one call. */
static ssize_t ring_send(const struct vsock_stream *s)
{
	uint32_t run = VSOCK_BUFFER - s->ring_head;
	struct iovec iov[2];
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	if (run > s->ring_len)
		run = s->ring_len;
	iov[0] = (struct iovec){ s->ring + s->ring_head, run };
	iov[1] = (struct iovec){ s->ring, s->ring_len - run };
	return sendmsg(s->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void vsock_out_drain(struct virtio_vsock *v, struct vsock_stream *s)
{
	while (s->ring_len) {
		ssize_t n = ring_send(s);

		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			send_failed(v, s);
			return;
		}
		s->ring_head = (s->ring_head + (uint32_t)n) % VSOCK_BUFFER;
		s->ring_len -= (uint32_t)n;
		s->forwarded += (uint32_t)n;
	}
	watch_out(v, s, s->ring_len > 0);
	if (s->state == VSOCK_OPEN)
		vsock_out_credit(v, s);
	if (!s->ring_len && s->guest_shut)
		vsock_stream_guest_shut(v, s);
}
