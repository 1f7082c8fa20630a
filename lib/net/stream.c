/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames behind a 4-byte big-endian length over an AF_UNIX stream, as passt and QEMU's stream have it. Both ways go
 * through a buffer, so a batch of frames costs one system call. The peer is hostile: a length that no frame has ends
 * the connection, since what follows it cannot be told apart any more.
 */
#include "backend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "err.h"
#include "fd.h"

enum {
	PREFIX = 4,
	RX_BYTES = 256 << 10,
	TX_BYTES = 512 << 10,
	TX_ENOUGH = 64 << 10, /* handed over without waiting for the rest of a batch: the peer starts meanwhile */
};

struct bytes { /* [at, end) of a buffer are waiting */
	uint8_t *data;
	uint32_t at, end;
};

struct stream {
	struct net_backend b;
	struct bytes rx, tx;
	bool gone;
	bool drained; /* the last read was short: another one would find nothing */
	uint8_t buffers[RX_BYTES + TX_BYTES]; /* resident as far as they were ever filled */
};

static uint32_t waiting(const struct bytes *q)
{
	return q->end - q->at;
}

/* To the front, where the buffer is resident already. */
static void compact(struct bytes *q)
{
	if (q->at && q->at != q->end)
		memmove(q->data, q->data + q->at, waiting(q));
	q->end -= q->at;
	q->at = 0;
}

static int stream_ends(struct stream *s)
{
	s->gone = true;
	s->b.wants_write = false;
	s->tx.at = s->tx.end = 0;
	return -EPIPE;
}

static int stream_flush(struct net_backend *b)
{
	struct stream *s = (struct stream *)b;

	while (!s->gone && waiting(&s->tx)) {
		ssize_t n = fd_send(b->fd, s->tx.data + s->tx.at, waiting(&s->tx));

		if (n < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)) {
			b->wants_write = true;
			return -EAGAIN;
		}
		if (n <= 0) {
			stream_ends(s);
			break;
		}
		s->tx.at += (uint32_t)n;
	}
	s->tx.at = s->tx.end = 0;
	b->wants_write = false;
	return 0;
}

static bool tx_room(struct stream *s, size_t need)
{
	if (TX_BYTES - s->tx.end >= need)
		return true;
	/* not while the socket is full: that would move the same bytes for every frame that finds no room */
	if (s->b.wants_write && s->tx.at < TX_BYTES / 2)
		return false;
	if (!s->b.wants_write)
		stream_flush(&s->b);
	compact(&s->tx);
	return TX_BYTES - s->tx.end >= need;
}

static int stream_sendv(struct net_backend *b, const struct iovec *iov, uint32_t pieces, size_t len)
{
	struct stream *s = (struct stream *)b;
	uint32_t frame = (uint32_t)(len - NET_HDR);
	uint32_t prefix = __builtin_bswap32(frame);
	uint8_t *to;

	if (s->gone)
		return -EPIPE;
	if (!tx_room(s, PREFIX + frame)) {
		b->wants_write = true;
		return -EAGAIN;
	}
	if (s->gone)
		return -EPIPE;
	to = s->tx.data + s->tx.end;
	memcpy(to, &prefix, PREFIX);
	to += PREFIX;
	for (uint32_t i = 0; i < pieces; i++) {
		size_t skip = i ? 0 : NET_HDR, n = iov[i].iov_len - skip;

		memcpy(to, (const uint8_t *)iov[i].iov_base + skip, n);
		to += n;
	}
	s->tx.end += PREFIX + frame;
	if (!b->wants_write && waiting(&s->tx) >= TX_ENOUGH)
		stream_flush(b);
	return 0;
}

static int stream_send(struct net_backend *b, const uint8_t *buf, size_t len)
{
	struct iovec all = { (void *)(uintptr_t)buf, len };

	return stream_sendv(b, &all, 1, len);
}

/* The frame at the head of the buffer, if it is all there. */
static int64_t frame_take(struct stream *s, uint8_t *buf)
{
	uint32_t frame;

	if (waiting(&s->rx) < PREFIX)
		return -EAGAIN;
	memcpy(&frame, s->rx.data + s->rx.at, PREFIX);
	frame = __builtin_bswap32(frame);
	if (frame > NET_FRAME_MAX)
		return stream_ends(s);
	if (waiting(&s->rx) < PREFIX + frame)
		return -EAGAIN;
	if (frame >= NET_FRAME_MIN) {
		net_header_plain(buf);
		memcpy(buf + NET_HDR, s->rx.data + s->rx.at + PREFIX, frame);
	}
	s->rx.at += PREFIX + frame;
	return frame >= NET_FRAME_MIN ? NET_HDR + (int64_t)frame : -EBADMSG;
}

/* One read of what fits. There is always room: at most a part of one frame is waiting. */
static int64_t fill(struct stream *s)
{
	uint32_t room;
	ssize_t n;

	if (s->drained) {
		s->drained = false;
		return -EAGAIN;
	}
	if (!waiting(&s->rx) || RX_BYTES - s->rx.at < PREFIX + NET_FRAME_MAX)
		compact(&s->rx);
	room = RX_BYTES - s->rx.end;
	n = fd_recv(s->b.fd, s->rx.data + s->rx.end, room, 0);
	if (n < 0 && !net_peer_gone(errno))
		return -EAGAIN;
	if (n <= 0)
		return stream_ends(s);
	s->rx.end += (uint32_t)n;
	s->drained = (uint32_t)n < room;
	return 0;
}

static int64_t stream_recv(struct net_backend *b, uint8_t *buf)
{
	struct stream *s = (struct stream *)b;
	int64_t rc;

	if (s->gone)
		return -EPIPE;
	rc = frame_take(s, buf);
	if (rc != -EAGAIN)
		return rc;
	rc = fill(s);
	/* One read a call: a peer that sends single bytes gets its turns, but does not keep us here. */
	return rc ? rc : frame_take(s, buf);
}

static int stream_offload(struct net_backend *b, uint32_t which)
{
	(void)b;
	return which ? -ENOTSUP : 0;
}

static void stream_start(struct stream *s, int fd)
{
	s->b.fd = fd;
	s->b.wants_write = s->gone = s->drained = false;
	s->rx = (struct bytes){ .data = s->buffers };
	s->tx = (struct bytes){ .data = s->buffers + RX_BYTES };
}

static int stream_rebind(struct net_backend *b, int fd)
{
	int copy = net_socket_dup(fd, SOCK_STREAM, SOCK_STREAM, "net", NULL);

	if (copy < 0)
		return copy;
	fd_close(b->fd);
	stream_start((struct stream *)b, copy);
	return 0;
}

static void stream_close(struct net_backend *b)
{
	fd_close(b->fd);
	free(b);
}

static const struct net_ops stream_ops = { stream_send, stream_sendv, stream_flush, stream_recv, stream_offload,
	stream_rebind, stream_close };

int net_stream(struct net_backend **out, int fd, const char *object, struct ukvmm_err *err)
{
	int copy = net_socket_dup(fd, SOCK_STREAM, SOCK_STREAM, object, err);
	struct stream *s;

	*out = NULL;
	if (copy < 0)
		return copy;
	s = malloc(sizeof *s);
	if (!s) {
		fd_close(copy);
		return err_set(err, -ENOMEM, "malloc", object, "out of memory");
	}
	s->b = (struct net_backend){ .ops = &stream_ops };
	stream_start(s, copy);
	*out = &s->b;
	return 0;
}
