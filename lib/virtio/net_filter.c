/* SPDX-License-Identifier: Apache-2.0 */
/* Which frames the driver wants (virtio 1.2 §5.1.6.5.1, .2). */
#include "net_front.h"

#include <string.h>

void net_filter_reset(struct net_filter *f)
{
	memset(f, 0, sizeof *f);
	/* A driver without the control queue cannot ask: it gets everything. */
	f->promisc = 1;
}

static bool listed(const uint8_t (*table)[NET_MAC], uint32_t n, const uint8_t *to)
{
	for (uint32_t i = 0; i < n; i++)
		if (!memcmp(table[i], to, NET_MAC))
			return true;
	return false;
}

bool net_filter_passes(const struct net_filter *f, const uint8_t *mac, const uint8_t *frame)
{
	static const uint8_t everybody[NET_MAC] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (f->promisc || !memcmp(frame, everybody, NET_MAC))
		return true;
	if (frame[0] & 1)
		return f->allmulti || f->multi_all || listed(f->multi, f->multi_n, frame);
	return f->uni_all || !memcmp(frame, mac, NET_MAC) || listed(f->uni, f->uni_n, frame);
}

bool net_filter_possible(const struct net_filter *f)
{
	return f->promisc <= 1 && f->allmulti <= 1 && f->uni_all <= 1 && f->multi_all <= 1 &&
		f->uni_n <= NET_FILTER_MACS && f->multi_n <= NET_FILTER_MACS;
}
