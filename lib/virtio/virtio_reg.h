/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of virtio 1.2: registers (section 4.2.2), status (2.1), features (6), ring (2.7). */
#ifndef VIRTIO_REG_H
#define VIRTIO_REG_H

#include <stdint.h>

enum {
	REG_MAGIC = 0x000,
	REG_VERSION = 0x004,
	REG_DEVICE_ID = 0x008,
	REG_VENDOR_ID = 0x00c,
	REG_DEVICE_FEATURES = 0x010,
	REG_DEVICE_FEATURES_SEL = 0x014,
	REG_DRIVER_FEATURES = 0x020,
	REG_DRIVER_FEATURES_SEL = 0x024,
	REG_QUEUE_SEL = 0x030,
	REG_QUEUE_NUM_MAX = 0x034,
	REG_QUEUE_NUM = 0x038,
	REG_QUEUE_READY = 0x044,
	REG_QUEUE_NOTIFY = 0x050,
	REG_INTERRUPT_STATUS = 0x060,
	REG_INTERRUPT_ACK = 0x064,
	REG_STATUS = 0x070,
	REG_QUEUE_DESC_LOW = 0x080,
	REG_QUEUE_DESC_HIGH = 0x084,
	REG_QUEUE_DRIVER_LOW = 0x090,
	REG_QUEUE_DRIVER_HIGH = 0x094,
	REG_QUEUE_DEVICE_LOW = 0x0a0,
	REG_QUEUE_DEVICE_HIGH = 0x0a4,
	REG_SHM_SEL = 0x0ac,
	REG_SHM_LEN_LOW = 0x0b0,
	REG_SHM_LEN_HIGH = 0x0b4,
	REG_SHM_BASE_LOW = 0x0b8,
	REG_SHM_BASE_HIGH = 0x0bc,
	REG_QUEUE_RESET = 0x0c0,
	REG_CONFIG_GENERATION = 0x0fc,
	REG_CONFIG = 0x100,
};

#define VIRTIO_MAGIC 0x74726976u  /* "virt" */
#define VIRTIO_VENDOR 0x4d564b55u /* "UKVM" */

enum {
	STATUS_ACKNOWLEDGE = 1,
	STATUS_DRIVER = 2,
	STATUS_DRIVER_OK = 4,
	STATUS_FEATURES_OK = 8,
	STATUS_NEEDS_RESET = 64,
	STATUS_FAILED = 128,
};

enum { INTERRUPT_USED = 1, INTERRUPT_CONFIG = 2 };

#define FEATURE_INDIRECT_DESC (1ull << 28)
#define FEATURE_EVENT_IDX (1ull << 29)
#define FEATURE_VERSION_1 (1ull << 32)
#define FEATURES_TRANSPORT 0x0003ffffff000000ull /* bits 24 to 49 are not the device type's */

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };
enum { AVAIL_NO_INTERRUPT = 1, USED_NO_NOTIFY = 1 };

struct ring_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

/* The driver changes what it owns at any moment: every access of these is atomic. */
struct ring_avail {
	_Atomic uint16_t flags, idx;
	_Atomic uint16_t ring[]; /* [size] is used_event */
};

struct ring_used {
	_Atomic uint16_t flags, idx;
	struct ring_used_elem {
		_Atomic uint32_t id, len;
	} ring[]; /* the 16 bits at [size] are avail_event */
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rings and registers are little-endian");
_Static_assert(sizeof(struct ring_desc) == 16, "virtio 1.2 2.7.5");
_Static_assert(sizeof(struct ring_used_elem) == 8, "virtio 1.2 2.7.8");

#endif
