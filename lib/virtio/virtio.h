/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio-mmio transport (virtio 1.2 section 4.2, version register 2) and its split queues
 * (section 2.7). The driver is hostile and runs at the same time: every guest structure is copied
 * once and only the copy is used, every index and length is checked, every loop is bounded by the
 * queue size. A violation marks the device DEVICE_NEEDS_RESET with a counted reason; the guest
 * recovers by a reset.
 *
 * Threads: register accesses come from vCPU threads, queue calls from the device's callback thread;
 * one lock per device, taken here. Callbacks to virtio_host are made with that lock held and must
 * not call back.
 */
#ifndef VIRTIO_H
#define VIRTIO_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <ukvmm/device.h>

#include "mem.h"
#include "state.h"

enum { VIRTIO_QUEUES = 8, VIRTIO_QUEUE_SIZE = 1024, VIRTIO_CONFIG_BYTES = 256 };

/*
 * What the transport asks of its machine.
 * interrupt  raise the device's edge interrupt: once when InterruptStatus becomes non-zero, and
 *            again when an acknowledge leaves a bit set.
 * kick       queue q may have chains to pop. Said once until the next pop on that queue: the
 *            machine must see to it that the device looks. Also said at DRIVER_OK, after a load, and
 *            when a push makes room for a chain that found none.
 * driver_ok  the device is live with these negotiated features.
 * reset      status 0 was written: every chain popped before is void. Tell the device, on its
 *            callback thread, then call virtio_dev_reset_done. Until then pop yields nothing, and
 *            kick, driver_ok and a further reset wait.
 * broken     the driver broke the protocol; one of virtio_violation_name. Once until a reset.
 */
struct virtio_host {
	void (*interrupt)(void *ctx);
	void (*kick)(void *ctx, uint32_t q);
	void (*driver_ok)(void *ctx, uint64_t features);
	void (*reset)(void *ctx);
	void (*broken)(void *ctx, const char *reason);
};

/* What drivers do wrong. The first group is refused, and nothing changes; the second one makes
 * the device need a reset. */
enum virtio_violation {
	VIRTIO_OK,
	VIRTIO_REGISTER_ACCESS,	  /* control register by other than an aligned 32-bit access */
	VIRTIO_REGISTER_WRITE,	  /* write of a read-only or unknown register */
	VIRTIO_STATUS_ORDER,	  /* a step of section 3.1.1 left out, or a bit cleared */
	VIRTIO_FEATURES_TIME,	  /* driver features written outside of DRIVER */
	VIRTIO_FEATURES_OFFERED,  /* FEATURES_OK with features that were not offered */
	VIRTIO_QUEUE_FROZEN,	  /* queue register outside of FEATURES_OK or while ready */
	VIRTIO_QUEUE_ABSENT,	  /* queue register or notification of a queue that does not exist */
	VIRTIO_QUEUE_NUM,	  /* size not a power of two in 1 to QueueNumMax; stays 0 */
	VIRTIO_NOTIFY_TIME,	  /* notification before DRIVER_OK or of a queue that is not ready */

	VIRTIO_RING_PLACE,	  /* made ready without size; misaligned; not in one region */
	VIRTIO_AVAIL_JUMP,	  /* avail idx ahead by more than the queue size */
	VIRTIO_HEAD_RANGE,	  /* head not below the queue size */
	VIRTIO_HEAD_BUSY,	  /* head of a chain that is in flight */
	VIRTIO_NEXT_RANGE,	  /* next outside of the table */
	VIRTIO_CHAIN_LONG,	  /* more descriptors than the table has: a loop */
	VIRTIO_CHAIN_ORDER,	  /* device-readable after device-writable */
	VIRTIO_CHAIN_TOTAL,	  /* over 4 GiB - 1 bytes */
	VIRTIO_BUFFER_PLACE,	  /* empty, or not wholly in one region */
	VIRTIO_INDIRECT_REFUSED,  /* without the feature, inside an indirect table, or with NEXT */
	VIRTIO_INDIRECT_TABLE,	  /* length not a multiple of 16; not in one region */
	VIRTIO_VIOLATIONS
};

struct virtio_config {
	uint32_t virtio_id, queues, config_bytes;
	uint64_t features; /* of the device type; the transport adds its own */
	uint64_t config_writable; /* by the driver: a bit for each of the first 64 bytes */
	struct mem *mem;
	const struct virtio_host *host;
	void *ctx;
};

struct virtio_dev; /* private */

/* -EINVAL: a number over its limit, or a feature bit that is the transport's. config is copied; mem
 * and host are borrowed. */
int virtio_dev_new(struct virtio_dev **out, const struct virtio_config *config);
void virtio_dev_free(struct virtio_dev *dev);

/* Register accesses at `off` inside the device's page, width 1, 2, 4 or 8. Other widths read
 * all-ones, as do control registers unless aligned and 4 wide, and config bytes past the end. */
uint64_t virtio_mmio_read(struct virtio_dev *dev, uint64_t off, uint32_t width);
void virtio_mmio_write(struct virtio_dev *dev, uint64_t off, uint32_t width, uint64_t value);

struct ukvmm_queue *virtio_dev_queue(struct virtio_dev *dev, uint32_t q);
/* Looks at every queue as if the driver had notified it: for notifications that do not say which. */
void virtio_dev_kick_all(struct virtio_dev *dev);
/* -EINVAL: outside of the config space. */
int virtio_dev_get_config(struct virtio_dev *dev, uint32_t off, void *bytes, uint32_t len);
/* Replaces config bytes, bumps the generation and raises the configuration-change interrupt.
 * -EINVAL: outside of the config space. */
int virtio_dev_set_config(struct virtio_dev *dev, uint32_t off, const void *bytes, uint32_t len);
/* The device has forgotten its chains after virtio_host.reset: frees those that it did not push and
 * lets the queues be popped again. */
void virtio_dev_reset_done(struct virtio_dev *dev);

uint64_t virtio_dev_violations(const struct virtio_dev *dev); /* any thread */
bool virtio_dev_used(const struct virtio_dev *dev); /* has a driver ever started it? Any thread */
uint64_t virtio_dev_violations_of(const struct virtio_dev *dev, enum virtio_violation which);
const char *virtio_violation_name(enum virtio_violation which);
/* Chains popped and not yet pushed, void ones included, over all queues. */
uint32_t virtio_dev_in_flight(struct virtio_dev *dev);
/* As ukvmm_queue_push of each, but the driver sees all of them or none: for what several chains hold together. */
void virtio_queue_push_all(struct ukvmm_queue *queue, struct ukvmm_chain *const *chain, uint32_t n);
/* Takes a pop back, as if it had not been: only of the last chain popped, and then of the one before... The driver's
 * wish to notify is not renewed: the device knows when to come again. Frees the chain. */
void virtio_queue_unpop(struct ukvmm_queue *queue, struct ukvmm_chain *chain);
/*
 * Where the rest of the device-readable part lies, in at most `most` pieces: how many; 0: in more, or there is none.
 * If not 0, a reset of the driver's waits until virtio_chain_let_go, and the driver may change the bytes at any
 * moment: for handing them, unread, to a system call that does not block.
 */
uint32_t virtio_chain_hold(struct ukvmm_chain *chain, struct iovec *iov, uint32_t most);
void virtio_chain_let_go(struct ukvmm_chain *chain);
/* Chains ever popped from a queue: how lib/vm sees that a budget was used up. */
uint64_t virtio_queue_popped(const struct ukvmm_queue *queue);
/* Bytes that were there to read in chains ever popped: how it sees bulk data. */
uint64_t virtio_queue_popped_bytes(const struct ukvmm_queue *queue);
/*
 * Transport and queue state; -EBUSY while chains are in flight or a reset is not done. A load
 * checks every value (-EINVAL, and nothing has changed) and kicks every ready queue; it raises no
 * interrupt and does not call driver_ok: the interrupt chip's and the device's own state hold those.
 * Guest memory must have been loaded before.
 */
int virtio_dev_walk(struct virtio_dev *dev, struct ukvmm_state *s);

#endif
