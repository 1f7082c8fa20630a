/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-blk (virtio 1.2 §5.2), reading; and virtio-rng (§5.4), or a generator where there is none. */
#include <string.h>

#include "virtio.h"

enum { SECTOR = 512, AT_ONCE = 1 << 20, SEED_BYTES = 64 };

struct request {
	uint32_t type, reserved;
	uint64_t sector;
};

static struct virtio disk, rng;
static struct virtq disk_q, rng_q;
static uint8_t disk_state, rng_state; /* 0: not looked for, 1: there, 2: not there */
static uint64_t seed;

const uint8_t *rt_devices_seed(int *len);

static bool open_one(struct virtio *dev, struct virtq *q, uint8_t *state, uint32_t id)
{
	if (!*state) {
		*state = virtio_open(dev, id, VIRTIO_F_EVENT_IDX) ? 1 : 2;
		if (*state == 1) {
			virtio_queue(dev, q, 0);
			virtio_ready(dev);
		}
	}
	return *state == 1;
}

uint64_t rt_disk_bytes(void)
{
	uint64_t sectors = 0;

	if (!open_one(&disk, &disk_q, &disk_state, VIRTIO_BLK))
		return 0;
	for (uint32_t i = 0; i < 8; i++)
		sectors |= (uint64_t)virtio_config8(&disk, i) << 8 * i;
	return sectors * SECTOR;
}

static uint32_t await(struct virtq *q)
{
	uint32_t len;

	while (virtq_take(q, &len) < 0)
		rt_wait(0);
	return len;
}

static bool read_some(uint64_t off, void *to, uint32_t len)
{
	struct request r = {.sector = off / SECTOR};
	volatile uint8_t status = 0xff;

	disk_q.desc[0] = (struct virtq_desc){(uintptr_t)&r, sizeof r, DESC_NEXT, 1};
	disk_q.desc[1] = (struct virtq_desc){(uintptr_t)to, len, DESC_NEXT | DESC_WRITE, 2};
	disk_q.desc[2] = (struct virtq_desc){(uintptr_t)&status, 1, DESC_WRITE, 0};
	virtq_show(&disk_q, 0);
	await(&disk_q);
	return !status;
}

int rt_disk_read(uint64_t off, void *to, size_t len)
{
	uint8_t *at = to;

	if (!open_one(&disk, &disk_q, &disk_state, VIRTIO_BLK) || off % SECTOR || len % SECTOR)
		return -1;
	for (size_t n; len; off += n, at += n, len -= n) {
		n = len < AT_ONCE ? len : AT_ONCE;
		if (!read_some(off, at, (uint32_t)n))
			return -1;
	}
	return 0;
}

/* splitmix64: no secrets from it */
static uint8_t next_byte(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (uint8_t)(z >> 56);
}

static void generate(uint8_t *out, size_t len)
{
	int n = 0;
	const uint8_t *from = seed ? NULL : rt_devices_seed(&n);

	for (int i = 0; from && i < n; i++)
		seed = (seed ^ from[i]) * 0x100000001b3u;
	if (!seed)
		seed = rt_realtime() ^ rt_now();
	while (len--)
		*out++ = next_byte();
}

void rt_random(void *out, size_t len)
{
	uint8_t *at = out;

	if (!open_one(&rng, &rng_q, &rng_state, VIRTIO_RNG)) {
		generate(out, len);
		return;
	}
	while (len) {
		uint32_t want = len < 65536 ? (uint32_t)len : 65536, got;

		rng_q.desc[0] = (struct virtq_desc){(uintptr_t)at, want, DESC_WRITE, 0};
		virtq_show(&rng_q, 0);
		got = await(&rng_q);
		if (got > want)
			rt_panic("the random device gave more than was asked for");
		at += got;
		len -= got;
	}
}
