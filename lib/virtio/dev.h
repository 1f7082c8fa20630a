/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the room: the device, its queues and chains. Everything here is guarded by dev->lock
 * but what is marked atomic.
 *
 * A queue's ring addresses are resolved once, when the driver makes it ready; regions do not change
 * after. Buffers are kept as guest addresses and go through lib/mem at each copy.
 */
#ifndef VIRTIO_DEV_H
#define VIRTIO_DEV_H

#include <pthread.h>
#include <stdatomic.h>

#include "virtio.h"
#include "virtio_reg.h"

/*
 * Chains and their segments come from a pool of fixed size per queue, so that no guest makes its
 * VMM grow and no request allocates. It is touched lazily: what a queue never used is not resident.
 * A chain has at most CHAIN_SEGMENTS; when the pool has none left, chains wait in the avail ring.
 */
enum {
	CHAIN_SEGMENTS = VIRTIO_QUEUE_SIZE,
	POOL_SEGMENTS = 4 * CHAIN_SEGMENTS,
	POOL_CHAINS = VIRTIO_QUEUE_SIZE,
};
#define POOL_NONE UINT32_MAX

enum { COPY_LOCKED = 2048 }; /* bytes: longer copies are made without the lock */

struct segment {
	uint64_t gpa;
	uint32_t len;
	uint32_t next; /* index in the pool */
};

struct chain_cursor {
	uint32_t segment, off;
	uint64_t left; /* bytes */
};

struct ukvmm_chain {
	struct ukvmm_queue *queue;
	struct chain_cursor in, out;	/* device-readable, device-writable */
	uint32_t first, last, segments; /* POOL_NONE when empty */
	uint32_t written;
	uint32_t epoch;			/* of the queue when popped: another one there means void */
	uint32_t next_free;
	uint16_t head;
	bool held;			/* by the device */
};

struct pool {
	struct segment segment[POOL_SEGMENTS];
	struct ukvmm_chain chain[POOL_CHAINS];
};

/* Which entries of a pool are free: a list, and everything from `fresh` up. */
struct pool_free {
	uint32_t list, fresh;
};

struct ukvmm_queue {
	struct virtio_dev *dev;
	uint32_t index, size;		/* size: 0 is not valid */
	bool ready, kicked, quiet;	/* quiet: NO_NOTIFY is set in the used ring */
	bool starved;			/* a chain waits for room in the pool */
	uint16_t next_avail, avail_seen;
	uint16_t next_used;
	uint32_t unsignalled;		/* pushes since the last ukvmm_queue_notify */
	uint64_t desc_gpa, avail_gpa, used_gpa;
	const void *desc;
	struct ring_avail *avail;
	struct ring_used *used;
	struct pool *pool;
	struct pool_free free_segments, free_chains;
	uint32_t in_flight;
	uint32_t copies, void_copies; /* under way without the lock; of void chains */
	_Atomic uint32_t epoch;
	_Atomic uint64_t popped, popped_bytes; /* chains; what the device may read of them */
	uint64_t busy[VIRTIO_QUEUE_SIZE / 64]; /* heads in flight */
};

struct virtio_dev {
	pthread_mutex_t lock;
	struct virtio_config config;
	uint64_t offered;
	uint64_t driver_features; /* the negotiated ones from FEATURES_OK on */
	uint32_t status, interrupt_status, generation;
	uint32_t device_features_sel, driver_features_sel, queue_sel;
	pthread_cond_t copied; /* a queue's void_copies became 0 */
	bool resetting; /* virtio_host.reset was called, virtio_dev_reset_done was not */
	uint8_t config_space[VIRTIO_CONFIG_BYTES];
	uint8_t config_device[VIRTIO_CONFIG_BYTES]; /* as the device set it: what the driver wrote ends at a reset */
	struct pool *pools;
	struct ukvmm_queue queue[VIRTIO_QUEUES];
	_Atomic uint64_t violations[VIRTIO_VIOLATIONS];
	atomic_bool used;
};

static inline void dev_lock(struct virtio_dev *dev)
{
	pthread_mutex_lock(&dev->lock);
}

static inline void dev_unlock(struct virtio_dev *dev)
{
	pthread_mutex_unlock(&dev->lock);
}

/* May the device use its queues now? */
static inline bool dev_live(const struct virtio_dev *dev)
{
	uint32_t mask = STATUS_DRIVER_OK | STATUS_NEEDS_RESET | STATUS_FAILED;

	return (dev->status & mask) == STATUS_DRIVER_OK && !dev->resetting;
}

/* All of these: with the lock held. */
void dev_count(struct virtio_dev *dev, enum virtio_violation why);
void dev_break(struct virtio_dev *dev, enum virtio_violation why); /* counts, NEEDS_RESET */
void dev_interrupt(struct virtio_dev *dev, uint32_t bits);
/* Waits for the copies of void chains that are under way; lets go of the lock meanwhile. */
void dev_wait_copies(struct virtio_dev *dev);
void dev_live_begins(struct virtio_dev *dev); /* driver_ok and first kicks */
void status_write(struct virtio_dev *dev, uint32_t value);

/* Resolves the ring addresses. VIRTIO_OK, or why not. */
enum virtio_violation queue_place(struct ukvmm_queue *q);
enum virtio_violation queue_start(struct ukvmm_queue *q);
/* Not ready any more; chains in flight become void. See dev_wait_copies. */
void queue_stop(struct ukvmm_queue *q);
/* Back to the state after virtio_dev_new, but for void chains: they stay until queue_forget. */
void queue_reset(struct ukvmm_queue *q);
void queue_kick(struct ukvmm_queue *q);

/* Copies the chain at `head` into `chain`. VIRTIO_OK, why not, or CHAIN_NO_ROOM: the pool has no
 * segment left. It holds no segment unless VIRTIO_OK. */
#define CHAIN_NO_ROOM VIRTIO_VIOLATIONS
enum virtio_violation chain_collect(struct ukvmm_chain *chain, uint16_t head);

/* There is one: at most `size` heads are in flight, each once. */
struct ukvmm_chain *chain_take(struct ukvmm_queue *q);
void chain_put(struct ukvmm_chain *chain);
uint32_t segment_take(struct ukvmm_queue *q); /* POOL_NONE: none left */
void chain_drop_segments(struct ukvmm_chain *chain);
void queue_forget(struct ukvmm_queue *q); /* takes everything back */

#endif
