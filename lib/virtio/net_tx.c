/* SPDX-License-Identifier: Apache-2.0 */
/* Frames from the guest (virtio 1.2 §5.1.6.2). */
#include "net_front.h"

#include <errno.h>
#include <string.h>

enum { HEAD = NET_HDR + NET_ETHERNET, COPIED = 2048 /* bytes: up to here a copy is cheaper */ };

/* The frame of `len` bytes whose head was copied to tx_buf: may it go out, and its header made fit for that. */
static bool allowed(struct virtio_net *n, size_t len)
{
	const uint8_t *source = n->tx_buf + NET_HDR + NET_MAC;

	return (n->any_mac || !memcmp(source, n->mac, NET_MAC)) &&
		net_header_from_guest(n->tx_buf, len - NET_HDR, n->features);
}

static int send_short(struct virtio_net *n, struct ukvmm_chain *chain, size_t len)
{
	if (ukvmm_chain_read(chain, n->tx_buf, len) != (int64_t)len)
		return -ECANCELED; /* the driver has reset the device, the chain is void */
	return allowed(n, len) ? n->backend->ops->send(n->backend, n->tx_buf, len) : -EPERM;
}

/* What is checked is copied; the rest goes from where it lies, and what the driver does to it meanwhile is its own
 * affair. */
static int send_long(struct virtio_net *n, struct ukvmm_chain *chain, size_t len)
{
	struct iovec iov[NET_PIECES] = { { n->tx_buf, HEAD } };
	uint32_t pieces;
	int rc;

	if (ukvmm_chain_read(chain, n->tx_buf, HEAD) != HEAD)
		return -ECANCELED;
	if (!allowed(n, len))
		return -EPERM;
	pieces = virtio_chain_hold(chain, iov + 1, NET_PIECES - 1);
	if (pieces) {
		rc = n->backend->ops->sendv(n->backend, iov, pieces + 1, len);
		virtio_chain_let_go(chain);
		return rc;
	}
	if (ukvmm_chain_read(chain, n->tx_buf + HEAD, len - HEAD) != (int64_t)(len - HEAD))
		return -ECANCELED;
	return n->backend->ops->send(n->backend, n->tx_buf, len);
}

/* 0: the chain is done with. -EAGAIN: not now. */
static int send_chain(struct virtio_net *n, struct ukvmm_chain *chain)
{
	uint64_t len = ukvmm_chain_readable(chain);
	int rc;

	if (len < HEAD || len > NET_BUFFER) {
		net_dropped(&n->tx);
		return 0;
	}
	if (!net_rate_passes(&n->tx, len - NET_HDR))
		return -EAGAIN;
	rc = len > COPIED ? send_long(n, chain, (size_t)len) : send_short(n, chain, (size_t)len);
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
