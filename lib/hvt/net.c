/* SPDX-License-Identifier: Apache-2.0 */
/* Network cards: frames without any offload. One frame is taken ahead, for a back end can hold whole ones that its
 * descriptor does not tell of. */
#include "hvt_internal.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum { ETHERNET = 14, SOURCE = 6, LOST_AT_ONCE = 16 };

struct frame_args {
	uint64_t handle, data, len;
	int32_t ret, padding;
};

static struct hvt_net *net_of(struct hvt *h, uint64_t handle)
{
	return handle < HVT_HANDLES && h->net[handle].backend ? &h->net[handle] : NULL;
}

/* A frame that cannot be sent is lost, as on any network; so is one in another station's name. */
static void send(struct hvt *h, struct hvt_net *n, const void *data, size_t len)
{
	memset(n->out, 0, NET_HDR);
	memcpy(n->out + NET_HDR, data, len);
	if (!n->any_mac && memcmp(n->out + NET_HDR + SOURCE, n->mac, HVT_MAC))
		return;
	if (n->gone || n->backend->ops->send(n->backend, n->out, NET_HDR + len))
		return;
	n->backend->ops->flush(n->backend);
	atomic_fetch_add_explicit(&h->tx_bytes, len, memory_order_relaxed);
}

enum hvt_result hvt_net_write(struct hvt *h, struct hvt_args *args)
{
	int32_t ret = SOLO5_EINVAL;
	struct frame_args a;
	struct hvt_net *n;
	const void *data;

	if (!hvt_args_take(h, args, &a, sizeof a))
		return HVT_DONE;
	n = net_of(h, a.handle);
	if (n && a.len >= ETHERNET && a.len <= NET_FRAME_MAX) {
		uint64_t at;

		data = hvt_buffer(h, args, a.data, a.len, false);
		if (!data)
			return HVT_DONE;
		at = hvt_limit_take(h, &n->tx, a.len);
		if (at)
			return hvt_leave_open(h, NET_WRITE, args, at);
		send(h, n, data, a.len);
		ret = SOLO5_OK;
	}
	hvt_args_give(h, args, offsetof(struct frame_args, ret), &ret, sizeof ret);
	return HVT_DONE;
}

bool hvt_net_ready(struct hvt *h, struct hvt_net *n)
{
	if (n->backend->wants_write && !n->gone)
		n->backend->ops->flush(n->backend);
	for (int i = 0; !n->have && !n->gone && i < LOST_AT_ONCE; i++) {
		int64_t got = n->backend->ops->recv(n->backend, n->frame);

		if (got == -EAGAIN)
			break;
		n->gone = got == -EPIPE;
		n->have = got > NET_HDR ? got : 0;
		n->rx_paid = false;
	}
	if (n->have && !n->rx_paid) {
		n->rx_at = hvt_limit_take(h, &n->rx, (uint64_t)n->have - NET_HDR);
		n->rx_paid = !n->rx_at;
	}
	return n->have && n->rx_paid;
}

static int32_t receive(struct hvt *h, struct hvt_args *args, struct hvt_net *n, struct frame_args *a)
{
	uint64_t len;
	void *data;

	if (!hvt_net_ready(h, n))
		return SOLO5_AGAIN;
	len = (uint64_t)n->have - NET_HDR;
	if (len > a->len)
		len = a->len; /* what does not fit is cut off, as when a tap is read */
	data = hvt_buffer(h, args, a->data, len, true);
	if (!data)
		return SOLO5_EINVAL;
	memcpy(data, n->frame + NET_HDR, len);
	n->have = 0;
	a->len = len;
	atomic_fetch_add_explicit(&h->rx_bytes, len, memory_order_relaxed);
	return SOLO5_OK;
}

void hvt_net_read(struct hvt *h, struct hvt_args *args)
{
	int32_t ret = SOLO5_EINVAL;
	struct frame_args a;
	struct hvt_net *n;

	if (!hvt_args_take(h, args, &a, sizeof a))
		return;
	n = net_of(h, a.handle);
	if (n && a.len)
		ret = receive(h, args, n, &a);
	if (args->why)
		return;
	if (ret == SOLO5_OK)
		hvt_args_give(h, args, offsetof(struct frame_args, len), &a.len, sizeof a.len);
	hvt_args_give(h, args, offsetof(struct frame_args, ret), &ret, sizeof ret);
}
