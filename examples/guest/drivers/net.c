/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-net (virtio 1.2 §5.1): mergeable receive buffers, and transmit chains of a header and up to RT_NET_PIECES. */
#include <stdlib.h>
#include <string.h>

#include "virtio.h"

enum { BUF = 2048, FRAME_PIECES = 36, FIRST_BUFFERS = 48 /* a frame of 64 KiB must fit */, KICK_AFTER = 8 };
enum { NEEDS_CSUM = 1, DATA_VALID = 2, GSO_TCPV4 = 1 };

#define F_CSUM	     (1ull << 0)
#define F_GUEST_CSUM (1ull << 1)
#define F_MTU	     (1ull << 3)
#define F_MAC	     (1ull << 5)
#define F_GUEST_TSO4 (1ull << 7)
#define F_HOST_TSO4  (1ull << 11)
#define F_MRG_RXBUF  (1ull << 15)
#define F_OFFLOADS   (F_CSUM | F_GUEST_CSUM | F_GUEST_TSO4 | F_HOST_TSO4)

struct hdr {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};

static struct virtio dev;
static struct virtq rx, tx;
static uint8_t *buffers;
static uint32_t posted; /* buffers that the device has ever had: more as they are needed, for each is pages to touch */
static struct slot {	/* by the first descriptor of its chain */
	struct hdr hdr;
	uint16_t len; /* descriptors */
	void (*done)(void *arg);
	void *arg;
} slot[VIRTQ_SIZE];
static uint16_t free_desc[VIRTQ_SIZE];
static uint32_t n_free;

static void post(uint32_t upto)
{
	for (; posted < upto && posted < rx.size; posted++) {
		rx.desc[posted] = (struct virtq_desc){(uintptr_t)buffers + posted * BUF, BUF, DESC_WRITE, 0};
		virtq_show(&rx, (uint16_t)posted);
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
	if ((dev.features & F_OFFLOADS) == F_OFFLOADS)
		info->features |= RT_NET_TSO;
}

bool rt_net_open(struct rt_net_info *info)
{
	*info = (struct rt_net_info){.mtu = 0};
	if (!virtio_open(&dev, VIRTIO_NET, F_OFFLOADS | F_MTU | F_MAC | F_MRG_RXBUF | VIRTIO_F_EVENT_IDX))
		return false;
	if (!(dev.features & F_MRG_RXBUF))
		rt_panic("the network card has no mergeable buffers");
	virtio_queue(&dev, &rx, 0);
	virtio_queue(&dev, &tx, 1);
	tx.lazy = true;
	buffers = aligned_alloc(4096, (size_t)rx.size * BUF);
	if (!buffers)
		rt_panic("no memory for the network card");
	for (n_free = 0; n_free < tx.size; n_free++)
		free_desc[n_free] = (uint16_t)n_free;
	post(FIRST_BUFFERS);
	virtio_ready(&dev);
	virtq_kick(&rx);
	describe(info);
	return true;
}

static struct hdr header(const struct rt_net_offload *o)
{
	struct hdr h = {.flags = 0};

	if (!o || !o->csum_start)
		return h;
	h.flags = NEEDS_CSUM;
	h.csum_start = o->csum_start;
	h.csum_offset = o->csum_offset;
	if (o->segment) {
		h.gso_type = GSO_TCPV4;
		h.gso_size = o->segment;
		h.hdr_len = o->headers;
	}
	return h;
}

bool rt_net_send(const struct rt_piece *piece, uint32_t n, const struct rt_net_offload *offload,
	void (*done)(void *arg), void *arg)
{
	uint16_t head, at;

	if (n_free <= n || !n || n > RT_NET_PIECES)
		return false;
	head = at = free_desc[--n_free];
	slot[head] = (struct slot){header(offload), (uint16_t)(n + 1), done, arg};
	tx.desc[at] = (struct virtq_desc){(uintptr_t)&slot[head].hdr, sizeof(struct hdr), 0, 0};
	for (uint32_t i = 0; i < n; i++) {
		uint16_t next = free_desc[--n_free];

		tx.desc[at].flags = DESC_NEXT;
		tx.desc[at].next = next;
		tx.desc[next] = (struct virtq_desc){(uintptr_t)piece[i].at, piece[i].len, 0, 0};
		at = next;
	}
	virtq_show(&tx, head);
	if ((uint16_t)(tx.avail_idx - tx.told) >= KICK_AFTER)
		virtq_kick(&tx);
	return true;
}

static uint32_t reap(void)
{
	uint32_t len, n = 0;
	int head;

	for (; (head = virtq_take(&tx, &len)) >= 0; n++) {
		struct slot *s = &slot[head];

		if (!s->len || n_free + s->len > tx.size)
			rt_panic("the network card used what it was not given");
		for (uint16_t at = (uint16_t)head; s->len; s->len--) {
			free_desc[n_free++] = at;
			at = tx.desc[at].next;
		}
		if (s->done)
			s->done(s->arg);
	}
	return n;
}

/* The rest of a frame whose first buffer has been taken: how many pieces it has. No frame is as large as all of them. */
static uint32_t gather(struct rt_piece *piece, uint16_t *ids, uint32_t more)
{
	uint32_t n = 1, len;

	for (; more; more--) {
		int id = virtq_take(&rx, &len);

		if (id < 0 || len > BUF)
			rt_panic("the network card gave less than it said");
		if (n == FRAME_PIECES) {
			virtq_show(&rx, (uint16_t)id);
			continue;
		}
		ids[n] = (uint16_t)id;
		piece[n++] = (struct rt_piece){buffers + (uint32_t)id * BUF, len};
	}
	return n;
}

uint32_t rt_net_poll(void (*frame)(void *arg, const struct rt_piece *piece, uint32_t n, bool checked), void *arg,
	uint32_t max)
{
	struct rt_piece piece[FRAME_PIECES];
	uint16_t ids[FRAME_PIECES], before = rx.last_used;
	uint32_t n = 0, len, parts, went = reap();
	int id;

	for (; n < max && (id = virtq_take(&rx, &len)) >= 0; n++) {
		const uint8_t *b = buffers + (uint32_t)id * BUF;
		struct hdr h;

		if (len < sizeof h || len > BUF)
			rt_panic("the network card gave %u bytes", len);
		memcpy(&h, b, sizeof h);
		ids[0] = (uint16_t)id;
		piece[0] = (struct rt_piece){b + sizeof h, len - (uint32_t)sizeof h};
		parts = gather(piece, ids, h.num_buffers > 1 ? h.num_buffers - 1u : 0);
		frame(arg, piece, parts, h.flags & (NEEDS_CSUM | DATA_VALID));
		for (uint32_t i = 0; i < parts; i++)
			virtq_show(&rx, ids[i]);
	}
	/* more than half were full at once: the device could do with more */
	if ((uint16_t)(rx.last_used - before) * 2u > posted)
		post(posted * 2);
	return n + went;
}
