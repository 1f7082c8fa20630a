/* SPDX-License-Identifier: Apache-2.0 */
/* Frames to and from the peer of io_proto.h (virtio 1.2 section 5.1). At most a window of them is on its way, so
 * that nothing is lost where nothing holds a sender back. */
#include "io.h"
#include "io_net.h"

enum { RX = 0, TX = 1, HDR = 12, NUM_BUFFERS = 10, F_MAC = 5, F_MRG_RXBUF = 15, RX_BYTES_MAX = 12 << 20,
	TX_BYTES_MAX = 12 << 20, MRG_BUFFER = 4096 };

static struct virtio dev;
static uint8_t mac[6], *rx_memory, *tx_memory, *gathered;
static uint32_t rx_stride, rx_slots, tx_stride, tx_slots, tx_free_len;
static uint16_t tx_free[VIRTQ_SIZE];
static bool mergeable;

uint32_t net_size;

static uint32_t at_most(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void rx_put(uint32_t slot)
{
	const struct virtq_seg seg = {rx_memory + slot * rx_stride, rx_stride, true};

	virtq_put(&dev.q[RX], (uint16_t)slot, &seg, 1);
}

static void make_frame(uint32_t slot)
{
	struct io_frame *f = (struct io_frame *)(tx_memory + slot * tx_stride + HDR);

	memset(f->dst, 0x02, sizeof f->dst);
	memcpy(f->src, mac, sizeof f->src);
	f->ethertype[0] = IO_ETHERTYPE >> 8;
	f->ethertype[1] = IO_ETHERTYPE & 0xff;
	tx_free[tx_free_len++] = (uint16_t)slot;
}

void io_net_start(void)
{
	uint64_t want = io_features() | 1ull << F_MAC | (arg_number("mrg", 0) ? 1ull << F_MRG_RXBUF : 0);

	net_size = (uint32_t)arg_number("size", IO_FRAME_MIN);
	if (net_size < IO_FRAME_MIN || net_size > IO_FRAME_MAX)
		die("size= is out of range");
	virtio_start(&dev, VIRTIO_NET, want, 2, VIRTQ_SIZE);
	for (uint32_t i = 0; i < sizeof mac; i++)
		mac[i] = (uint8_t)virtio_config(&dev, i, 1);
	mergeable = dev.features & 1ull << F_MRG_RXBUF;
	rx_stride = mergeable ? MRG_BUFFER : ((net_size < 1514 ? 1514 : net_size) + HDR + 63) & ~63u;
	tx_stride = (net_size + HDR + 63) & ~63u;
	rx_slots = at_most(dev.q[RX].size, RX_BYTES_MAX / rx_stride);
	tx_slots = at_most(dev.q[TX].size, TX_BYTES_MAX / tx_stride);
	rx_memory = virtio_alloc(rx_slots * rx_stride);
	tx_memory = virtio_alloc(tx_slots * tx_stride);
	gathered = virtio_alloc(IO_FRAME_MAX + HDR);
	for (uint32_t i = 0; i < tx_slots; i++)
		make_frame(i);
	for (uint32_t i = 0; i < rx_slots; i++)
		rx_put(i);
}

void net_ready(void)
{
	const struct io_frame *f;

	for (uint32_t i = 0; i < tx_slots; i++)
		io_fill((struct io_frame *)(tx_memory + i * tx_stride + HDR), net_size);
	virtq_mute(&dev.q[TX]);
	virtq_kick(&dev.q[RX]);
	net_send(IO_HELLO, 0, 0, IO_FRAME_MIN);
	do
		net_wait();
	while ((f = net_receive(NULL)) == NULL); /* a tap's host has something to say first */
	if (f->op != IO_READY)
		die("the peer is not ready");
	dev.q[RX].kicks = dev.q[TX].kicks = 0;
}

static void reclaim(void)
{
	int head;

	while ((head = virtq_get(&dev.q[TX], NULL)) >= 0) {
		if ((uint32_t)head >= tx_slots || tx_free_len == tx_slots)
			die("a frame came back that was not sent");
		tx_free[tx_free_len++] = (uint16_t)head;
	}
	virtq_mute(&dev.q[TX]);
}

void net_send(enum io_op op, uint32_t seq, uint32_t count, uint32_t bytes)
{
	struct virtq_seg seg = {NULL, HDR + bytes, false};
	struct io_frame *f;
	uint16_t slot;

	if (!tx_free_len)
		reclaim();
	while (!tx_free_len) {
		virtq_wait(&dev.q[TX], &dev.q[TX]);
		reclaim();
	}
	slot = tx_free[--tx_free_len];
	seg.at = tx_memory + slot * tx_stride;
	f = (struct io_frame *)((uint8_t *)seg.at + HDR);
	f->op = (uint16_t)op;
	f->seq = seq;
	f->count = count;
	f->size = net_size;
	virtq_put(&dev.q[TX], slot, &seg, 1);
}

void net_kick(void)
{
	virtq_kick(&dev.q[TX]);
}

void net_wait(void)
{
	virtq_kick(&dev.q[RX]);
	virtq_wait(&dev.q[RX], &dev.q[TX]);
}

/* The next used buffer: its bytes; 0: there is none. It is offered again after the next call, when nobody looks at
 * it any more. */
static uint32_t buffer(uint8_t **at)
{
	static uint32_t last = UINT32_MAX;
	uint32_t len;
	int head = virtq_get(&dev.q[RX], &len);

	if (last != UINT32_MAX)
		rx_put(last);
	last = UINT32_MAX;
	if (head < 0)
		return 0;
	if ((uint32_t)head >= rx_slots || !len || len > rx_stride)
		die("a used buffer was never offered, or is too long");
	last = (uint32_t)head;
	*at = rx_memory + last * rx_stride;
	return len;
}

/* Section 5.1.6.4: a frame in several buffers, all of which are there when the first one is. */
static uint32_t gather(uint8_t **at, uint32_t len)
{
	uint32_t n = le16(*at + NUM_BUFFERS), total = len;

	if (!n)
		die("num_buffers is 0");
	memcpy(gathered, *at, len);
	while (--n) {
		len = buffer(at);
		if (!len || total + len > IO_FRAME_MAX + HDR)
			die("a part of a frame is missing, or the frame is too long");
		memcpy(gathered + total, *at, len);
		total += len;
	}
	*at = gathered;
	return total;
}

const struct io_frame *net_receive(uint32_t *bytes)
{
	const struct io_frame *f;
	uint8_t *at = NULL;
	uint32_t len;

	while ((len = buffer(&at)) != 0) {
		/* without MRG_RXBUF it is to be 1 (5.1.6.4.1), but QEMU leaves what was there */
		if (mergeable && le16(at + NUM_BUFFERS) != 1)
			len = gather(&at, len);
		f = (const struct io_frame *)(at + HDR);
		if (len < HDR + sizeof *f || f->ethertype[0] != IO_ETHERTYPE >> 8 ||
			f->ethertype[1] != (IO_ETHERTYPE & 0xff))
			continue; /* the host's own, on a tap */
		if (bytes)
			*bytes = len - HDR;
		return f;
	}
	return NULL;
}

void net_begin(struct io_result *r)
{
	uint64_t irqs = virtio_interrupts(&dev);

	dev.q[RX].kicks = dev.q[TX].kicks = 0;
	io_begin(r);
	r->irqs = irqs;
}

void net_end(struct io_result *r, uint64_t n)
{
	io_end(r);
	r->count = n;
	r->bytes = n * net_size;
	r->kicks = dev.q[RX].kicks + dev.q[TX].kicks;
	r->irqs = virtio_interrupts(&dev) - r->irqs;
	io_report(r);
}
