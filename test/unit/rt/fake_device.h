/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio device, played by a test in the driver's own address space: what the architecture does for the drivers of
 * examples/guest ends here. One device, opened once: each test is a process of its own.
 */
#ifndef FAKE_DEVICE_H
#define FAKE_DEVICE_H

#include "virtio.h"

struct fake_queue {
	volatile struct virtq_desc *desc;
	volatile uint16_t *avail, *used;
	uint32_t size, seen; /* seen: how many chains the device has taken */
};

extern struct fake_device {
	uint32_t id, version, features; /* what is offered */
	bool refuses;			/* what it offered */
	uint32_t queue_max;
	uint32_t config[VIRTIO_CONFIG_WORDS];
	void (*idle)(void); /* the guest has nothing to do */
	uint32_t accepted, kicks, idles;
	struct fake_queue queue[VIRTIO_QUEUES];
	uint8_t registers[4096];
} fake;

/* The next chain that the driver gave: its head, or -1. */
int fake_take(struct fake_queue *q);
/* Gives it back. */
void fake_use(struct fake_queue *q, uint32_t head, uint32_t len);
/* Runs one test in a process of its own: what it panicked with, "" if it returned; valid until the next one. */
const char *fake_run(void (*test)(const void *arg), const void *arg);

#endif
