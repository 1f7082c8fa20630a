/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's virtio-mmio driver over fake guest memory, and a machine that records what it is asked. */
#ifndef TEST_GUEST_H
#define TEST_GUEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "virtio.h"
#include "virtio_reg.h"

#define LOW_BYTES 0x800000ull	/* RAM is [0, 8 MiB) and [1 GiB, 1 GiB + 8 MiB) */
#define HIGH_BASE 0x40000000ull
#define HIGH_BYTES 0x800000ull
#define BUFFERS 0x400000ull	/* free for tests from here to LOW_BYTES */
#define FEATURES_ALL (FEATURE_VERSION_1 | FEATURE_INDIRECT_DESC | FEATURE_EVENT_IDX)

enum {
	ACK = STATUS_ACKNOWLEDGE,
	DRV = ACK | STATUS_DRIVER,
	FOK = DRV | STATUS_FEATURES_OK,
	DOK = FOK | STATUS_DRIVER_OK,
	CONFIG_BYTES = 24,
};

struct guest_queue {
	uint32_t size;
	uint64_t desc, avail, used;
	uint16_t avail_idx, used_idx;
};

struct guest {
	struct mem mem;
	struct virtio_dev *dev;
	struct guest_queue q[VIRTIO_QUEUES];
	uint32_t interrupts, kicks[VIRTIO_QUEUES], driver_oks, resets, brokens;
	uint64_t features;	/* driver_ok's argument */
	const char *reason;	/* broken's */
};

void guest_init(struct guest *g, uint32_t queues, uint64_t device_features);
/* With another machine: for tests with threads. */
void guest_init_host(struct guest *g, uint32_t queues, const struct virtio_host *machine, void *ctx);
void guest_fini(struct guest *g);
/* A second device over a copy of `from`'s memory (rings, 320 KiB of BUFFERS), and the driver's view
 * of its queues. */
void guest_clone(struct guest *g, const struct guest *from, uint32_t queues, uint64_t device_features);

void assert_same_memory(struct guest *a, struct guest *b); /* what guest_clone copies */

uint32_t reg_get(struct guest *g, uint64_t off);
void reg_set(struct guest *g, uint64_t off, uint32_t value);
uint64_t count_of(const struct guest *g, enum virtio_violation why);

/* Reset, then as a driver does up to `status`, with FAILED last; no features, no queues. */
void bring_to(struct guest *g, uint32_t status);
/* Reset up to FEATURES_OK; the machine answers the reset. */
void guest_negotiate(struct guest *g, uint64_t features);
/* The registers of queue q with rings of `size` at the usual place, without QueueReady. */
void guest_queue_place(struct guest *g, uint32_t q, uint32_t size);
void guest_queue_up(struct guest *g, uint32_t q, uint32_t size);
/* All of it: queue 0 to `queues` - 1 of `size`, DRIVER_OK. */
void guest_up(struct guest *g, uint32_t queues, uint32_t size, uint64_t features);

void guest_desc_at(struct guest *g, uint64_t table, uint32_t i, uint64_t addr, uint32_t len,
	uint16_t flags, uint16_t next);
void guest_desc(struct guest *g, uint32_t q, uint32_t i, uint64_t addr, uint32_t len,
	uint16_t flags, uint16_t next);
void guest_offer(struct guest *g, uint32_t q, uint16_t head); /* avail ring, no notification */
void guest_notify(struct guest *g, uint32_t q);
/* The next used element; false: none. */
bool guest_take(struct guest *g, uint32_t q, uint32_t *id, uint32_t *len);

void *guest_at(struct guest *g, uint64_t gpa, uint64_t len);
uint16_t guest_avail_event(struct guest *g, uint32_t q);
void guest_used_event(struct guest *g, uint32_t q, uint16_t value);
uint16_t guest_used_flags(struct guest *g, uint32_t q);
void guest_avail_flags(struct guest *g, uint32_t q, uint16_t value);

struct ukvmm_chain *pop(struct guest *g, uint32_t q);
void push(struct guest *g, uint32_t q, struct ukvmm_chain *chain);
void notify(struct guest *g, uint32_t q);

#endif
