/* SPDX-License-Identifier: Apache-2.0 */
/* Page tables of the guest's own, and life in ring 3 (which runs at native speed where ring 0 is
 * emulated). */
#ifndef RING3_H
#define RING3_H

#include "guest.h"

enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_PS = 0x80 };

extern uint64_t pml4[512], pdpt[512],
	pd[2048]; /* start32.S; unused by the 64-bit entry until mapped */

/* Maps the first 4 GiB one to one by 2 MiB pages with these PTE_* flags besides P and W, and loads
 * CR3. Only the ranges [0, low) and [3 GiB, 4 GiB) where `low` saves time. */
void map_identity(uint64_t low, uint64_t flags);

/* GDT with a TSS whose ring-0 stack takes interrupts from ring 3; SSE on; memory open to ring 3. */
void ring3_init(void);
/* Calls fn in ring 3 with I/O privilege level 3 and every port open. It must end the guest. */
__attribute__((noreturn)) void ring3_enter(void (*fn)(void));
/* In ring 3: waits for one interrupt. HLT faults into a ring-0 stub that idles: needs ring3_init.
 */
void ring3_wait(void);

#endif
