/* SPDX-License-Identifier: Apache-2.0 */
/* Frames from the guest (virtio 1.2 §5.1.6.2). */
#include "net_front.h"

#include <errno.h>
#include <string.h>

/* The frame of `len` bytes that was copied to tx_buf: may it go out, and its header made fit for that. */
static bool allowed(struct virtio_net *n, size_t len)
{
	const uint8_t *source = n->tx_buf + NET_HDR + NET_MAC;

	return (n->any_mac || !memcmp(source, n->mac, NET_MAC)) &&
		net_header_from_guest(n->tx_buf, len - NET_HDR, n->features);
}

/* 0: the chain is done with. -EAGAIN: not now. */
static int send_chain(struct virtio_net *n, struct ukvmm_chain *chain)
{
	uint64_t len = ukvmm_chain_readable(chain);
	int rc;

	if (len < NET_HDR + NET_ETHERNET || len > NET_BUFFER) {
		net_dropped(&n->tx);
		return 0;
	}
	if (!net_rate_passes(&n->tx, len - NET_HDR))
		return -EAGAIN;
	/* short: the driver has reset the device, the chain is void */
	if (ukvmm_chain_read(chain, n->tx_buf, (size_t)len) != (int64_t)len)
		return 0;
	rc = allowed(n, (size_t)len) ? n->backend->ops->send(n->backend, n->tx_buf, (size_t)len) : -EPERM;
	if (rc == -EAGAIN) {
		n->tx_blocked = true;
		return rc;
	}
	n->tx.paid = 0;
	if (rc)
		net_dropped(&n->tx);
	else
		net_count(&n->tx, len - NET_HDR);
	if (rc == -EPIPE)
		n->link = false;
	return 0;
}

/* Sends what there is, at most `most` frames and about `bytes`; the chains stay in `done`. */
static uint32_t send_batch(struct virtio_net *n, struct ukvmm_chain **done, uint32_t most, uint64_t bytes)
{
	uint64_t sum = 0;
	uint32_t len = 0;

	while (len < most && sum < bytes) {
		struct ukvmm_chain *chain = ukvmm_queue_pop(n->queue[NET_TXQ]);

		if (!chain)
			return len;
		sum += ukvmm_chain_readable(chain);
		if (send_chain(n, chain)) {
			virtio_queue_unpop(n->queue[NET_TXQ], chain);
			return len;
		}
		done[len++] = chain;
	}
	n->tx.more = true; /* perhaps */
	return len;
}

void net_tx_run(struct virtio_net *n, uint32_t budget, uint64_t bytes)
{
	struct ukvmm_chain *done[NET_BATCH];
	uint32_t len;

	n->tx.more = false;
	if (!n->live || n->tx_blocked || n->tx.until)
		return;
	len = send_batch(n, done, budget < NET_BATCH ? budget : NET_BATCH, bytes);
	if (!len)
		return;
	if (!n->backend->wants_write)
		n->backend->ops->flush(n->backend);
	virtio_queue_push_all(n->queue[NET_TXQ], done, len);
	ukvmm_queue_notify(n->queue[NET_TXQ]);
}
