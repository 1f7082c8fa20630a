/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random reads and writes (virtio 1.2 section 5.2). The disk's pattern: the 8 bytes at offset o hold
 * o / 8 * 0x9e3779b97f4a7c15, plus what the block was written with last.
 */
#include "io.h"

enum { BLK_IN = 0, BLK_OUT = 1, BLK_FLUSH = 4, F_FLUSH = 9, SECTOR = 512, DEPTH_MAX = 64, BLOCK_MAX = 65536,
	BLOCKS_MAX = 1 << 20 };

#define PATTERN 0x9e3779b97f4a7c15ull

struct header {
	uint32_t type, reserved;
	uint64_t sector;
};

static struct request {
	struct header header;
	uint8_t status;
	uint64_t block, began;
	uint8_t *data;
} requests[DEPTH_MAX] __attribute__((aligned(16)));

static struct virtio dev;
static uint64_t blocks, wanted;
static uint32_t size, depth;
static uint8_t *generation; /* of each block; 0: as it came */

void io_blk_start(void)
{
	uint64_t sectors;

	size = (uint32_t)arg_number("size", 4096);
	depth = (uint32_t)arg_number("qd", 1);
	wanted = arg_number("n", 1000);
	if (!size || size % SECTOR || size > BLOCK_MAX || !depth || depth > DEPTH_MAX)
		die("size= or qd= is out of range");
	virtio_start(&dev, VIRTIO_BLK, io_features() | 1ull << F_FLUSH, 1, VIRTQ_SIZE);
	sectors = virtio_config(&dev, 0, 8);
	blocks = sectors / (size / SECTOR);
	if (!blocks || blocks > BLOCKS_MAX)
		die("the disk's capacity does not suit");
	generation = virtio_alloc(blocks);
	for (uint32_t i = 0; i < depth; i++)
		requests[i].data = virtio_alloc(size);
}

static void fill(struct request *r)
{
	uint64_t *w = (uint64_t *)r->data, at = r->block * size / 8, salt = generation[r->block];

	for (uint32_t i = 0; i < size / 8; i++)
		w[i] = (at + i) * PATTERN + salt;
}

static void verify(const struct request *r)
{
	const uint64_t *w = (const uint64_t *)r->data;
	uint64_t at = r->block * size / 8, salt = generation[r->block];

	for (uint32_t i = 0; i < size / 8; i++)
		if (w[i] != (at + i) * PATTERN + salt) {
			print("FAIL block %u word %u: got 0x%x want 0x%x\n", r->block, (uint64_t)i, w[i],
				(at + i) * PATTERN + salt);
			guest_exit(1);
		}
}

static void submit(uint32_t slot, uint32_t type)
{
	struct request *r = &requests[slot];
	struct virtq_seg seg[3] = {
		{&r->header, sizeof r->header, false},
		{r->data, size, type == BLK_IN},
		{&r->status, 1, true},
	};

	r->header = (struct header){type, 0, type == BLK_FLUSH ? 0 : r->block * (size / SECTOR)};
	r->status = 0xff;
	r->began = rdtsc();
	if (type == BLK_FLUSH)
		seg[1] = seg[2];
	virtq_put(&dev.q[0], (uint16_t)(slot * 3), seg, type == BLK_FLUSH ? 2 : 3);
}

/* A write's block must not be under way twice: who is last would be anybody's guess. */
static bool busy(uint64_t block)
{
	for (uint32_t i = 0; i < depth; i++)
		if (requests[i].began && requests[i].block == block)
			return true;
	return false;
}

static void next(uint32_t slot, uint32_t type)
{
	struct request *r = &requests[slot];
	uint64_t block;

	do
		block = io_random() % blocks;
	while (type == BLK_OUT && blocks > depth && busy(block));
	r->block = block;
	if (type == BLK_OUT) {
		generation[block] = (uint8_t)(generation[block] % 255 + 1);
		fill(r);
	}
	submit(slot, type);
}

static struct request *done(uint32_t type)
{
	uint32_t len;
	int head = virtq_get(&dev.q[0], &len);
	struct request *r;

	if (head < 0)
		return NULL;
	if (head % 3 || (uint32_t)head / 3 >= depth)
		die("used head was never offered");
	r = &requests[head / 3];
	if (r->status != 0 || len != (type == BLK_IN ? size + 1 : 1)) {
		check_eq("status", r->status, 0);
		check_eq("used length", len, type == BLK_IN ? size + 1 : 1);
		finish();
	}
	io_sample(rdtsc() - r->began);
	if (type == BLK_IN)
		verify(r);
	r->began = 0;
	return r;
}

static void flush(void)
{
	if (!(dev.features & 1ull << F_FLUSH))
		return;
	submit(0, BLK_FLUSH);
	virtq_wait(&dev.q[0], &dev.q[0]);
	done(BLK_FLUSH);
}

static void work(uint32_t type)
{
	uint64_t started = 0, ended = 0;
	struct request *r;

	while (started < depth && started < wanted)
		next((uint32_t)started++, type);
	while (ended < wanted) {
		virtq_wait(&dev.q[0], &dev.q[0]);
		while ((r = done(type)) != NULL) {
			ended++;
			if (started < wanted) {
				started++;
				next((uint32_t)(r - requests), type);
			}
		}
	}
}

static void measure(uint32_t type)
{
	struct io_result r;

	io_begin(&r);
	work(type);
	if (type == BLK_OUT)
		flush();
	io_end(&r);
	r.count = wanted;
	r.bytes = wanted * size;
	r.kicks = dev.q[0].kicks;
	r.irqs = virtio_interrupts(&dev);
	io_report(&r);
}

void io_blk_read(void)
{
	measure(BLK_IN);
}

void io_blk_write(void)
{
	measure(BLK_OUT);
	for (uint64_t b = 0; b < blocks; b++) {
		if (!generation[b])
			continue;
		requests[0].block = b;
		submit(0, BLK_IN);
		virtq_wait(&dev.q[0], &dev.q[0]);
		done(BLK_IN);
	}
}
