/* SPDX-License-Identifier: Apache-2.0 */
/* Packets towards the guest: answers first, then what streams have to say, then data, everybody in turn. */
#include "vsock.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "fd.h"

bool vsock_rst_add(struct virtio_vsock *v, const struct vsock_header *to)
{
	if (v->rst_len == VSOCK_RSTS)
		return false;
	v->rst[(v->rst_head + v->rst_len++) % VSOCK_RSTS] =
		(struct vsock_rst){ to->dst_cid, to->dst_port, to->src_port, to->type };
	return true;
}

/* The set from whose turn it is on; 0: empty. */
static struct vsock_stream *in_turn(struct virtio_vsock *v, uint64_t set)
{
	uint64_t from = set & ~0ull << v->turn;

	return set ? &v->stream[__builtin_ctzll(from ? from : set)] : NULL;
}

static void next_turn(struct virtio_vsock *v, const struct vsock_stream *s)
{
	v->turn = (stream_index(v, s) + 1) % VSOCK_STREAMS;
}

/* §5.10.6.3. What the driver says of itself may be nonsense, which then is no credit. */
static uint32_t peer_credit(const struct vsock_stream *s)
{
	uint32_t on_its_way = s->sent - s->peer_fwd;

	return on_its_way < s->peer_alloc ? s->peer_alloc - on_its_way : 0;
}

static struct vsock_header header(const struct virtio_vsock *v, struct vsock_stream *s, enum vsock_op op)
{
	s->told = s->forwarded;
	s->wants &= ~(1u << VSOCK_CREDIT_UPDATE);
	return (struct vsock_header){ .src_cid = VSOCK_CID_HOST, .dst_cid = v->cid, .src_port = s->host_port,
		.dst_port = s->guest_port, .type = VSOCK_TYPE_STREAM, .op = (uint16_t)op,
		.buf_alloc = VSOCK_BUFFER, .fwd_cnt = s->forwarded };
}

static void no_more_data(struct virtio_vsock *v, struct vsock_stream *s)
{
	v->readable &= ~stream_bit(v, s);
	if (s->hup) {
		vsock_stream_host_gone(v, s);
	} else if (!(s->host_shut & VSOCK_SHUT_SEND)) {
		s->host_shut |= VSOCK_SHUT_SEND;
		vsock_want(v, s, VSOCK_SHUTDOWN);
	}
}

/* Without credit only the end of the data is looked for. */
static void read_some(struct virtio_vsock *v, struct vsock_stream *s)
{
	uint32_t credit = peer_credit(s), len = credit < VSOCK_PIECE ? credit : VSOCK_PIECE;
	ssize_t n = fd_recv(s->fd, v->buf + VSOCK_HEAD, credit ? len : 1, credit ? 0 : MSG_PEEK);

	if (n < 0 && errno == EINTR)
		return;
	if (n < 0 && errno == EAGAIN) {
		v->readable &= ~stream_bit(v, s);
	} else if (n <= 0) {
		s->hup = s->hup || n < 0;
		no_more_data(v, s);
	} else if (credit) {
		v->data.stream = stream_index(v, s);
		v->data.off = VSOCK_HEAD;
		v->data.len = (uint32_t)n;
	} else if (!s->credit_asked) {
		s->credit_asked = true;
		vsock_want(v, s, VSOCK_CREDIT_REQUEST);
	}
}

/* From one of the sockets; each is asked once at most. */
static void fetch(struct virtio_vsock *v)
{
	uint64_t asked = 0;

	while (!v->data.len && !v->wants) {
		struct vsock_stream *s = in_turn(v, v->readable & ~asked);

		if (!s)
			return;
		asked |= stream_bit(v, s);
		next_turn(v, s);
		if (s->state == VSOCK_OPEN && !(s->credit_asked && !peer_credit(s)))
			read_some(v, s);
	}
}

/* A chain with room for at least `need` bytes; NULL: none. One that is too small goes back empty. */
static struct ukvmm_chain *chain_for(struct virtio_vsock *v, size_t need, uint32_t *budget)
{
	struct ukvmm_chain *chain;

	while (*budget && (chain = ukvmm_queue_pop(v->q[VSOCK_Q_RX]))) {
		--*budget;
		if (ukvmm_chain_writable(chain) >= need)
			return chain;
		ukvmm_queue_push(v->q[VSOCK_Q_RX], chain);
	}
	return NULL;
}

static void send_header(struct virtio_vsock *v, struct ukvmm_chain *chain, const struct vsock_header *h)
{
	ukvmm_chain_write(chain, h, sizeof *h);
	ukvmm_queue_push(v->q[VSOCK_Q_RX], chain);
}

static bool send_rst(struct virtio_vsock *v, uint32_t *budget)
{
	const struct vsock_rst *r = &v->rst[v->rst_head];
	struct vsock_header h = { .src_cid = r->src_cid, .dst_cid = v->cid, .src_port = r->src_port,
		.dst_port = r->dst_port, .type = r->type, .op = VSOCK_RST };
	struct ukvmm_chain *chain = chain_for(v, sizeof h, budget);

	if (!chain)
		return false;
	send_header(v, chain, &h);
	v->rst_head = (v->rst_head + 1) % VSOCK_RSTS;
	v->rst_len--;
	return true;
}

/* RST is never wanted together with others. 0: a header that went before has said it all. */
static enum vsock_op first_wanted(const struct vsock_stream *s)
{
	static const uint8_t order[] = { VSOCK_RST, VSOCK_REQUEST, VSOCK_RESPONSE, VSOCK_SHUTDOWN,
		VSOCK_CREDIT_REQUEST, VSOCK_CREDIT_UPDATE };

	for (uint32_t i = 0; i < sizeof order; i++)
		if (s->wants >> order[i] & 1)
			return order[i];
	return 0;
}

static void send_op(struct virtio_vsock *v, struct vsock_stream *s, enum vsock_op op, struct ukvmm_chain *chain)
{
	struct vsock_header h;

	if (op == VSOCK_REQUEST)
		s->host_port = vsock_port_new(v, s->guest_port);
	h = header(v, s, op);
	h.flags = op == VSOCK_SHUTDOWN ? s->host_shut : 0;
	send_header(v, chain, &h);
	s->wants &= ~(1u << op);
	if (op == VSOCK_REQUEST)
		s->state = VSOCK_REQUESTED;
	else if (op == VSOCK_RST)
		vsock_stream_free(v, s);
}

static bool send_wanted(struct virtio_vsock *v, uint32_t *budget)
{
	struct vsock_stream *s = in_turn(v, v->wants);
	enum vsock_op op = first_wanted(s);
	struct ukvmm_chain *chain;

	if (op) {
		chain = chain_for(v, sizeof(struct vsock_header), budget);
		if (!chain)
			return false;
		send_op(v, s, op, chain);
		next_turn(v, s);
	}
	if (!s->wants)
		v->wants &= ~stream_bit(v, s);
	return true;
}

/* Header and piece in one copy: what is in front of the piece has been sent already, or is VSOCK_HEAD. */
static bool send_data(struct virtio_vsock *v, uint32_t *budget)
{
	struct vsock_stream *s = &v->stream[v->data.stream];
	struct ukvmm_chain *chain = chain_for(v, sizeof(struct vsock_header) + 1, budget);
	struct vsock_header h;
	uint64_t room;

	if (!chain)
		return false;
	room = ukvmm_chain_writable(chain);
	h = header(v, s, VSOCK_RW);
	/* after a reset in between the chain has no room any more */
	room = room < sizeof h ? 0 : room - sizeof h;
	h.len = room < v->data.len ? (uint32_t)room : v->data.len;
	memcpy(v->buf + v->data.off - sizeof h, &h, sizeof h);
	ukvmm_chain_write(chain, v->buf + v->data.off - sizeof h, sizeof h + h.len);
	ukvmm_queue_push(v->q[VSOCK_Q_RX], chain);
	s->sent += h.len;
	v->data.off += h.len;
	v->data.len -= h.len;
	return true;
}

static bool send_one(struct virtio_vsock *v, uint32_t *budget)
{
	if (v->rst_len)
		return send_rst(v, budget);
	if (!v->data.len && !v->wants)
		fetch(v);
	if (v->wants)
		return send_wanted(v, budget);
	return v->data.len && send_data(v, budget);
}

void vsock_rx(struct virtio_vsock *v)
{
	uint32_t budget = VSOCK_BUDGET;
	/* what needs no packet uses none of the budget */
	uint32_t turns = VSOCK_BUDGET + VSOCK_STREAMS;

	while (turns && send_one(v, &budget))
		turns--;
	if (budget < VSOCK_BUDGET)
		ukvmm_queue_notify(v->q[VSOCK_Q_RX]);
	if (!turns || !budget || (v->tx_waits && v->rst_len < VSOCK_RSTS))
		ukvmm_device_wake(v->dev);
}

void vsock_event(struct virtio_vsock *v)
{
	static const uint32_t transport_reset; /* its id, 0 */
	struct ukvmm_chain *chain;

	for (uint32_t i = 0; v->event_due && i < VSOCK_RSTS; i++) {
		chain = ukvmm_queue_pop(v->q[VSOCK_Q_EVENT]);
		if (!chain)
			break;
		if (ukvmm_chain_write(chain, &transport_reset, sizeof transport_reset) == sizeof transport_reset)
			v->event_due = false;
		ukvmm_queue_push(v->q[VSOCK_Q_EVENT], chain);
	}
	ukvmm_queue_notify(v->q[VSOCK_Q_EVENT]);
}
