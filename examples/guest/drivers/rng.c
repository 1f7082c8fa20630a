/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-rng (virtio 1.2 §5.4), or a generator where there is none. */
#include "virtio.h"

enum { QUEUE = 8, AT_ONCE = 65536 };

static struct virtio dev;
static struct virtq q;
VIRTQ_MEMORY(memory, QUEUE);
static enum { UNKNOWN, THERE, MISSING } state;
static uint64_t seed;

static bool is_there(void)
{
	if (state == UNKNOWN) {
		dev = (struct virtio){.name = "random device", .n_queues = 1, .queue = {&q}};
		q = (struct virtq){.dev = &dev, .mem = memory, .most = QUEUE};
		state = virtio_find(&dev, VIRTIO_RNG) ? THERE : MISSING;
		if (state == THERE) {
			virtio_agree(&dev);
			virtio_ready(&dev);
		}
	}
	return state == THERE;
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
	uint32_t want, got;

	if (!is_there()) {
		generate(out, len);
		return;
	}
	for (; len; at += got, len -= got) {
		want = len < AT_ONCE ? (uint32_t)len : AT_ONCE;
		q.desc[0] = (struct virtq_desc){(uintptr_t)at, want, DESC_WRITE, 0};
		virtq_show(&q, 0);
		while (virtq_take(&q, &got) < 0)
			rt_wait(0);
		if (got > want)
			rt_panic("random device: the device gave more than was asked for");
	}
}
