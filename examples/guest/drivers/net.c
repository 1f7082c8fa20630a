/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-net (virtio 1.2 §5.1): from the device to a card, and sending. A frame is a chain of descriptors from a list
 * of free ones: its header and the caller's pieces, nothing is copied. */
#include "net.h"

#include <string.h>

enum { TX_MOST = VIRTQ_MAX, RX_MOST = 256, KICK_FRAMES = 16, KICK_BYTES = 128 << 10 };
enum { CONFIG_MAC = 0, CONFIG_MTU = 10, MTU_PLAIN = 1500, MTU_LEAST = 68 };

struct net rt_net;
VIRTQ_MEMORY(rx_memory, RX_MOST);
VIRTQ_MEMORY(tx_memory, TX_MOST);

static struct frame { /* by the first descriptor of its chain */
	struct net_hdr hdr;
	uint16_t pieces; /* 0: not on its way */
	void (*done)(void *arg);
	void *arg;
} frame[TX_MOST];

/* The list of what is free is ours alone: what is in the ring the device could change. */
static uint16_t after[TX_MOST], first_free, n_free;
static uint32_t untold; /* bytes shown since the last kick */

static void describe(struct rt_net_info *info)
{
	const struct virtio *dev = &rt_net.dev;
	const uint8_t *config = (const uint8_t *)dev->config;

	info->mtu = MTU_PLAIN;
	if (dev->features & NET_F_MTU)
		memcpy(&info->mtu, config + CONFIG_MTU, sizeof info->mtu);
	if (info->mtu < MTU_LEAST)
		info->mtu = MTU_PLAIN;
	if (dev->features & NET_F_CSUM && dev->features & NET_F_GUEST_CSUM)
		info->features = RT_NET_CSUM;
	if (info->features && dev->features & NET_F_HOST_TSO4)
		info->features |= RT_NET_TSO;
	if (dev->features & NET_F_MAC) {
		memcpy(info->mac, config + CONFIG_MAC, sizeof info->mac);
		return;
	}
	rt_random(info->mac, sizeof info->mac);
	info->mac[0] = (uint8_t)((info->mac[0] & 0xfc) | 2); /* one person's, not administered */
}

/* What needs another feature goes without it; frames of 64 KiB need buffers that merge. */
static void settle(uint64_t *features)
{
	if (!(*features & NET_F_CSUM))
		*features &= ~NET_F_HOST_TSO4;
	if (!(*features & NET_F_GUEST_CSUM) || !(*features & NET_F_MRG_RXBUF))
		*features &= ~NET_F_GUEST_TSO4;
}

bool rt_net_open(struct rt_net_info *info)
{
	struct virtio *dev = &rt_net.dev;

	*dev = (struct virtio){.name = "network card",
		.features = NET_F_CSUM | NET_F_GUEST_CSUM | NET_F_MTU | NET_F_MAC | NET_F_GUEST_TSO4 | NET_F_HOST_TSO4 |
			    NET_F_MRG_RXBUF,
		.n_queues = 2,
		.queue = {&rt_net.rx, &rt_net.tx}};
	rt_net.rx = (struct virtq){.dev = dev, .mem = rx_memory, .most = RX_MOST, .wake = VIRTQ_NEXT};
	rt_net.tx = (struct virtq){.dev = dev, .mem = tx_memory, .most = TX_MOST, .wake = VIRTQ_NEVER};
	*info = (struct rt_net_info){.mtu = 0};
	if (!virtio_find(dev, VIRTIO_NET))
		return false;
	settle(&dev->features);
	dev->config_words = dev->features & NET_F_MTU ? 3 : dev->features & NET_F_MAC ? 2 : 0;
	virtio_agree(dev);
	rt_net.hdr_bytes = dev->features & (NET_F_MRG_RXBUF | VIRTIO_F_VERSION_1) ? sizeof(struct net_hdr) :
										     sizeof(struct net_hdr) - 2;
	describe(info);
	for (n_free = 0; n_free < rt_net.tx.size; n_free++)
		after[n_free] = (uint16_t)(n_free + 1);
	net_rx_open(info->mtu);
	virtio_ready(dev);
	return true;
}

/* Takes a descriptor off the list and fills it in. */
static uint16_t describe_piece(const void *at, uint32_t len, bool more)
{
	uint16_t d = first_free;

	first_free = after[d];
	n_free--;
	rt_net.tx.desc[d] = (struct virtq_desc){(uintptr_t)at, len, more ? DESC_NEXT : 0, more ? first_free : 0};
	return d;
}

static struct net_hdr header(const struct rt_net_offload *o)
{
	struct net_hdr h = {.flags = 0};

	if (!o || !o->csum_start)
		return h;
	h.flags = NET_NEEDS_CSUM;
	h.csum_start = o->csum_start;
	h.csum_offset = o->csum_offset;
	if (o->segment) {
		h.gso_type = NET_GSO_TCPV4;
		h.gso_size = o->segment;
		h.hdr_len = o->headers;
	}
	return h;
}

bool rt_net_send(const struct rt_piece *piece, uint32_t n, const struct rt_net_offload *offload,
	void (*done)(void *arg), void *arg)
{
	uint16_t head = first_free;

	if (!n || n > RT_NET_PIECES)
		return false;
	if (n_free < n + 1) {
		rt_net.tx.wake = VIRTQ_HALF; /* who was refused waits for room */
		return false;
	}
	frame[head] = (struct frame){header(offload), (uint16_t)n, done, arg};
	describe_piece(&frame[head].hdr, rt_net.hdr_bytes, true);
	for (uint32_t i = 0; i < n; i++) {
		describe_piece(piece[i].at, piece[i].len, i + 1 < n);
		untold += piece[i].len;
	}
	virtq_show(&rt_net.tx, head);
	if ((uint16_t)(rt_net.tx.avail_idx - rt_net.tx.told) >= KICK_FRAMES || untold >= KICK_BYTES) {
		untold = 0;
		virtq_kick(&rt_net.tx);
	}
	return true;
}

static uint32_t reap(void)
{
	uint32_t len, n = 0;
	int head;

	for (; (head = virtq_take(&rt_net.tx, &len)) >= 0; n++) {
		struct frame f = frame[head];
		uint16_t last = (uint16_t)head;

		if (!f.pieces)
			rt_panic("network card: the device used what it was not given");
		for (uint32_t i = 0; i < f.pieces; i++)
			last = after[last];
		after[last] = first_free;
		first_free = (uint16_t)head;
		n_free = (uint16_t)(n_free + f.pieces + 1);
		frame[head].pieces = 0;
		if (f.done)
			f.done(f.arg);
	}
	if (n_free >= rt_net.tx.size / 2)
		rt_net.tx.wake = VIRTQ_NEVER;
	return n;
}

uint32_t rt_net_poll(net_frame *got, void *arg, uint32_t max)
{
	if (!rt_net.tx.size)
		return 0; /* not open */
	return reap() + net_rx_poll(got, arg, max);
}
