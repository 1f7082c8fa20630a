/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drivers' side of virtio-mmio version 2 and of split queues (virtio 1.2 sections 4.2 and 2.7), for guests that
 * live in ring 3. One CPU; a wrong device ends the guest. All memory is mapped one to one.
 *
 * Slots instead of a free list: the caller puts its request number s at descriptor head s * k, k being the most
 * descriptors that a request of its has. With INDIRECT negotiated the same chain goes into a table of that head.
 */
#ifndef GUEST_VIRTIO_H
#define GUEST_VIRTIO_H

#include "guest.h"

enum {
	VIRTIO_NET = 1,
	VIRTIO_BLK = 2,
	VIRTIO_CONSOLE = 3,
	VIRTIO_RNG = 4,

	VIRTQ_SIZE = 256, /* at most */
	VIRTQ_CHAIN = 4,  /* descriptors of a request, at most */
	VIRTIO_DEVICES = 2,
	VIRTIO_QUEUES = 2,
};

#define VIRTIO_F_INDIRECT  (1ull << 28)
#define VIRTIO_F_EVENT_IDX (1ull << 29)
#define VIRTIO_F_VERSION_1 (1ull << 32)

struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct virtq_avail {
	uint16_t flags, idx, ring[VIRTQ_SIZE], used_event;
};

struct virtq_used {
	uint16_t flags, idx;
	struct {
		uint32_t id, len;
	} ring[VIRTQ_SIZE];
	uint16_t avail_event;
};

struct virtio;

struct virtq {
	struct virtio *dev;
	uint32_t index;
	uint16_t size, avail_idx, told_idx, last_used;
	struct virtq_desc *desc;
	volatile uint16_t *avail; /* flags, idx, ring[size], used_event */
	volatile uint16_t *used;  /* flags, idx, {id, len} ring[size], avail_event */
	struct virtq_desc (*table)[VIRTQ_CHAIN];
	uint64_t kicks;
};

struct virtio {
	uint64_t base, features;
	uint32_t id, slot;
	uint8_t irq;
	struct virtq q[VIRTIO_QUEUES];
};

struct virtq_seg {
	void *at;
	uint32_t len;
	bool write; /* by the device */
};

/* ---- in ring 0, after ring3_init and lapic_enable ---- */

/* Memory of the guest's own from 16 MiB on, zeroed by the machine; never given back. */
void *virtio_alloc(size_t bytes);
/*
 * The first device of that type among the virtio_mmio.device= words; its interrupt is routed and served. Accepts
 * `features` (as far as offered, VERSION_1 is added), makes `queues` queues of at most `size` and starts it.
 */
void virtio_start(struct virtio *dev, uint32_t id, uint64_t features, uint32_t queues, uint16_t size);
uint64_t virtio_config(const struct virtio *dev, uint32_t at, uint32_t width);

/* ---- in ring 3 ---- */

void virtq_put(struct virtq *q, uint16_t head, const struct virtq_seg *seg, uint32_t n);
/* Shows what was put to the device and notifies it if it wants to know. */
void virtq_kick(struct virtq *q);
/* Head of the next used chain, or -1. len may be NULL. */
int virtq_get(struct virtq *q, uint32_t *len);
/* Asks for an interrupt by the next used chain of q, then kicks `kick` (may be NULL), then waits until q has a used
 * chain: one way into ring 0 for all of it. */
void virtq_wait(struct virtq *q, struct virtq *kick);
/* The same way into ring 0 and back with nothing to do there: what the guest itself costs. */
void virtq_touch_ring0(struct virtq *q);
/* No interrupts of q until the next virtq_wait of it. */
void virtq_mute(struct virtq *q);
uint64_t virtio_interrupts(const struct virtio *dev);

#endif
