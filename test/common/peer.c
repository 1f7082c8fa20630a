/* SPDX-License-Identifier: Apache-2.0 */
#include "peer.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io_proto.h"

enum { BATCH = 64, SLOT = 1 << 16, IN_BYTES = BATCH * SLOT, IOV = 2 };

struct out { /* one frame on its way: its head is its own, its payload somebody else's */
	uint32_t length; /* big-endian */
	uint8_t head[sizeof(struct io_frame)];
	struct iovec iov[IOV];
};

struct peer {
	enum peer_kind kind;
	int fd, stop;
	pthread_t thread;
	uint8_t *in; /* IN_BYTES */
	size_t in_len;
	struct mmsghdr in_msg[BATCH];
	struct iovec in_iov[BATCH];
	struct sockaddr_un from;
	bool connected;
	struct out out[BATCH];
	unsigned int out_n;
	uint8_t *payload;
	uint32_t rx_seq, rx_bad, tx_seq;
	struct peer_stats stats;
};

/* ---- sending ---- */

static void send_stream(struct peer *p)
{
	struct iovec iov[BATCH * IOV];
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = p->out_n * IOV };
	ssize_t n;

	for (unsigned int i = 0; i < p->out_n; i++)
		memcpy(iov + i * IOV, p->out[i].iov, sizeof p->out[i].iov);
	while (m.msg_iovlen > 0) {
		n = sendmsg(p->fd, &m, MSG_NOSIGNAL);
		p->stats.writes++;
		if (n < 0)
			return; /* the other side is gone: the next read says so */
		while (m.msg_iovlen > 0 && (size_t)n >= m.msg_iov->iov_len) {
			n -= (ssize_t)m.msg_iov->iov_len;
			m.msg_iov++;
			m.msg_iovlen--;
		}
		if (m.msg_iovlen > 0) {
			m.msg_iov->iov_base = (uint8_t *)m.msg_iov->iov_base + n;
			m.msg_iov->iov_len -= (size_t)n;
		}
	}
}

static void send_packets(struct peer *p)
{
	struct mmsghdr m[BATCH] = { 0 };
	unsigned int sent = 0;
	int n;

	for (unsigned int i = 0; i < p->out_n; i++) {
		m[i].msg_hdr.msg_iov = p->out[i].iov;
		m[i].msg_hdr.msg_iovlen = IOV;
	}
	while (sent < p->out_n) {
		n = sendmmsg(p->fd, m + sent, p->out_n - sent, MSG_NOSIGNAL);
		p->stats.writes++;
		if (n < 0 && errno == ENOBUFS)
			continue; /* an interface's queue is full for the moment */
		if (n < 0)
			return;
		sent += (unsigned int)n;
	}
}

static void flush(struct peer *p)
{
	if (p->out_n == 0)
		return;
	p->stats.frames_out += p->out_n;
	if (p->kind != PEER_PACKET)
		send_stream(p);
	else
		send_packets(p);
	p->out_n = 0;
}

/* An answer to `f`: same kind of frame, addresses exchanged. `payload` stays until the flush. */
static void answer(struct peer *p, const struct io_frame *f, enum io_op op, uint32_t seq, uint32_t count,
	const void *payload, uint32_t bytes)
{
	struct out *o = &p->out[p->out_n++];
	struct io_frame head = *f;

	memcpy(head.dst, f->src, sizeof head.dst);
	memcpy(head.src, f->dst, sizeof head.src);
	head.op = (uint16_t)op;
	head.seq = seq;
	head.count = count;
	memcpy(o->head, &head, sizeof o->head);
	o->length = htonl(bytes);
	o->iov[0] = (struct iovec){ o->head, sizeof o->head };
	if (p->kind != PEER_PACKET)
		o->iov[0] = (struct iovec){ &o->length, sizeof o->length + sizeof o->head };
	o->iov[1] = (struct iovec){ (void *)(uintptr_t)payload, bytes - sizeof head };
	if (p->out_n == BATCH)
		flush(p);
}

/* ---- receiving ---- */

static void count_data(struct peer *p, const struct io_frame *f, const uint8_t *frame, uint32_t bytes)
{
	if (f->seq != p->rx_seq || f->size != bytes || !io_intact(frame, f->seq, bytes))
		p->rx_bad++;
	p->rx_seq++;
	if (f->count)
		answer(p, f, IO_ACK, p->rx_seq, p->rx_bad, p->payload, IO_FRAME_MIN);
}

static void send_data(struct peer *p, const struct io_frame *f)
{
	if (f->size < IO_FRAME_MIN || f->size > IO_FRAME_MAX)
		return;
	for (uint32_t i = 0; i < f->count && i < 4096; i++)
		answer(p, f, IO_DATA, p->tx_seq++, 0, p->payload, f->size);
}

static void take_frame(struct peer *p, const uint8_t *frame, uint32_t bytes)
{
	struct io_frame f;

	if (bytes < IO_FRAME_MIN || bytes > IO_FRAME_MAX)
		return;
	memcpy(&f, frame, sizeof f);
	if (f.ethertype[0] != IO_ETHERTYPE >> 8 || f.ethertype[1] != (IO_ETHERTYPE & 0xff))
		return;
	p->stats.frames_in++;
	switch (f.op) {
	case IO_HELLO:
		p->rx_seq = p->rx_bad = p->tx_seq = 0;
		answer(p, &f, IO_READY, 0, 0, p->payload, IO_FRAME_MIN);
		break;
	case IO_ECHO:
		answer(p, &f, IO_ECHOED, f.seq, f.count, frame + sizeof f, bytes);
		break;
	case IO_DATA:
		count_data(p, &f, frame, bytes);
		break;
	case IO_SEND:
		send_data(p, &f);
		break;
	default:
		break;
	}
}

/* False: peer_stop was called. */
static bool wait_for_more(struct peer *p)
{
	struct pollfd fds[] = { { .fd = p->fd, .events = POLLIN }, { .fd = p->stop, .events = POLLIN } };

	return poll(fds, 2, -1) > 0 && !fds[1].revents;
}

static bool read_stream(struct peer *p)
{
	ssize_t n = recv(p->fd, p->in + p->in_len, IN_BYTES - p->in_len, MSG_DONTWAIT);
	size_t at = 0;
	uint32_t len;

	p->stats.reads++;
	if (n < 0 && errno == EAGAIN)
		return wait_for_more(p);
	if (n <= 0)
		return false;
	p->in_len += (size_t)n;
	while (p->in_len - at >= sizeof len) {
		memcpy(&len, p->in + at, sizeof len);
		len = ntohl(len);
		if (len > SLOT)
			errx(2, "peer: a frame of %u bytes", len);
		if (p->in_len - at - sizeof len < len)
			break;
		take_frame(p, p->in + at + sizeof len, len);
		at += sizeof len + len;
	}
	flush(p);
	memmove(p->in, p->in + at, p->in_len - at);
	p->in_len -= at;
	return true;
}

static void connect_back(struct peer *p)
{
	p->connected = true;
	if (p->in_msg[0].msg_hdr.msg_namelen <= sizeof(sa_family_t) || p->from.sun_family != AF_UNIX)
		return;
	if (connect(p->fd, (struct sockaddr *)&p->from, p->in_msg[0].msg_hdr.msg_namelen) < 0)
		err(2, "peer: connect %s", p->from.sun_path);
}

static bool read_packets(struct peer *p)
{
	int n;

	if (!p->connected)
		p->in_msg[0].msg_hdr = (struct msghdr){ .msg_name = &p->from, .msg_namelen = sizeof p->from,
			.msg_iov = p->in_iov, .msg_iovlen = 1 };
	n = recvmmsg(p->fd, p->in_msg, p->connected ? BATCH : 1, MSG_DONTWAIT, NULL);
	p->stats.reads++;
	if (n < 0 && (errno == EAGAIN || errno == ECONNREFUSED))
		return wait_for_more(p);
	if (n <= 0 || p->in_msg[0].msg_len == 0) /* the end of a SOCK_SEQPACKET */
		return false;
	if (!p->connected)
		connect_back(p);
	p->in_msg[0].msg_hdr.msg_name = NULL;
	p->in_msg[0].msg_hdr.msg_namelen = 0;
	for (int i = 0; i < n; i++)
		take_frame(p, p->in + (size_t)i * SLOT, p->in_msg[i].msg_len);
	flush(p);
	return true;
}

static bool take_connection(struct peer *p)
{
	int fd;

	if (!wait_for_more(p))
		return false;
	fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		err(2, "peer: accept");
	close(p->fd);
	p->fd = fd;
	return true;
}

static void *peer_main(void *arg)
{
	struct peer *p = arg;

	if (p->kind == PEER_LISTENER && !take_connection(p))
		return NULL;
	while (p->kind == PEER_PACKET ? read_packets(p) : read_stream(p))
		;
	return NULL;
}

struct peer *peer_start(enum peer_kind kind, int fd)
{
	struct peer *p = calloc(1, sizeof *p);
	struct io_frame *template = calloc(1, SLOT);

	if (!p || !template)
		errx(2, "out of memory");
	p->kind = kind;
	p->fd = fd;
	p->stop = eventfd(0, EFD_CLOEXEC);
	p->in = malloc(IN_BYTES);
	if (p->stop < 0 || !p->in)
		errx(2, "out of memory");
	io_fill(template, SLOT);
	p->payload = (uint8_t *)template + sizeof *template;
	for (unsigned int i = 0; i < BATCH; i++) {
		p->in_iov[i] = (struct iovec){ p->in + (size_t)i * SLOT, SLOT };
		p->in_msg[i].msg_hdr = (struct msghdr){ .msg_iov = &p->in_iov[i], .msg_iovlen = 1 };
	}
	if (pthread_create(&p->thread, NULL, peer_main, p))
		errx(2, "pthread_create");
	return p;
}

void peer_stop(struct peer *p, struct peer_stats *stats)
{
	eventfd_write(p->stop, 1);
	pthread_join(p->thread, NULL);
	if (stats)
		*stats = p->stats;
	close(p->fd);
	close(p->stop);
	free(p->payload - sizeof(struct io_frame));
	free(p->in);
	free(p);
}
