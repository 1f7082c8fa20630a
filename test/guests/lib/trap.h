/* SPDX-License-Identifier: Apache-2.0 */
/* The IDT. Exceptions end the guest with a line that names them; vectors from 32 up are the
 * guest's. */
#ifndef TRAP_H
#define TRAP_H

#include "guest.h"

struct frame { /* what the CPU pushed */
	uint64_t rip, cs, rflags, rsp, ss;
};

/* Loads an IDT in which every exception reports itself and ends the guest. */
void trap_init(void);
/* Puts a function declared __attribute__((interrupt)) at a vector without an error code, reachable from ring 3 only by
 * hardware. From wait_for_interrupt's HLT it returns behind it. */
void trap_set(uint8_t vector, void (*handler)(struct frame *));
/* The same for assembly and for exceptions with an error code. */
void trap_set_raw(uint8_t vector, const void *handler);

/* Waits for one interrupt, which its handler was put at by trap_set: none can slip in between, STI takes effect after
 * the next instruction. */
void wait_for_interrupt(void);

#endif
