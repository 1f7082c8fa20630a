/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts through the IOAPIC: the serial port's transmitter on pin 4, edge and level, and the
 * PIT on pin 0. A level line that is still raised at its EOI fires again; level=halt waits for that
 * by HLT.
 */
#include "apic.h"
#include "trap.h"

enum { PIN_PIT = 0, PIN_SERIAL = 4, VECTOR_PIT = 0x40, VECTOR_SERIAL = 0x44, VECTOR_LEVEL = 0x54 };
enum {
	COM1 = 0x3f8,
	COM1_IER = COM1 + 1,
	COM1_IIR = COM1 + 2,
	COM1_MCR = COM1 + 4,
	IER_THRE = 2,
	IIR_THRE = 2,
	SPINS = 3000000
};

static volatile uint32_t pit_fired, serial_fired, level_fired;

__attribute__((interrupt)) static void on_pit(struct frame *f)
{
	(void)f;
	pit_fired++;
	lapic_eoi();
}

__attribute__((interrupt)) static void on_serial(struct frame *f)
{
	(void)f;
	check_eq("IIR: transmitter empty", inb(COM1_IIR) & 0xf, IIR_THRE);
	serial_fired++;
	lapic_eoi();
}

/* Leaves the line up the first time: only the second reads IIR, which lowers it. */
__attribute__((interrupt)) static void on_level(struct frame *f)
{
	(void)f;
	if (++level_fired == 2)
		inb(COM1_IIR);
	lapic_eoi();
}

static void check_registers(void)
{
	check_eq("IOAPIC last pin", ioapic_read(1) >> 16 & 0xff, 23);
	for (uint8_t pin = 0; pin < 24; pin++)
		check("pins start masked", ioapic_read((uint8_t)(0x10 + 2 * pin)) & IOAPIC_MASKED);
	ioapic_write(0x10 + 2 * 9, IOAPIC_MASKED | IOAPIC_LEVEL | 0x77);
	check_eq("entry reads back", ioapic_read(0x10 + 2 * 9) & 0x1afff,
		IOAPIC_MASKED | IOAPIC_LEVEL | 0x77);
	ioapic_write(0x11 + 2 * 9, 0x0f000000);
	check_eq("upper half reads back", ioapic_read(0x11 + 2 * 9) >> 24, 0x0f);
}

static void check_serial_edge(void)
{
	ioapic_route(PIN_SERIAL, VECTOR_SERIAL, 0);
	outb(COM1_MCR, 0x08);
	outb(COM1_IER, IER_THRE);
	while (serial_fired < 1)
		wait_for_interrupt();
	outb(COM1, '.'); /* the transmitter runs empty again: another edge */
	while (serial_fired < 2)
		wait_for_interrupt();
	outb(COM1_IER, 0);
	outb(COM1, '\n');
	ioapic_route(PIN_SERIAL, VECTOR_SERIAL, IOAPIC_MASKED);
	check_eq("one interrupt an edge", serial_fired, 2);
}

/* With interrupts on and without a halt: a kvm_pvm host forgets to report an EOI that a halt
 * follows at once. */
static void spin(uint32_t spins, uint32_t until)
{
	sti();
	for (uint32_t i = 0; i < spins && level_fired < until; i++)
		relax();
	cli();
}

static void check_serial_level(bool halt)
{
	uint32_t settled;

	ioapic_route(PIN_SERIAL, VECTOR_LEVEL, IOAPIC_LEVEL);
	outb(COM1_IER, IER_THRE);
	if (!halt)
		spin(SPINS, 2);
	while (halt && level_fired < 2)
		wait_for_interrupt();
	outb(COM1_IER, 0);
	check("a level line fires again", level_fired >= 2);
	/* kvm_pvm lets one through that was on its way when the line went down. */
	spin(200, ~0u);
	settled = level_fired;
	check("at most one straggler", settled <= 3);
	spin(200, ~0u);
	check_eq("a lowered line is silent", level_fired, settled);
	ioapic_route(PIN_SERIAL, VECTOR_LEVEL, IOAPIC_MASKED);
}

static void check_pit(void)
{
	ioapic_route(PIN_PIT, VECTOR_PIT, 0);
	pit_start(1000);
	while (pit_fired < 5)
		wait_for_interrupt();
	ioapic_route(PIN_PIT, VECTOR_PIT, IOAPIC_MASKED);
	pit_stop();
}

void guest_main(void)
{
	trap_init();
	trap_set(VECTOR_PIT, on_pit);
	trap_set(VECTOR_SERIAL, on_serial);
	trap_set(VECTOR_LEVEL, on_level);
	pic_remap(); /* so that it keeps quiet */
	lapic_enable();
	check_registers();
	check_serial_edge();
	check_serial_level(arg_is("level", "halt"));
	check_pit();
}
