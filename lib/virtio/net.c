/* SPDX-License-Identifier: Apache-2.0 */
/* The network card: its life and its callbacks. The paths of frames are net_rx.c and net_tx.c. */
#include "net_front.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

static uint64_t offered(const struct net_backend *b, const struct ukvmm_net_config *config)
{
	/* Unikraft accepts GUEST_ANNOUNCE without looking whether it was offered. */
	uint64_t f = NET_F_MAC | NET_F_STATUS | NET_F_MRG_RXBUF | NET_F_CTRL_VQ | NET_F_CTRL_RX | NET_F_CTRL_MAC_ADDR |
		     NET_F_GUEST_ANNOUNCE;

	if (config->mtu)
		f |= NET_F_MTU;
	if (!(b->offloads & NET_CSUM))
		return f;
	f |= NET_F_CSUM | NET_F_GUEST_CSUM;
	if (b->offloads & NET_TSO4)
		f |= NET_F_HOST_TSO4 | NET_F_GUEST_TSO4;
	if (b->offloads & NET_TSO6)
		f |= NET_F_HOST_TSO6 | NET_F_GUEST_TSO6;
	return f;
}

static int mac_choose(struct virtio_net *n, const uint8_t *wanted)
{
	static const uint8_t none[NET_MAC];

	n->mac_given = memcmp(wanted, none, NET_MAC);
	if (n->mac_given)
		memcpy(n->own, wanted, NET_MAC);
	else if (getrandom(n->own, NET_MAC, 0) != NET_MAC)
		return -EIO;
	else
		n->own[0] = (uint8_t)((n->own[0] & ~1u) | 2); /* one address, locally administered */
	memcpy(n->mac, n->own, NET_MAC);
	return 0;
}

int virtio_net_new(struct virtio_net **out, struct net_backend *backend, const struct ukvmm_net_config *config)
{
	struct virtio_net *n = calloc(1, sizeof *n);
	int rc = n ? mac_choose(n, config->mac) : -ENOMEM;

	if (!rc)
		rc = -pthread_mutex_init(&n->lock, NULL);
	if (rc) {
		backend->ops->close(backend);
		free(n);
		return rc;
	}
	n->backend = backend;
	n->offered = offered(backend, config);
	n->any_mac = config->flags & UKVMM_NET_ANY_MAC;
	n->mtu = (uint16_t)config->mtu;
	n->link = true;
	net_limit(&n->rx, config->rx);
	net_limit(&n->tx, config->tx);
	net_filter_reset(&n->filter);
	*out = n;
	return 0;
}

static void net_destroy(void *ctx)
{
	struct virtio_net *n = ctx;

	n->backend->ops->close(n->backend);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

int virtio_net_attach(struct virtio_net *n, struct ukvmm_device *dev)
{
	uint8_t mtu[2] = { (uint8_t)n->mtu, (uint8_t)(n->mtu >> 8) };
	uint8_t status[2] = { NET_LINK_UP };

	n->dev = dev;
	for (uint32_t q = 0; q < NET_QUEUES; q++)
		n->queue[q] = ukvmm_device_queue(dev, q);
	n->told = NET_LINK_UP;
	ukvmm_device_config(dev, NET_CONFIG_MAC, n->mac, NET_MAC);
	ukvmm_device_config(dev, NET_CONFIG_STATUS, status, sizeof status);
	return ukvmm_device_config(dev, NET_CONFIG_MTU, mtu, sizeof mtu);
}

static void watch(struct virtio_net *n)
{
	int fd = n->backend->fd;
	uint32_t events = n->backend->wants_write ? EPOLLOUT : 0;

	if (n->live && !n->rx_waits && !n->rx.until)
		events |= EPOLLIN;
	if (!n->link || fd < 0)
		events = 0;
	if (events == n->watched)
		return;
	/* without a watch nothing comes any more: to the guest that is a dead link */
	if (ukvmm_device_watch(n->dev, fd, events, 0)) {
		n->link = false;
		events = 0;
	}
	n->watched = events;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a && (!b || a < b) ? a : b;
}

static void tell_status(struct virtio_net *n)
{
	uint8_t now = (uint8_t)((n->link ? NET_LINK_UP : 0) | (n->announce ? NET_ANNOUNCE : 0)), status[2] = { now };

	if (now == n->told)
		return;
	n->told = now;
	ukvmm_device_config(n->dev, NET_CONFIG_STATUS, status, sizeof status);
}

static void settle(struct virtio_net *n)
{
	uint64_t at = earlier(n->rx_give_up, earlier(n->rx.until, n->tx.until));

	watch(n);
	if (at != n->timer_at)
		ukvmm_device_timer(n->dev, at);
	n->timer_at = at;
	if (n->rx.more || n->tx.more)
		ukvmm_device_wake(n->dev);
	tell_status(n);
}

int net_offload(struct virtio_net *n)
{
	uint64_t f = n->features;
	uint32_t which = 0;

	if (f & NET_F_GUEST_CSUM)
		which = NET_CSUM | (f & NET_F_GUEST_TSO4 ? NET_TSO4 : 0u) | (f & NET_F_GUEST_TSO6 ? NET_TSO6 : 0u);
	return n->backend->ops->offload(n->backend, which);
}

static void net_driver_ok(void *ctx, uint64_t negotiated)
{
	struct virtio_net *n = ctx;

	n->features = negotiated;
	n->live = true;
	if (net_offload(n))
		n->link = false;
	settle(n);
}

static void net_queue_ready(void *ctx, uint32_t q, uint32_t budget)
{
	struct virtio_net *n = ctx;

	switch (q) {
	case NET_RXQ:
		n->rx_waits = false;
		net_rx_run(n, budget);
		break;
	case NET_TXQ:
		/*
		 * Often on the thread of the vCPU. A few frames are best sent by it, at once; of many, the poller's
		 * thread sends the rest while the guest makes more, which then needs no further kick. Measured on
		 * 2 CPUs against all of them here: a quarter more frames, half the exits.
		 */
		net_tx_run(n, budget < NET_KICK_FRAMES ? budget : NET_KICK_FRAMES, NET_KICK_BYTES);
		break;
	case NET_CTRLQ:
		net_ctrl_run(n, budget);
		break;
	}
	settle(n);
}

static void net_fd_ready(void *ctx, uint64_t tag, uint32_t events)
{
	struct virtio_net *n = ctx;

	(void)tag;
	if (events & EPOLLOUT) {
		n->backend->ops->flush(n->backend);
		n->tx_blocked = false;
		net_tx_run(n, NET_BATCH, UINT64_MAX);
	}
	if (events & ~(uint32_t)EPOLLOUT)
		net_rx_run(n, NET_BATCH);
	settle(n);
}

static void net_woken(void *ctx)
{
	struct virtio_net *n = ctx;

	net_limit_changed(n, &n->rx);
	net_limit_changed(n, &n->tx);
	net_rx_run(n, NET_BATCH);
	net_tx_run(n, NET_BATCH, UINT64_MAX);
	settle(n);
}

static void net_timer(void *ctx)
{
	struct virtio_net *n = ctx;
	uint64_t now = ukvmm_now();

	n->timer_at = 0;
	if (n->rx.until <= now)
		n->rx.until = 0;
	if (n->tx.until <= now)
		n->tx.until = 0;
	if (n->rx_give_up && n->rx_give_up <= now)
		net_rx_late(n);
	net_rx_run(n, NET_BATCH);
	net_tx_run(n, NET_BATCH, UINT64_MAX);
	settle(n);
}

static void net_reset(void *ctx)
{
	struct virtio_net *n = ctx;

	n->live = n->announce = false;
	n->features = 0;
	n->rx_waits = n->tx_blocked = n->rx.more = n->tx.more = false;
	n->rx_len = 0;
	n->rx_give_up = n->rx.until = n->tx.until = n->rx.paid = n->tx.paid = 0;
	net_filter_reset(&n->filter);
	if (memcmp(n->mac, n->own, NET_MAC)) {
		memcpy(n->mac, n->own, NET_MAC);
		ukvmm_device_config(n->dev, NET_CONFIG_MAC, n->mac, NET_MAC);
	}
	settle(n);
}

/* What was taken from the ring was answered in the same callback. */
static int net_quiesce(void *ctx)
{
	(void)ctx;
	return 1;
}

/* The other end's switches and neighbours know nothing of the guest's address yet (§5.1.6.5.4). */
static bool can_announce(const struct virtio_net *n)
{
	const uint64_t needed = NET_F_GUEST_ANNOUNCE | NET_F_STATUS | NET_F_CTRL_VQ;

	return n->live && (n->features & needed) == needed;
}

int virtio_net_rebind(struct virtio_net *n, int fd)
{
	int rc;

	if (n->watched)
		ukvmm_device_watch(n->dev, n->backend->fd, 0, 0);
	n->watched = 0;
	rc = n->backend->ops->rebind(n->backend, fd);
	if (!rc) {
		n->link = !net_offload(n);
		n->announce = n->link && can_announce(n);
		n->tx_blocked = false;
	}
	ukvmm_device_wake(n->dev);
	return rc;
}

uint32_t virtio_net_fds(const struct virtio_net *n)
{
	return n->backend->fd >= 0;
}

void virtio_net_ops(const struct virtio_net *n, struct ukvmm_device_ops *ops)
{
	*ops = (struct ukvmm_device_ops){
		.size = sizeof *ops,
		.virtio_id = 1,
		.queues = NET_QUEUES,
		.config_bytes = NET_CONFIG_BYTES,
		.features = n->offered,
		.flags = UKVMM_DEVICE_INLINE,
		.driver_ok = net_driver_ok,
		.queue_ready = net_queue_ready,
		.fd_ready = net_fd_ready,
		.reset = net_reset,
		.quiesce = net_quiesce,
		.save = net_save,
		.load = net_load,
		.woken = net_woken,
		.timer = net_timer,
		.destroy = net_destroy,
	};
}
