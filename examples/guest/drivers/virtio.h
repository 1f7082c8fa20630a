/* SPDX-License-Identifier: Apache-2.0 */
/* Drivers' side of virtio-mmio version 2 and of split queues (virtio 1.2 §4.2, §2.7). Memory is mapped one to one. A
 * device that breaks the rules ends the guest. */
#ifndef RT_VIRTIO_H
#define RT_VIRTIO_H

#include "../arch/x86_64/arch.h"

enum { VIRTIO_NET = 1, VIRTIO_BLK = 2, VIRTIO_RNG = 4, VIRTQ_SIZE = 256 };
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

/* Rings of the full size, whatever the device takes: it is told where each part is. */
struct virtq {
	uint64_t notify;
	uint32_t index;
	uint16_t size, avail_idx, told, last_used;
	bool event_idx, lazy; /* lazy: an interrupt only when all that is under way is done */
	struct virtq_desc *desc;
	volatile uint16_t *avail, *used;
};

struct virtio {
	uint64_t base, features;
	uint32_t gsi;
};

/* Reads the device tree or the command line; once. */
void rt_devices_find(void);
uint64_t rt_devices_tsc_hz(void); /* 0: not said */

/* The first device of that type; negotiates and routes its interrupt. False: none. */
bool virtio_open(struct virtio *dev, uint32_t id, uint64_t features);
void virtio_queue(struct virtio *dev, struct virtq *q, uint32_t index);
void virtio_ready(struct virtio *dev);
uint8_t virtio_config8(const struct virtio *dev, uint32_t at);

void virtq_show(struct virtq *q, uint16_t head);
/* Head of a used chain, or -1. */
int virtq_take(struct virtq *q, uint32_t *len);
bool virtq_wants_kick(struct virtq *q);
void virtq_kick(struct virtq *q);

#endif
