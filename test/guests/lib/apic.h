/* SPDX-License-Identifier: Apache-2.0 */
/* The local APIC (xAPIC, and x2APIC by its MSRs), the IOAPIC, the 8259s and the 8254. */
#ifndef APIC_H
#define APIC_H

#include "guest.h"

enum {
	LAPIC = 0xfee00000,
	LAPIC_ID = 0x20,
	LAPIC_VERSION = 0x30,
	LAPIC_TPR = 0x80,
	LAPIC_EOI = 0xb0,
	LAPIC_SVR = 0xf0,
	LAPIC_ICR_LOW = 0x300,
	LAPIC_ICR_HIGH = 0x310,
	LAPIC_LVT_TIMER = 0x320,
	LAPIC_LVT_LINT0 = 0x350,
	LAPIC_LVT_LINT1 = 0x360,
	LAPIC_TIMER_INITIAL = 0x380,
	LAPIC_TIMER_CURRENT = 0x390,
	LAPIC_TIMER_DIVIDE = 0x3e0,

	LVT_MASKED = 0x10000,
	LVT_PERIODIC = 0x20000,
	LVT_TSC_DEADLINE = 0x40000,
	LVT_NMI = 0x400,
	LVT_EXTINT = 0x700,

	IOAPIC = 0xfec00000,
	IOAPIC_ACTIVE_LOW = 0x2000,
	IOAPIC_LEVEL = 0x8000,
	IOAPIC_MASKED = 0x10000,

	VECTOR_SPURIOUS = 0xff,

	MSR_APIC_BASE = 0x1b,
	MSR_TSC_DEADLINE = 0x6e0,
	MSR_X2APIC = 0x800, /* + register / 16 */
};

/* Both work in the mode that lapic_x2apic chose (xAPIC at first). */
uint32_t lapic_read(uint32_t reg);
void lapic_write(uint32_t reg, uint32_t v);
void lapic_x2apic(void); /* until the reset */
void lapic_enable(void); /* software enable; spurious vector 0xff */
void lapic_eoi(void);

uint32_t ioapic_read(uint8_t reg);
void ioapic_write(uint8_t reg, uint32_t v);
/* Redirects a pin, fixed delivery to this CPU; flags IOAPIC_*. */
void ioapic_route(uint8_t pin, uint8_t vector, uint32_t flags);

/* Vectors 32-39 and 40-47, everything masked. */
void pic_remap(void);
void pic_unmask(uint8_t irq);
void pic_eoi(uint8_t irq);

/* Channel 0, rate generator. */
void pit_start(uint32_t hz);
void pit_stop(void);

#endif
