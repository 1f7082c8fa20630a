/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame a packet over AF_UNIX SOCK_SEQPACKET or SOCK_DGRAM: another guest, or a test. One system call a frame:
 * sendmmsg and recvmmsg were measured to save 5 to 10 % of it, and would cost a copy.
 */
#include "backend.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "err.h"
#include "fd.h"

struct packet {
	struct net_backend b;
	bool gone;
};

static int sent(struct packet *p, ssize_t n)
{
	if (n >= 0)
		return 0;
	if (errno == EAGAIN) {
		p->b.wants_write = true;
		return -EAGAIN;
	}
	if (!net_peer_gone(errno))
		return -errno;
	p->gone = true;
	p->b.wants_write = false;
	return -EPIPE;
}

static int packet_send(struct net_backend *b, const uint8_t *buf, size_t len)
{
	struct packet *p = (struct packet *)b;

	if (p->gone)
		return -EPIPE;
	return sent(p, fd_send(b->fd, buf + NET_HDR, len - NET_HDR));
}

static int packet_sendv(struct net_backend *b, const struct iovec *iov, uint32_t pieces, size_t len)
{
	struct packet *p = (struct packet *)b;
	struct iovec frame[NET_PIECES];
	struct msghdr m = { .msg_iov = frame, .msg_iovlen = pieces };

	(void)len;
	if (p->gone)
		return -EPIPE;
	memcpy(frame, iov, pieces * sizeof *iov);
	frame[0].iov_base = (uint8_t *)frame[0].iov_base + NET_HDR;
	frame[0].iov_len -= NET_HDR;
	return sent(p, sendmsg(b->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static int packet_flush(struct net_backend *b)
{
	b->wants_write = false;
	return 0;
}

/* A read of nothing is the end, or an empty packet of a peer that is there or was. */
static int64_t empty_read(struct packet *p)
{
	struct pollfd state = { .fd = p->b.fd, .events = POLLRDHUP };
	int behind = 0;

	if (poll(&state, 1, 0) <= 0 || !(state.revents & (POLLRDHUP | POLLHUP | POLLERR)))
		return -EBADMSG;
	if (!ioctl(p->b.fd, SIOCINQ, &behind) && behind > 0)
		return -EBADMSG;
	p->gone = true;
	return -EPIPE;
}

static int64_t packet_recv(struct net_backend *b, uint8_t *buf)
{
	struct packet *p = (struct packet *)b;
	ssize_t n;

	if (p->gone)
		return -EPIPE;
	/* MSG_TRUNC: the packet's own length, so that a cut one is not taken for a frame */
	n = fd_recv(b->fd, buf + NET_HDR, NET_FRAME_MAX, MSG_TRUNC);
	if (n == 0)
		return empty_read(p);
	if (n < 0) {
		p->gone = net_peer_gone(errno);
		return p->gone ? -EPIPE : -errno;
	}
	if (n < NET_FRAME_MIN)
		return -EBADMSG;
	if (n > NET_FRAME_MAX)
		return -EMSGSIZE;
	net_header_plain(buf);
	return NET_HDR + n;
}

static int packet_offload(struct net_backend *b, uint32_t which)
{
	(void)b;
	return which ? -ENOTSUP : 0;
}

static int packet_rebind(struct net_backend *b, int fd)
{
	int copy = net_socket_dup(fd, SOCK_SEQPACKET, SOCK_DGRAM, "net", NULL);

	if (copy < 0)
		return copy;
	fd_close(b->fd);
	b->fd = copy;
	b->wants_write = ((struct packet *)b)->gone = false;
	return 0;
}

static void packet_close(struct net_backend *b)
{
	fd_close(b->fd);
	free(b);
}

static const struct net_ops packet_ops = { packet_send, packet_sendv, packet_flush, packet_recv, packet_offload,
	packet_rebind, packet_close };

int net_packet(struct net_backend **out, int fd, const char *object, struct ukvmm_err *err)
{
	int copy = net_socket_dup(fd, SOCK_SEQPACKET, SOCK_DGRAM, object, err);
	struct packet *p;

	*out = NULL;
	if (copy < 0)
		return copy;
	p = calloc(1, sizeof *p);
	if (!p) {
		fd_close(copy);
		return err_set(err, -ENOMEM, "calloc", object, "out of memory");
	}
	p->b.ops = &packet_ops;
	p->b.fd = copy;
	*out = &p->b;
	return 0;
}
