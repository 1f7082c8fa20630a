/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of arch/x86_64. */
#ifndef RT_X86_H
#define RT_X86_H

#include "../arch.h"

/* stubs.S: makes up to RT_OPS_MAX copies of 32 bits in ring 0, one of both addresses a register's; then one of these. */
enum { RT_RETURN, RT_IDLE, RT_WRMSR, RT_TRIPLE_FAULT };
struct rt_move {
	uint32_t from, to;
};
void rt_batch(const struct rt_move *move, size_t n, uint32_t then);
extern volatile uint32_t rt_msr[2];

void rt_wrmsr(uint32_t msr, uint32_t value);
_Noreturn void rt_triple_fault(void);

enum { RT_SLOTS = 7, APIC_TIMER = 0xfee00380, STATUS_PANIC = 253, STATUS_FAULT = 254 };

void rt_boot_read(bool pvh, const uint8_t *info);
extern uint32_t rt_apic_version; /* all ones: there is no local APIC */
void rt_clock_init(bool kvm);

#endif
