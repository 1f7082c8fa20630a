/* SPDX-License-Identifier: Apache-2.0 */
#include "apic.h"

static bool x2apic;

uint32_t lapic_read(uint32_t reg)
{
	if (x2apic)
		return (uint32_t)rdmsr(MSR_X2APIC + reg / 16);
	return mmio_r32(LAPIC + reg);
}

void lapic_write(uint32_t reg, uint32_t v)
{
	if (x2apic)
		wrmsr(MSR_X2APIC + reg / 16, v);
	else
		mmio_w32(LAPIC + reg, v);
}

void lapic_x2apic(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 1 << 10);
	x2apic = true;
}

void lapic_enable(void)
{
	lapic_write(LAPIC_TPR, 0);
	lapic_write(LAPIC_SVR, 0x100 | VECTOR_SPURIOUS);
}

void lapic_eoi(void)
{
	lapic_write(LAPIC_EOI, 0);
}

uint32_t ioapic_read(uint8_t reg)
{
	mmio_w32(IOAPIC, reg);
	return mmio_r32(IOAPIC + 0x10);
}

void ioapic_write(uint8_t reg, uint32_t v)
{
	mmio_w32(IOAPIC, reg);
	mmio_w32(IOAPIC + 0x10, v);
}

void ioapic_route(uint8_t pin, uint8_t vector, uint32_t flags)
{
	uint32_t id = x2apic ? lapic_read(LAPIC_ID) : lapic_read(LAPIC_ID) >> 24;

	/* Masked while the halves do not belong together. */
	ioapic_write((uint8_t)(0x10 + 2 * pin), IOAPIC_MASKED);
	ioapic_write((uint8_t)(0x11 + 2 * pin), id << 24);
	ioapic_write((uint8_t)(0x10 + 2 * pin), vector | flags);
}

enum { PIC1 = 0x20, PIC2 = 0xa0 };

void pic_remap(void)
{
	outb(PIC1, 0x11); /* ICW1: edge, cascade, ICW4 follows */
	outb(PIC2, 0x11);
	outb(PIC1 + 1, 32); /* ICW2: vectors */
	outb(PIC2 + 1, 40);
	outb(PIC1 + 1, 1 << 2);
	outb(PIC2 + 1, 2);
	outb(PIC1 + 1, 1); /* ICW4: 8086 */
	outb(PIC2 + 1, 1);
	outb(PIC1 + 1, 0xff);
	outb(PIC2 + 1, 0xff);
}

void pic_unmask(uint8_t irq)
{
	if (irq >= 8) {
		outb(PIC2 + 1, (uint8_t)(inb(PIC2 + 1) & ~(1 << (irq - 8))));
		irq = 2;
	}
	outb(PIC1 + 1, (uint8_t)(inb(PIC1 + 1) & ~(1 << irq)));
}

void pic_eoi(uint8_t irq)
{
	if (irq >= 8)
		outb(PIC2, 0x20);
	outb(PIC1, 0x20);
}

enum { PIT_HZ = 1193182, PIT_CHANNEL0 = 0x40, PIT_CONTROL = 0x43 };

void pit_start(uint32_t hz)
{
	uint32_t count = PIT_HZ / hz;

	outb(PIT_CONTROL, 0x34); /* channel 0, low then high byte, mode 2 */
	outb(PIT_CHANNEL0, (uint8_t)count);
	outb(PIT_CHANNEL0, (uint8_t)(count >> 8));
}

void pit_stop(void)
{
	outb(PIT_CONTROL, 0x30); /* mode 0, waits for a count */
}
