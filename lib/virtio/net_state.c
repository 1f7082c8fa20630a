/* SPDX-License-Identifier: Apache-2.0 */
/* The network card's state. Nothing is in flight when it is saved; a load may come from a hostile file. */
#include "net_front.h"

#include <errno.h>
#include <string.h>

struct net_state {
	uint64_t features;
	uint8_t live, told;
	uint8_t own[NET_MAC], mac[NET_MAC];
	struct net_filter filter;
};

static int state_walk(struct ukvmm_state *s, struct net_state *st)
{
	int rc = ukvmm_state_bytes(s, &st->features, sizeof st->features);

	if (!rc)
		rc = ukvmm_state_bytes(s, &st->live, sizeof st->live);
	if (!rc)
		rc = ukvmm_state_bytes(s, &st->told, sizeof st->told);
	if (!rc)
		rc = ukvmm_state_bytes(s, st->own, NET_MAC);
	if (!rc)
		rc = ukvmm_state_bytes(s, st->mac, NET_MAC);
	return rc ? rc : ukvmm_state_bytes(s, &st->filter, sizeof st->filter);
}

int net_save(void *ctx, struct ukvmm_state *s)
{
	const struct virtio_net *n = ctx;
	struct net_state st = { .features = n->features, .live = n->live, .told = n->told, .filter = n->filter };

	memcpy(st.own, n->own, NET_MAC);
	memcpy(st.mac, n->mac, NET_MAC);
	return state_walk(s, &st);
}

static bool possible(const struct virtio_net *n, const struct net_state *st)
{
	const uint64_t transport = ~0ull << 24 & ~(~0ull << 50);

	if (st->live > 1 || st->told > (NET_LINK_UP | NET_ANNOUNCE) || st->features & ~(n->offered | transport) || (!st->live && st->features))
		return false;
	if (st->own[0] & 1 || st->mac[0] & 1 || !net_filter_possible(&st->filter))
		return false;
	/* An address that the embedder gave is what he holds the guest to, whatever a file says. */
	if (n->mac_given && !n->any_mac && memcmp(st->own, n->own, NET_MAC))
		return false;
	return n->any_mac || !memcmp(st->own, st->mac, NET_MAC);
}

/* A frame that was on its way to the guest is lost, as on any network; one on its way from it is in the ring. */
int net_load(void *ctx, struct ukvmm_state *s, uint32_t version)
{
	struct virtio_net *n = ctx;
	struct net_state st;
	int rc = version == 1 ? state_walk(s, &st) : -ENOTSUP;

	if (rc)
		return rc;
	if (!possible(n, &st))
		return -EINVAL;
	n->features = st.features;
	n->live = st.live;
	n->told = st.told;
	n->announce = st.told & NET_ANNOUNCE;
	n->filter = st.filter;
	memcpy(n->own, st.own, NET_MAC);
	memcpy(n->mac, st.mac, NET_MAC);
	n->rx_len = 0;
	n->rx_give_up = 0;
	n->rx_waits = n->tx_blocked = false;
	if (net_offload(n))
		n->link = false;
	ukvmm_device_wake(n->dev); /* watches and the link's state, once it runs */
	return 0;
}
