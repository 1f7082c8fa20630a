/* SPDX-License-Identifier: Apache-2.0 */
/* One request at a time: the way of a kick to the device and of its interrupt back, and little else. */
#include "io.h"

enum { BLK_IN = 0, SECTOR = 512, FILL_MAX = 4096 };

static struct virtio dev;
static struct virtq_seg seg[3];
static uint32_t segs, answer;
static uint8_t *buffer;

static void *area(void)
{
	static struct {
		uint32_t type, reserved;
		uint64_t sector;
	} header __attribute__((aligned(16)));

	header.type = BLK_IN;
	return &header;
}

void io_queue_start(void)
{
	uint32_t id = (uint32_t)arg_number("id", VIRTIO_RNG);
	uint32_t size = (uint32_t)arg_number("size", 16);

	if (!size || size > FILL_MAX)
		die("size= is out of range");
	virtio_start(&dev, id, io_features(), 1, 64);
	buffer = virtio_alloc(FILL_MAX + 1);
	if (id == VIRTIO_BLK) {
		seg[0] = (struct virtq_seg){area(), 16, false};
		seg[1] = (struct virtq_seg){buffer, SECTOR, true};
		seg[2] = (struct virtq_seg){buffer + FILL_MAX, 1, true};
		segs = 3;
		answer = SECTOR + 1;
		return;
	}
	seg[0] = (struct virtq_seg){buffer, size, true};
	segs = 1;
	answer = size;
}

static void round_trip(void)
{
	uint32_t len;
	int head;

	virtq_put(&dev.q[0], 0, seg, segs);
	virtq_wait(&dev.q[0], &dev.q[0]);
	head = virtq_get(&dev.q[0], &len);
	if (head != 0 || len != answer) {
		check_eq("used head", (uint64_t)head, 0);
		check_eq("used length", len, answer);
		finish();
	}
}

void io_queue(void)
{
	uint64_t n = arg_number("n", 1000), before;
	struct io_result r;

	for (int i = 0; i < 16; i++)
		round_trip();
	dev.q[0].kicks = 0;
	io_begin(&r);
	r.irqs = virtio_interrupts(&dev);
	for (uint64_t i = 0; i < n; i++) {
		before = rdtsc();
		round_trip();
		io_sample(rdtsc() - before);
	}
	io_end(&r);
	r.count = n;
	r.bytes = n * answer;
	r.kicks = dev.q[0].kicks;
	r.irqs = virtio_interrupts(&dev) - r.irqs;
	io_report(&r);
}

/* The guest's own share of a round trip, but for its interrupt. */
void io_ring0(void)
{
	uint64_t n = arg_number("n", 1000), before;
	struct io_result r;

	io_begin(&r);
	for (uint64_t i = 0; i < n; i++) {
		before = rdtsc();
		virtq_touch_ring0(&dev.q[0]);
		io_sample(rdtsc() - before);
	}
	io_end(&r);
	r.count = n;
	io_report(&r);
}

void io_rng(void)
{
	static uint8_t last[FILL_MAX];
	uint64_t n = arg_number("n", 10), ones = 0, bits = 0;

	for (uint64_t i = 0; i < n; i++) {
		memset(buffer, 0, answer);
		round_trip();
		check("not what the last request was answered with", memcmp(last, buffer, answer) != 0);
		memcpy(last, buffer, answer);
		for (uint32_t b = 0; b < answer; b++, bits += 8)
			for (uint32_t v = buffer[b]; v; v &= v - 1)
				ones++;
	}
	/* 1024 bits and more: a fair source is off by a tenth once in 10^9 runs */
	if (bits >= 1024)
		check("about as many ones as zeroes", ones * 10 > bits * 4 && ones * 10 < bits * 6);
}
