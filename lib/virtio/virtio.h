/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio-mmio transport (virtio 1.2 section 4.2, version register 2) and its split queues (section 2.7).
 * The driver is hostile and runs at the same time: every guest structure is copied once and only the copy is
 * used, every index and length is checked, every loop is bounded by the queue size. A violation marks the
 * device DEVICE_NEEDS_RESET with a counted reason; the guest recovers by a reset.
 *
 * Threads: register accesses come from vCPU threads, queue calls from the device's callback thread; one lock
 * per device, taken here. Callbacks to virtio_host are made with that lock held and must not call back.
 */
#ifndef VIRTIO_H
#define VIRTIO_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ukvmm/device.h>

#include "mem.h"
#include "state.h"

enum { VIRTIO_QUEUES = 8, VIRTIO_QUEUE_SIZE = 1024, VIRTIO_CONFIG_BYTES = 256 };

struct virtio_host { /* what the transport asks of its machine */
	void (*interrupt)(void *ctx);		/* raise the device's (edge) interrupt */
	void (*kick)(void *ctx, uint32_t q);	/* QueueNotify of a ready queue */
	void (*driver_ok)(void *ctx, uint64_t features);
	void (*reset)(void *ctx);		/* status 0 was written: every chain is void */
	void (*broken)(void *ctx, const char *reason);
};

struct virtio_config {
	uint32_t virtio_id, queues, config_bytes;
	uint64_t features; /* of the device type; the transport adds its own */
	const struct mem *mem;
	const struct virtio_host *host;
	void *ctx;
};

struct virtio_dev; /* private */

int virtio_dev_new(struct virtio_dev **out, const struct virtio_config *config);
void virtio_dev_free(struct virtio_dev *dev);

/* Register accesses at `off` inside the device's page, width 1, 2, 4 or 8 (others read all-ones). */
uint64_t virtio_mmio_read(struct virtio_dev *dev, uint64_t off, uint32_t width);
void virtio_mmio_write(struct virtio_dev *dev, uint64_t off, uint32_t width, uint64_t value);

struct ukvmm_queue *virtio_dev_queue(struct virtio_dev *dev, uint32_t q);
/* Would ukvmm_queue_pop find something (or a violation) now? For a device that used up its budget. */
bool virtio_queue_more(struct ukvmm_queue *queue);
/* Replaces config bytes, bumps the generation and raises the configuration-change interrupt. */
int virtio_dev_set_config(struct virtio_dev *dev, uint32_t off, const void *bytes, uint32_t len);
uint64_t virtio_dev_violations(const struct virtio_dev *dev); /* any thread */
/* Chains popped and not yet pushed, over all queues. */
uint32_t virtio_dev_in_flight(struct virtio_dev *dev);
/* Transport and queue state; -EBUSY while chains are in flight. A load checks every value. */
int virtio_dev_walk(struct virtio_dev *dev, struct ukvmm_state *s);

#endif
