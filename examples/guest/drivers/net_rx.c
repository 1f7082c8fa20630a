/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receiving. The device has some of the buffers, and more when they were short: a guest that gets small requests
 * touches few pages. With MRG_RXBUF a large frame comes in several buffers; without, each holds the largest frame.
 */
#include "net.h"

#include <stdlib.h>
#include <string.h>

enum { BUF = 2048, BUF_LARGE = 16384, LARGE_MTU = 4096, BUDGET = 4 << 20, AT_FIRST = 32, AT_FIRST_BYTES = 256 << 10 };

static uint8_t *buffers, *whole; /* whole: a frame of several buffers */
static uint32_t buf_bytes;
static uint16_t n_buffers, given; /* given: to the device, or just taken from it; always the first ones */

static void give(uint16_t id)
{
	virtq_show(&rt_net.rx, id);
}

static void give_more(uint32_t n)
{
	for (; n && given < n_buffers; n--, given++) {
		rt_net.rx.desc[given] =
			(struct virtq_desc){(uintptr_t)buffers + (uint64_t)given * buf_bytes, buf_bytes, DESC_WRITE, 0};
		give(given);
	}
}

void net_rx_open(uint16_t mtu)
{
	bool merges = rt_net.dev.features & NET_F_MRG_RXBUF;
	uint32_t n = rt_net.rx.size, first;

	buf_bytes = mtu > LARGE_MTU ? BUF_LARGE : BUF;
	if (!merges && buf_bytes < rt_net.hdr_bytes + NET_OVERHEAD + (uint32_t)mtu)
		buf_bytes = (rt_net.hdr_bytes + NET_OVERHEAD + (uint32_t)mtu + 63) / 64 * 64;
	if (n > BUDGET / buf_bytes)
		n = BUDGET / buf_bytes;
	while (n && !(buffers = aligned_alloc(64, (size_t)n * buf_bytes)))
		n /= 2;
	whole = merges ? malloc(NET_FRAME_MAX) : NULL;
	if (!buffers || (merges && !whole))
		rt_panic("network card: no memory for its buffers");
	n_buffers = (uint16_t)n;
	first = AT_FIRST_BYTES / buf_bytes;
	give_more(first < AT_FIRST ? first : AT_FIRST);
}

/* A buffer that the device gives back, with what it says to have put there. */
static uint8_t *take(uint16_t *id, uint32_t *len)
{
	int used = virtq_take(&rt_net.rx, len);

	if (used < 0)
		return NULL;
	if (used >= given || *len > buf_bytes)
		rt_panic("network card: the device gave %u bytes in buffer %d", *len, used);
	*id = (uint16_t)used;
	return buffers + (uint32_t)used * buf_bytes;
}

/* The rest of a frame whose first buffer has been taken: its length in `whole`; 0 if it is too long. */
static uint32_t gather(const uint8_t *first, uint32_t len, uint16_t more)
{
	uint32_t n = len, part;
	uint16_t id;

	memcpy(whole, first, len);
	for (; more; more--) {
		const uint8_t *b = take(&id, &part);

		if (!b)
			rt_panic("network card: the device gave less buffers than it said");
		if (n && n + part <= NET_FRAME_MAX) {
			memcpy(whole + n, b, part);
			n += part;
		} else {
			n = 0;
		}
		give(id);
	}
	return n;
}

uint32_t net_rx_poll(void (*got)(void *arg, const uint8_t *bytes, uint32_t len, bool checked), void *arg, uint32_t max)
{
	bool merges = rt_net.dev.features & NET_F_MRG_RXBUF;
	uint32_t n = 0, len, hdr = rt_net.hdr_bytes;
	uint16_t id, before = rt_net.rx.last_used;
	uint8_t *b, *at;

	while (n < max && (b = take(&id, &len))) {
		struct net_hdr h = {0};

		if (len < hdr)
			rt_panic("network card: the device gave %u bytes", len);
		memcpy(&h, b, hdr);
		len -= hdr;
		at = b + hdr;
		n++;
		if (merges && h.num_buffers > 1) {
			len = gather(at, len, (uint16_t)(h.num_buffers - 1));
			at = whole;
		}
		if (len)
			got(arg, at, len, h.flags & (NET_NEEDS_CSUM | NET_DATA_VALID));
		give(id);
	}
	if ((uint16_t)(rt_net.rx.last_used - before) >= given / 2)
		give_more(given);
	if (n == max)
		virtq_kick(&rt_net.rx); /* there may be no wait for long: a device without buffers would lose frames */
	return n;
}
