/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts what a guest of the function runtime executes in ring 0, by stepping through it instruction by instruction on a
 * VM of its own, without the library. The guest is started by the Linux 64-bit protocol as Firecracker does it: a zero
 * page and nothing else, no device tree, no devices. (It takes a KVM whose guests can be stepped: QEMU's emulated SVM loses the
 * trap flag on the way.) Its first idle is interrupted between STI and HLT, which some emulated CPUs let happen.
 */
#ifndef RING0_H
#define RING0_H

#include <stdint.h>

struct ring0_counts {
	uint32_t entry;	     /* instructions from the entry point to the first of ring 3 */
	uint32_t calls;	     /* ways into ring 0 that the runtime itself asked for (rt_ops) */
	uint32_t interrupts; /* handlers that ran */
	uint32_t call_max, interrupt_max; /* instructions of the longest of each; a handler within a call is not its part */
	uint32_t status;     /* what the guest ended with, by port 0x501 */
	uint32_t early;	     /* 1: an interrupt came before the HLT of the first idle */
	uint32_t halted;     /* 1: and its handler returned to that HLT, which waits for what has been */
	uint32_t pages;	     /* of 4 KiB, resident in its RAM when it ended: tables, image, what it touched */
};

/* Runs the ELF64 image of that path with that command line. 0; -ENODEV: there is no /dev/kvm, or it cannot step; -ELOOP:
 * not done after 20 million steps; -EIO: it ended otherwise than by port 0x501; or what a call failed with. */
int ring0_count(const char *image, const char *cmdline, struct ring0_counts *counts);

#endif
