/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What drivers and the rest of the platform see of an architecture; arch/<name>/ defines it. All of it is called in
 * the mode that functions run in (ring 3 on x86_64), on the guest's one thread.
 */
#ifndef RT_ARCH_H
#define RT_ARCH_H

#include <ukvmm_rt.h>

enum rt_op_kind { RT_WRITE, RT_READ, RT_ARCH /* from here on the architecture's own */ };

struct rt_op {
	uint64_t at;    /* of a device's register */
	uint32_t value; /* RT_READ: what was read */
	uint32_t kind;
};

/* Does n operations in order, in the mode in which a device's register is cheap: one change of mode for all of them.
 * Then idles if asked, unless an interrupt has come since the last time it did. Not reentrant. */
void rt_ops(struct rt_op *op, size_t n, bool idle);

static inline void rt_write32(uint64_t at, uint32_t v)
{
	*(volatile uint32_t *)at = v;
}

/* False: no interrupt ever comes, also none of a timer; do not idle, look. */
bool rt_interrupts(void);
/* Operations that lead an interrupt line to a handler of its own, which acknowledges by writing 3 to `ack`; how
 * many they are. Lines are numbered as virtio_mmio.device= words number them. */
enum { RT_IRQ_OPS = 4 };
uint32_t rt_irq_ops(struct rt_op *op, uint32_t line, uint64_t ack);
/* The line of a device tree's `interrupts` of `len` bytes. */
uint32_t rt_irq_of_tree(const void *cells, int len);
/* An operation that makes an interrupt after so many nanoseconds, at the latest. */
struct rt_op rt_timer_op(uint64_t ns);
/* Idling writes to this register first (the doorbell's IDLE); 0: it does not. */
void rt_idle_door_at(uint64_t at);
void rt_relax(void); /* in loops that wait for memory to change */

/* The serial line; never waits for a reader. read: how many bytes were there, at most len. */
void rt_serial_write(const char *bytes, size_t len);
size_t rt_serial_read(char *bytes, size_t len);
/* Ends the guest in every way that this architecture's machines know, the one with a status first. */
_Noreturn void rt_off(int status);

/* What the boot protocol said. The device tree is NULL where there is none. */
struct rt_boot {
	const char *cmdline;
	const void *fdt;
	uint64_t initrd, initrd_bytes, ram_end; /* RAM from the image on without a gap */
};
extern struct rt_boot rt_boot;
void rt_heap_init(void);

#endif
