/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-net (virtio 1.2 §5.1): mergeable receive buffers of a page, transmit slots of a header and eight pieces. */
#include <stdlib.h>
#include <string.h>

#include "virtio.h"

enum { PIECES = 8, CHAIN = 1 + PIECES, SLOTS = VIRTQ_SIZE / CHAIN, BUF = 2048, FRAME_MAX = 65550 };
enum { NEEDS_CSUM = 1, DATA_VALID = 2, KICK_AFTER = 8 };

#define F_CSUM	     (1ull << 0)
#define F_GUEST_CSUM (1ull << 1)
#define F_MTU	     (1ull << 3)
#define F_MAC	     (1ull << 5)
#define F_MRG_RXBUF  (1ull << 15)

struct hdr {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};

static struct virtio dev;
static struct virtq rx, tx;
static uint8_t *buffers, *whole; /* whole: a frame of several buffers */
static struct slot {
	struct hdr hdr;
	void (*done)(void *arg);
	void *arg;
} slot[SLOTS];
static uint8_t free_slot[SLOTS];
static uint32_t n_free;

static void fill_rx(void)
{
	for (uint16_t i = 0; i < rx.size; i++) {
		rx.desc[i] = (struct virtq_desc){(uintptr_t)buffers + (uint32_t)i * BUF, BUF, DESC_WRITE, 0};
		virtq_show(&rx, i);
	}
}

static void describe(struct rt_net_info *info)
{
	for (uint32_t i = 0; dev.features & F_MAC && i < 6; i++)
		info->mac[i] = virtio_config8(&dev, i);
	info->mtu = 1500;
	if (dev.features & F_MTU)
		info->mtu = (uint16_t)(virtio_config8(&dev, 10) | virtio_config8(&dev, 11) << 8);
	if (dev.features & F_CSUM && dev.features & F_GUEST_CSUM)
		info->features = RT_NET_CSUM;
}

bool rt_net_open(struct rt_net_info *info)
{
	*info = (struct rt_net_info){.mtu = 0};
	if (!virtio_open(&dev, VIRTIO_NET,
		    F_CSUM | F_GUEST_CSUM | F_MTU | F_MAC | F_MRG_RXBUF | VIRTIO_F_EVENT_IDX))
		return false;
	if (!(dev.features & F_MRG_RXBUF))
		rt_panic("the network card has no mergeable buffers");
	virtio_queue(&dev, &rx, 0);
	virtio_queue(&dev, &tx, 1);
	tx.lazy = true;
	buffers = aligned_alloc(4096, (size_t)rx.size * BUF);
	whole = malloc(FRAME_MAX);
	if (!buffers || !whole)
		rt_panic("no memory for the network card");
	for (n_free = 0; n_free < SLOTS && (n_free + 1) * CHAIN <= tx.size; n_free++)
		free_slot[n_free] = (uint8_t)n_free;
	fill_rx();
	virtio_ready(&dev);
	virtq_kick(&rx);
	describe(info);
	return true;
}

bool rt_net_send(const struct rt_piece *piece, uint32_t n, uint16_t csum_start, uint16_t csum_offset,
	void (*done)(void *arg), void *arg)
{
	uint32_t s;
	struct virtq_desc *d;

	if (!n_free || !n || n > PIECES)
		return false;
	s = free_slot[--n_free];
	d = tx.desc + s * CHAIN;
	slot[s] = (struct slot){{.flags = csum_start ? NEEDS_CSUM : 0, .csum_start = csum_start, .csum_offset = csum_offset},
		done, arg};
	d[0] = (struct virtq_desc){(uintptr_t)&slot[s].hdr, sizeof slot[s].hdr, DESC_NEXT, (uint16_t)(s * CHAIN + 1)};
	for (uint32_t i = 1; i <= n; i++)
		d[i] = (struct virtq_desc){(uintptr_t)piece[i - 1].at, piece[i - 1].len, i < n ? DESC_NEXT : 0,
			(uint16_t)(s * CHAIN + i + 1)};
	virtq_show(&tx, (uint16_t)(s * CHAIN));
	if ((uint16_t)(tx.avail_idx - tx.told) >= KICK_AFTER)
		virtq_kick(&tx);
	return true;
}

static void reap(void)
{
	uint32_t len;
	int head;

	while ((head = virtq_take(&tx, &len)) >= 0) {
		uint32_t s = (uint32_t)head / CHAIN;

		if (s >= SLOTS || n_free >= SLOTS)
			rt_panic("the network card used what it was not given");
		free_slot[n_free++] = (uint8_t)s;
		if (slot[s].done)
			slot[s].done(slot[s].arg);
	}
}

/* The rest of a frame whose first buffer has been taken: its length in `whole`; 0 if it is too long. */
static uint32_t gather(const uint8_t *first, uint32_t len, uint16_t more)
{
	uint32_t n = 0, part;

	memcpy(whole, first, len);
	for (n = len; more; more--) {
		int id = virtq_take(&rx, &part);

		if (id < 0 || part > BUF)
			rt_panic("the network card gave less than it said");
		if (n && n + part <= FRAME_MAX) {
			memcpy(whole + n, buffers + (uint32_t)id * BUF, part);
			n += part;
		} else {
			n = 0;
		}
		virtq_show(&rx, (uint16_t)id);
	}
	return n;
}

uint32_t rt_net_poll(void (*frame)(void *arg, const uint8_t *bytes, uint32_t len, bool checked), void *arg, uint32_t max)
{
	uint32_t n = 0, len;
	int id;

	reap();
	for (; n < max && (id = virtq_take(&rx, &len)) >= 0; n++) {
		uint8_t *b = buffers + (uint32_t)id * BUF, *at = b + sizeof(struct hdr);
		struct hdr h;

		if (len < sizeof h || len > BUF)
			rt_panic("the network card gave %u bytes", len);
		memcpy(&h, b, sizeof h);
		len -= (uint32_t)sizeof h;
		if (h.num_buffers > 1) {
			len = gather(at, len, (uint16_t)(h.num_buffers - 1));
			at = whole;
		}
		if (len)
			frame(arg, at, len, h.flags & (NEEDS_CSUM | DATA_VALID));
		virtq_show(&rx, (uint16_t)id);
	}
	return n;
}
