/* SPDX-License-Identifier: Apache-2.0 */
/* What the rest of the platform sees of the architecture. */
#ifndef RT_ARCH_H
#define RT_ARCH_H

#include <ukvmm_rt.h>

enum rt_op_kind { RT_WRITE, RT_READ, RT_WRMSR };
enum { RT_OPS = 32, RT_SLOTS = 7 };

struct rt_op {
	uint64_t at;
	uint32_t value; /* RT_READ: what was read */
	uint32_t kind;
};

/* Does n operations in ring 0, then idles if asked unless an interrupt has come since the last time. Not reentrant. */
void rt_ring0(struct rt_op *op, size_t n, bool idle);

static inline uint32_t rt_read32(uint64_t at)
{
	return *(volatile uint32_t *)at;
}
static inline void rt_write32(uint64_t at, uint32_t v)
{
	*(volatile uint32_t *)at = v;
}

/* What the boot protocol said. The device tree is NULL where there is none. */
struct rt_boot {
	const char *cmdline;
	const void *fdt;
	uint64_t initrd, initrd_bytes, ram_end; /* RAM from 1 MiB on without a gap */
};
extern struct rt_boot rt_boot;
void rt_boot_read(bool pvh, const uint8_t *info);
/* Routes a line of the IOAPIC to a handler that acknowledges at that address; slots count from 1. */
void rt_irq_route(uint32_t gsi, uint32_t slot, uint64_t ack);
void rt_clock_init(bool kvm);
void rt_heap_init(void);

#endif
