/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Idles until interrupts of line irq=N come, count=K times; after each it tells the host by the
 * doorbell. The doorbell is the `ukvmm,doorbell` node of the device tree: a 32-bit write at +0 is a
 * message, at +4 says "interrupts are off, HLT comes next". idle=hlt: without the latter. chip=pic:
 * line through the 8259. tick=lapic, tick=pit: the guest's own timer in place of the line.
 */
#include "apic.h"
#include "tables.h"
#include "trap.h"

enum { VECTOR = 0x60 };

static volatile uint32_t interrupts;
static uint8_t irq;
static bool pic;

__attribute__((interrupt)) static void on_line(struct frame *f)
{
	(void)f;
	interrupts++;
	if (pic)
		pic_eoi(irq);
	else
		lapic_eoi();
}

static uint64_t find_doorbell(void)
{
	struct fdt_node node = {0};
	struct fdt_prop reg;

	if (!fdt_compatible("ukvmm,doorbell", &node) || !fdt_prop(&node, "reg", &reg) ||
		reg.len != 16)
		die("no ukvmm,doorbell in the device tree");
	return be64(reg.value);
}

static void start_timer(void)
{
	if (arg_is("tick", "pit")) {
		irq = 0;
		pit_start(100);
	}
	if (!arg_is("tick", "lapic"))
		return;
	lapic_write(LAPIC_TIMER_DIVIDE, 0xb);
	lapic_write(LAPIC_LVT_TIMER, VECTOR | LVT_PERIODIC);
	lapic_write(LAPIC_TIMER_INITIAL, 5000000);
}

static void open_line(void)
{
	pic_remap();
	lapic_enable();
	start_timer();
	if (pic) {
		trap_set((uint8_t)(32 + irq), on_line);
		pic_unmask(irq);
		return;
	}
	trap_set(VECTOR, on_line);
	if (arg("irq") || arg_is("tick", "pit"))
		ioapic_route(irq, VECTOR, 0);
}

void guest_main(void)
{
	uint32_t count = (uint32_t)arg_number("count", 1), done = 0;
	bool ring = !arg_is("idle", "hlt");
	uint64_t doorbell = find_doorbell();

	irq = (uint8_t)arg_number("irq", 5);
	pic = arg_is("chip", "pic");
	trap_init();
	open_line();
	mmio_w32(doorbell, 0); /* ready */
	while (done < count) {
		while (interrupts == done) {
			if (ring)
				mmio_w32(doorbell + 4, 0);
			wait_for_interrupt();
		}
		done++;
		mmio_w32(doorbell, done);
	}
	if (!arg("tick"))
		check_eq("interrupts", interrupts, count);
}
