/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-blk (virtio 1.2 §5.2), reading: up to eight requests are under way, so that a host that does one after the
 * other finds the next, and one that does several at once can. */
#include "virtio.h"

enum { SECTOR = 512, QUEUE = 32, DEPTH = 8, CHAIN = 3, AT_ONCE = 1 << 20, T_IN = 0, S_OK = 0 };
enum { CONFIG_WORDS = 3, CONFIG_SIZE_MAX = 2 };

#define BLK_F_SIZE_MAX (1ull << 1)

static struct virtio dev;
static struct virtq q;
VIRTQ_MEMORY(memory, QUEUE);
static enum { UNKNOWN, THERE, MISSING } state;
static uint32_t depth, at_once;

static struct request { /* its descriptors are CHAIN * its number and the next ones */
	uint32_t type, reserved;
	uint64_t sector;
	uint8_t status;
	bool busy;
} request[DEPTH];

/* A segment is as long as the device takes: whole sectors, one at the least. */
static void limits(void)
{
	at_once = AT_ONCE;
	if (dev.features & BLK_F_SIZE_MAX && dev.config[CONFIG_SIZE_MAX] < at_once)
		at_once = dev.config[CONFIG_SIZE_MAX] / SECTOR * SECTOR;
	depth = q.size / CHAIN < DEPTH ? q.size / CHAIN : DEPTH;
	if (!at_once || !depth)
		rt_panic("disk: segments of %u bytes, a queue of %u", dev.config[CONFIG_SIZE_MAX], q.size);
}

static bool is_there(void)
{
	if (state == UNKNOWN) {
		dev = (struct virtio){.name = "disk", .features = BLK_F_SIZE_MAX, .n_queues = 1, .queue = {&q},
			.config_words = CONFIG_WORDS};
		q = (struct virtq){.dev = &dev, .mem = memory, .most = QUEUE};
		state = virtio_find(&dev, VIRTIO_BLK) ? THERE : MISSING;
		if (state == THERE) {
			virtio_agree(&dev);
			limits();
			virtio_ready(&dev);
		}
	}
	return state == THERE;
}

uint64_t rt_disk_bytes(void)
{
	return is_there() ? ((uint64_t)dev.config[1] << 32 | dev.config[0]) * SECTOR : 0;
}

static void begin(uint32_t i, uint64_t off, void *to, uint32_t len)
{
	struct request *r = &request[i];
	struct virtq_desc *d = q.desc + i * CHAIN;
	uint16_t at = (uint16_t)(i * CHAIN);

	*r = (struct request){.type = T_IN, .sector = off / SECTOR, .status = UINT8_MAX, .busy = true};
	d[0] = (struct virtq_desc){(uintptr_t)r, 16, DESC_NEXT, (uint16_t)(at + 1)};
	d[1] = (struct virtq_desc){(uintptr_t)to, len, DESC_NEXT | DESC_WRITE, (uint16_t)(at + 2)};
	d[2] = (struct virtq_desc){(uintptr_t)&r->status, 1, DESC_WRITE, 0};
	virtq_show(&q, at);
}

/* Waits for one of them: its number; *ok: it was read. */
static uint32_t end(bool *ok)
{
	uint32_t len, i;
	int head;

	while ((head = virtq_take(&q, &len)) < 0)
		rt_wait(0);
	i = (uint32_t)head / CHAIN;
	if (head % CHAIN || i >= DEPTH || !request[i].busy)
		rt_panic("disk: the device used what it was not given");
	request[i].busy = false;
	if (*(volatile uint8_t *)&request[i].status != S_OK)
		*ok = false;
	return i;
}

int rt_disk_read(uint64_t off, void *to, size_t len)
{
	uint8_t *at = to;
	uint32_t busy = 0, free_one = 0, n;
	bool ok = true;

	if (!is_there() || off % SECTOR || len % SECTOR)
		return -1;
	while (busy || (len && ok)) {
		if (!len || !ok || busy == depth) {
			free_one = end(&ok);
			busy--;
		} else {
			n = len < at_once ? (uint32_t)len : at_once;
			begin(free_one, off, at, n);
			off += n;
			at += n;
			len -= n;
			free_one = ++busy;
		}
	}
	return ok ? 0 : -1;
}
