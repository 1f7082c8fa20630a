/* SPDX-License-Identifier: Apache-2.0 */
/* Rate limits: what they hold back is a call that stays open, or a frame that the guest does not see yet. */
#include "hvt_internal.h"

#include <errno.h>

uint64_t hvt_limit_take(struct hvt *h, struct hvt_limit *l, uint64_t bytes)
{
	uint64_t now = h->host.now(h->ctx);

	pthread_mutex_lock(&h->lock);
	if (l->changed)
		rate_init(&l->rate, &l->next, now);
	l->changed = false;
	pthread_mutex_unlock(&h->lock);
	return rate_take(&l->rate, bytes, now);
}

static struct hvt_limit *limit_of(struct hvt *h, uint32_t handle, uint32_t direction)
{
	if (h->block[handle].backend)
		return direction == UKVMM_RATE_ALL ? &h->block[handle].limit : NULL;
	if (!h->net[handle].backend || direction == UKVMM_RATE_ALL || direction > UKVMM_RATE_TX)
		return NULL;
	return direction == UKVMM_RATE_RX ? &h->net[handle].rx : &h->net[handle].tx;
}

int hvt_set_rate(struct hvt *h, uint32_t handle, uint32_t direction, const struct ukvmm_rate *rate)
{
	struct hvt_limit *l = limit_of(h, handle, direction);

	if (!l)
		return -EINVAL;
	pthread_mutex_lock(&h->lock);
	l->next = *rate;
	l->changed = true;
	pthread_mutex_unlock(&h->lock);
	atomic_store(&h->limits_changed, true);
	return 0;
}
