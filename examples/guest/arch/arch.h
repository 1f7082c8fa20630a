/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What drivers and the rest of the platform see of an architecture; arch/<name>/ defines it. All of it is called in
 * the mode that functions run in (ring 3 on x86_64), on the guest's one thread.
 */
#ifndef RT_ARCH_H
#define RT_ARCH_H

#include <ukvmm_rt.h>

/* A device's registers. Each access is an exit; what follows has ways to make many of them cheap. */
static inline uint32_t rt_read32(uint64_t at)
{
	return *(volatile uint32_t *)at;
}
static inline void rt_write32(uint64_t at, uint32_t v)
{
	*(volatile uint32_t *)at = v;
}

/* virtio-mmio of version 2 (virtio 1.2 §3.1.1, §4.2.3.2). offer: resets the device, says that a driver is there and reads
 * the lower half of what is offered. (Of the other interface, version 1, this much is the same.) */
void rt_virtio_offer(uint64_t base, uint32_t *version, uint32_t *features);
/* Accepts these features and VERSION_1. To out: the status after it, the size of each queue from the last to the first,
 * words of configuration. */
void rt_virtio_agree(uint64_t base, uint32_t features, uint32_t queues, uint32_t config_words, uint32_t *out);
struct rt_virtio_queue {
	uint64_t desc, driver, device; /* addresses */
	uint32_t size;
};
/* Makes the queues ready, of which the last one is told first; routes the interrupt; DRIVER_OK; kicks the first queue. */
void rt_virtio_start(uint64_t base, const struct rt_virtio_queue *queue, uint32_t n, uint32_t line, bool kick);

/* False: no interrupt ever comes, also none of a timer; do not idle, look. */
bool rt_interrupts(void);
/* Leads an interrupt line to a handler of its own, which acknowledges by writing 3 to `ack`. Lines are numbered as
 * virtio_mmio.device= words number them. */
void rt_irq_route(uint32_t line, uint64_t ack);
/* The line of a device tree's `interrupts` of `len` bytes; UINT32_MAX: none. */
uint32_t rt_irq_of_tree(const void *cells, int len);

/* To be asked before looking whether there is something to do; rt_idle then returns if an interrupt came since. */
uint64_t rt_interrupts_seen(void);
/* Writes to a register if kick_at is not 0, and idles, until an interrupt comes or, unless it is 0, that many ns are
 * over. May return early. */
void rt_idle(uint64_t seen, uint64_t kick_at, uint32_t kick_value, uint64_t ns);
/* Idling writes to this register first (the doorbell's IDLE); 0: it does not. */
void rt_idle_door_at(uint64_t at);
void rt_relax(void); /* in loops that wait for memory to change */

/* Goes on where `to` was left, and keeps in *from where this stack goes on. */
void rt_switch(void **from, void *to);
/* A stack below `top` (some 64 bytes of it are written) that begins with `entry`, which does not return. */
void *rt_stack(void *top, void (*entry)(void));

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
