/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio over MMIO (virtio 1.2 §4.2; §4.2.4, the older interface, too) and split queues (§2.7). Every feature is one
 * that a device may lack. A device that breaks the rules ends the guest with a line that names it.
 */
#ifndef RT_VIRTIO_H
#define RT_VIRTIO_H

#include "devices.h"

enum { VIRTIO_NET = 1, VIRTIO_BLK = 2, VIRTIO_CONSOLE = 3, VIRTIO_RNG = 4 };
enum { VIRTIO_QUEUES = 2, VIRTIO_CONFIG_WORDS = 4, VIRTQ_MAX = 1024 };
enum { DESC_NEXT = 1, DESC_WRITE = 2 };

#define VIRTIO_F_EVENT_IDX (1ull << 29)
#define VIRTIO_F_VERSION_1 (1ull << 32)

struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};
struct virtq_elem {
	uint32_t id, len;
};

/* Memory of a queue of n descriptors: those, the available ring and on a page of its own (as the older interface has
 * it) the used ring. A static array, so that it is zero and nobody had to touch it. */
#define VIRTQ_BYTES(n) (((n) * 18 + 6 + 4095) / 4096 * 4096 + (n) * 8 + 6)
#define VIRTQ_MEMORY(name, n) static uint8_t name[VIRTQ_BYTES(n)] __attribute__((aligned(4096)))

/* When the device is to interrupt, at a wait: NEXT: when it uses anything; HALF: once half of what it has is used;
 * NEVER: not at all. */
enum virtq_wake { VIRTQ_NEXT, VIRTQ_HALF, VIRTQ_NEVER };

struct virtq {
	const struct virtio *dev;
	uint8_t *mem;
	uint32_t index;
	uint16_t most, size; /* most: what there is memory for; size: what the device took, a power of two */
	uint16_t avail_idx, told, last_used;
	bool event_idx;
	enum virtq_wake wake;
	struct virtq_desc *desc;
	volatile uint16_t *avail, *used;
};

struct virtio {
	const char *name;
	uint64_t base, features; /* features: first those wanted, then those negotiated */
	uint32_t line;
	bool legacy;
	uint32_t n_queues;
	struct virtq *queue[VIRTIO_QUEUES];
	uint32_t config_words; /* how much of the configuration is read */
	uint32_t config[VIRTIO_CONFIG_WORDS];
};

/* Three steps; of the device name, features, queues (with dev, mem, most and wake), n_queues and config_words are set.
 * find: the first one of that id; its features are then those wanted that it offers, and may be made less. False: there
 * is none. agree: those are used; the queues have their size and rings, the configuration is read. */
bool virtio_find(struct virtio *dev, uint32_t id);
void virtio_agree(struct virtio *dev);
/* The device may go on; its interrupt is routed and rt_wait knows its queues. */
void virtio_ready(struct virtio *dev);

void virtq_lay(struct virtq *q, uint16_t size, bool legacy);
void virtq_show(struct virtq *q, uint16_t head);
/* Head of a used chain, or -1. */
int virtq_take(struct virtq *q, uint32_t *len);
bool virtq_wants_kick(struct virtq *q);
void virtq_kick(struct virtq *q);
uint64_t virtq_bell(const struct virtq *q); /* the register that a kick writes the queue's index to */
/* Asks for an interrupt as q->wake says; false if there is something already. */
bool virtq_arm(struct virtq *q);
void virtq_disarm(struct virtq *q);
void rt_wait_for(struct virtq *q); /* rt_wait arms and tells this one, too */

#endif
