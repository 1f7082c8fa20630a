/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of arch/x86_64. */
#ifndef RT_X86_H
#define RT_X86_H

#include "../arch.h"

enum { RT_SLOTS = 7, STATUS_FAULT = 254 };

/* routines.S */
void rt_ring0_offer(uint64_t base, uint32_t out[2]);
void rt_ring0_agree(uint32_t *out, uint32_t features, uint64_t base, uint32_t queues, uint32_t config_words);
struct rt_ring0_queue { /* everything of the guest is below 3 GiB */
	uint32_t size, desc, driver, device;
};
void rt_ring0_start(uint64_t base, const struct rt_ring0_queue *queue, uint32_t kick, uint32_t n, uint64_t ioapic,
	uint32_t select, uint32_t value);
void rt_ring0_idle(uint64_t seen, uint64_t door);
void rt_ring0_timer_idle(uint64_t seen, uint64_t door, uint32_t unused, uint32_t timer);
void rt_ring0_kick_idle(uint64_t at, uint32_t value, uint32_t unused, uint32_t unused2, uint64_t seen, uint64_t door);
void rt_ring0_kick_timer_idle(uint64_t at, uint32_t value, uint32_t unused, uint32_t timer, uint64_t seen, uint64_t door);
void rt_wrmsr(uint32_t msr, uint32_t value);
uint32_t rt_cpuid_ebx(uint32_t leaf); /* as ring 0 sees it: some hosts let ring 3 see their own */
_Noreturn void rt_triple_fault(void);

void rt_boot_read(bool pvh, const uint8_t *info);
extern uint32_t rt_apic_version; /* all ones: there is no local APIC */
void rt_clock_init(void);

#endif
