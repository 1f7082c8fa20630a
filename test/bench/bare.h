/* SPDX-License-Identifier: Apache-2.0 */
/* The bare sequence of KVM ioctls that the library is measured against: no library code at all. */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include <stdint.h>

/* Opens /dev/kvm and asks for the supported CPUID, once; ends the program when there is none. */
void bare_init(void);

/* One VM of `memory` bytes in long mode with a split irqchip, run to its first exit, then closed. Stores the time
 * from the start to the first exit and to the end, in microseconds. */
void bare_life(uint64_t memory, double *first_exit_us, double *life_us);

#endif
