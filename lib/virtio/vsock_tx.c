/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of the guest. The header was copied once; len is held against what is in the chain, and against the credit
 * that we gave. */
#include "vsock.h"

#include <stdio.h>
#include <sys/socket.h>

#include "fd.h"

static bool for_us(const struct virtio_vsock *v, const struct vsock_header *h)
{
	return h->src_cid == v->cid && h->dst_cid == VSOCK_CID_HOST && h->type == VSOCK_TYPE_STREAM;
}

/* Nobody answers a RST. There is room: vsock_tx sees to it. */
static void refuse(struct virtio_vsock *v, const struct vsock_header *h)
{
	if (h->op != VSOCK_RST)
		vsock_rst_add(v, h);
}

static void credit_heard(struct vsock_stream *s, const struct vsock_header *h)
{
	if (h->buf_alloc == s->peer_alloc && h->fwd_cnt == s->peer_fwd)
		return;
	s->peer_alloc = h->buf_alloc;
	s->peer_fwd = h->fwd_cnt;
	s->credit_asked = false;
}

static void on_request(struct virtio_vsock *v, const struct vsock_header *h)
{
	struct vsock_stream *s;
	int fd;

	if (!vsock_reserve(v)) {
		refuse(v, h);
		return;
	}
	fd = vsock_host_connect(v, h->dst_port);
	if (fd < 0) {
		atomic_fetch_sub(&v->reserved, 1);
		refuse(v, h);
		return;
	}
	s = vsock_stream_new(v, fd, VSOCK_OPEN);
	if (!s) {
		refuse(v, h);
		return;
	}
	s->host_port = h->dst_port;
	s->guest_port = h->src_port;
	credit_heard(s, h);
	vsock_want(v, s, VSOCK_RESPONSE);
}

static void on_response(struct virtio_vsock *v, struct vsock_stream *s)
{
	char line[VSOCK_LINE];
	int len;

	if (s->state != VSOCK_REQUESTED) {
		vsock_stream_kill(v, s);
		return;
	}
	s->state = VSOCK_OPEN;
	if (!s->announce)
		return;
	len = snprintf(line, sizeof line, "OK %u\n", s->host_port);
	/* the first bytes of a socket always fit */
	if (fd_send(s->fd, line, (size_t)len) != len)
		vsock_stream_kill(v, s);
}

/* An end that follows data waits until the host has taken that; what the guest did not end properly is cut off. */
static void on_rst(struct virtio_vsock *v, struct vsock_stream *s)
{
	if (s->state != VSOCK_OPEN || !s->ring_len || !(s->guest_shut & VSOCK_SHUT_SEND)) {
		vsock_stream_free(v, s);
		return;
	}
	s->state = VSOCK_LINGER;
	s->wants = 0;
	s->guest_shut = VSOCK_SHUT_BOTH;
	vsock_stream_guest_shut(v, s);
}

static void on_shutdown(struct virtio_vsock *v, struct vsock_stream *s, uint32_t flags)
{
	if (s->state == VSOCK_REQUESTED) {
		vsock_stream_kill(v, s);
		return;
	}
	s->guest_shut |= flags & VSOCK_SHUT_BOTH;
	vsock_stream_guest_shut(v, s);
}

static void on_data(struct virtio_vsock *v, struct vsock_stream *s, struct ukvmm_chain *chain, uint32_t len)
{
	uint8_t *piece = v->buf + VSOCK_HEAD + VSOCK_PIECE;

	if (s->state == VSOCK_REQUESTED || s->guest_shut & VSOCK_SHUT_SEND || len > ukvmm_chain_readable(chain) ||
		len > VSOCK_BUFFER - (s->received - s->forwarded)) {
		vsock_stream_kill(v, s);
		return;
	}
	s->received += len;
	while (len && (s->state == VSOCK_OPEN || s->state == VSOCK_CLOSING)) {
		uint32_t n = len < VSOCK_PIECE ? len : VSOCK_PIECE;

		/* short: the driver has reset the device meanwhile, and the stream is about to end */
		if (ukvmm_chain_read(chain, piece, n) != n)
			return;
		vsock_out(v, s, piece, n);
		len -= n;
	}
	if (s->state == VSOCK_OPEN)
		vsock_out_credit(v, s);
}

static void on_stream(struct virtio_vsock *v, struct vsock_stream *s, const struct vsock_header *h,
	struct ukvmm_chain *chain)
{
	if (s->state == VSOCK_DYING) { /* RST is on its way, and enough */
		if (h->op == VSOCK_RST)
			vsock_stream_free(v, s);
		return;
	}
	credit_heard(s, h);
	switch (h->op) {
	case VSOCK_RESPONSE:
		on_response(v, s);
		break;
	case VSOCK_RST:
		on_rst(v, s);
		break;
	case VSOCK_SHUTDOWN:
		on_shutdown(v, s, h->flags);
		break;
	case VSOCK_RW:
		on_data(v, s, chain, h->len);
		break;
	case VSOCK_CREDIT_UPDATE:
		break;
	case VSOCK_CREDIT_REQUEST:
		vsock_want(v, s, VSOCK_CREDIT_UPDATE);
		break;
	default: /* a REQUEST among them: the guest has lost count */
		vsock_stream_kill(v, s);
	}
}

static void packet(struct virtio_vsock *v, struct ukvmm_chain *chain)
{
	struct vsock_stream *s;
	struct vsock_header h;

	/* without a header there is nobody to answer */
	if (ukvmm_chain_read(chain, &h, sizeof h) != sizeof h)
		return;
	if (!for_us(v, &h)) {
		refuse(v, &h);
		return;
	}
	s = vsock_stream_find(v, h.dst_port, h.src_port);
	if (s)
		on_stream(v, s, &h, chain);
	else if (h.op == VSOCK_REQUEST)
		on_request(v, &h);
	else
		refuse(v, &h);
}

bool vsock_tx(struct virtio_vsock *v, uint32_t budget)
{
	struct ukvmm_queue *q = v->q[VSOCK_Q_TX];
	struct ukvmm_chain *chain = NULL;

	/* each packet has one answer at most; a guest that does not take them is not listened to */
	while (budget && v->rst_len < VSOCK_RSTS && (chain = ukvmm_queue_pop(q))) {
		packet(v, chain);
		ukvmm_queue_push(q, chain);
		budget--;
	}
	/* or of a budget of ours, after which nobody else need come back here */
	v->tx_waits = v->rst_len == VSOCK_RSTS || !budget;
	ukvmm_queue_notify(q);
	return !budget;
}
