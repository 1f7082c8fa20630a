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
/* Puts a function declared __attribute__((interrupt)) at a vector, reachable from ring 3 only by
 * hardware. */
void trap_set(uint8_t vector, void (*handler)(struct frame *));
/* The same for assembly and for exceptions with an error code. */
void trap_set_raw(uint8_t vector, const void *handler);

#endif
