/* SPDX-License-Identifier: Apache-2.0 */
/* The network card's counters and rate limits. */
#include "net_front.h"

#include <errno.h>

void net_limit(struct net_direction *d, const struct ukvmm_rate *rate)
{
	d->limited = rate && (rate->bytes_per_s || rate->ops_per_s);
	rate_init(&d->rate, rate, ukvmm_now());
	d->until = d->paid = 0;
}

static void add(_Atomic uint64_t *sum, uint64_t by) /* of one writer */
{
	atomic_store_explicit(sum, atomic_load_explicit(sum, memory_order_relaxed) + by, memory_order_relaxed);
}

void net_count(struct net_direction *d, uint64_t bytes)
{
	add(&d->bytes, bytes);
	add(&d->frames, 1);
}

void net_dropped(struct net_direction *d)
{
	add(&d->dropped, 1);
}

bool net_rate_passes(struct net_direction *d, uint64_t bytes)
{
	if (!d->limited || d->paid >= bytes)
		return true;
	d->until = rate_take(&d->rate, bytes, ukvmm_now());
	if (d->until)
		return false;
	d->paid = bytes;
	return true;
}

void net_limit_changed(struct virtio_net *n, struct net_direction *d)
{
	struct ukvmm_rate next;

	if (!atomic_exchange(&d->changed, false))
		return;
	pthread_mutex_lock(&n->lock);
	next = d->next;
	pthread_mutex_unlock(&n->lock);
	net_limit(d, &next);
}

int virtio_net_rate(struct virtio_net *n, uint32_t direction, const struct ukvmm_rate *rate)
{
	struct net_direction *d = direction == UKVMM_RATE_RX ? &n->rx : &n->tx;

	if (direction != UKVMM_RATE_RX && direction != UKVMM_RATE_TX)
		return -EINVAL;
	pthread_mutex_lock(&n->lock);
	d->next = *rate;
	pthread_mutex_unlock(&n->lock);
	atomic_store(&d->changed, true);
	ukvmm_device_wake(n->dev);
	return 0;
}

void virtio_net_stats(const struct virtio_net *n, struct front_stats *s)
{
	s->in_bytes = atomic_load_explicit(&n->rx.bytes, memory_order_relaxed);
	s->in_ops = atomic_load_explicit(&n->rx.frames, memory_order_relaxed);
	s->in_dropped = atomic_load_explicit(&n->rx.dropped, memory_order_relaxed);
	s->out_bytes = atomic_load_explicit(&n->tx.bytes, memory_order_relaxed);
	s->out_ops = atomic_load_explicit(&n->tx.frames, memory_order_relaxed);
	s->out_dropped = atomic_load_explicit(&n->tx.dropped, memory_order_relaxed);
}
