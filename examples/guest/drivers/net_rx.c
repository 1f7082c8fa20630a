/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receiving. The device has some of the buffers, and more when they were short: a guest that gets small requests
 * touches few pages. With MRG_RXBUF a large frame comes in several buffers; without, each holds the largest frame.
 */
#include "net.h"

#include <stdlib.h>
#include <string.h>

enum { BUF = 2048, BUF_LARGE = 16384, LARGE_MTU = 4096, BUDGET = 4 << 20, AT_FIRST = 48 };
enum { AT_FIRST_BYTES = 256 << 10, FRAME_PIECES = 36 };

static uint8_t *buffers;
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
	uint32_t n = rt_net.rx.size, most = rt_net.hdr_bytes + NET_OVERHEAD + (uint32_t)mtu, first;

	buf_bytes = mtu > LARGE_MTU ? BUF_LARGE : BUF;
	if (!(rt_net.dev.features & NET_F_MRG_RXBUF) && buf_bytes < most)
		buf_bytes = (most + 63) / 64 * 64;
	if (n > BUDGET / buf_bytes)
		n = BUDGET / buf_bytes;
	while (n && !(buffers = aligned_alloc(64, (size_t)n * buf_bytes)))
		n /= 2;
	if (!buffers)
		rt_panic("network card: no memory for its buffers");
	n_buffers = (uint16_t)n;
	first = AT_FIRST_BYTES / buf_bytes;
	give_more(first < AT_FIRST ? first : AT_FIRST);
}

/* A buffer that the device gives back, with what it says to have put there. False: none. */
static bool take(uint16_t *id, struct rt_piece *piece)
{
	uint32_t len;
	int used = virtq_take(&rt_net.rx, &len);

	if (used < 0)
		return false;
	if (used >= given || len > buf_bytes)
		rt_panic("network card: the device gave %u bytes in buffer %d", len, used);
	*id = (uint16_t)used;
	*piece = (struct rt_piece){buffers + (uint32_t)used * buf_bytes, len};
	return true;
}

/* The rest of a frame whose first buffer has been taken: how many pieces it has. No frame is as large as all of them. */
static uint32_t gather(struct rt_piece *piece, uint16_t *ids, uint32_t more)
{
	struct rt_piece part;
	uint32_t n = 1;
	uint16_t id;

	for (; more; more--) {
		if (!take(&id, &part))
			rt_panic("network card: the device gave fewer buffers than it said");
		if (n == FRAME_PIECES) {
			give(id);
			continue;
		}
		ids[n] = id;
		piece[n++] = part;
	}
	return n;
}

/* One frame; false: none came. */
static bool receive(net_frame *got, void *arg)
{
	struct rt_piece piece[FRAME_PIECES];
	uint16_t ids[FRAME_PIECES];
	struct net_hdr h = {0};
	uint32_t n = 1;

	if (!take(ids, piece))
		return false;
	if (piece->len < rt_net.hdr_bytes)
		rt_panic("network card: the device gave %u bytes", piece->len);
	memcpy(&h, piece->at, rt_net.hdr_bytes);
	*piece = (struct rt_piece){(const uint8_t *)piece->at + rt_net.hdr_bytes, piece->len - rt_net.hdr_bytes};
	if (rt_net.dev.features & NET_F_MRG_RXBUF && h.num_buffers > 1)
		n = gather(piece, ids, h.num_buffers - 1u);
	got(arg, piece, n, h.flags & (NET_NEEDS_CSUM | NET_DATA_VALID));
	for (uint32_t i = 0; i < n; i++)
		give(ids[i]);
	return true;
}

uint32_t net_rx_poll(net_frame *got, void *arg, uint32_t max)
{
	uint16_t before = rt_net.rx.last_used;
	uint32_t n = 0;

	while (n < max && receive(got, arg))
		n++;
	if ((uint16_t)(rt_net.rx.last_used - before) >= given / 2)
		give_more(given);
	if (n == max)
		virtq_kick(&rt_net.rx); /* there may be no wait for long: a device without buffers would lose frames */
	return n;
}
