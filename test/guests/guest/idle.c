/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleeps most of its life: ticks=N times (10) the LAPIC timer wakes it after ms=M (100) milliseconds, and it
 * rings the idle doorbell before each wait, so that a scheduler can park it. Then it powers off.
 */
#include "apic.h"
#include "tables.h"
#include "trap.h"

enum { VECTOR = 0x40, DIVIDE_BY_1 = 0xb, COUNTS_PER_MS = 1000000 /* KVM's LAPIC timer counts nanoseconds */ };

static volatile uint32_t fired;

__attribute__((interrupt)) static void on_timer(struct frame *f)
{
	(void)f;
	fired++;
	lapic_eoi();
}

/* 0: the machine has none. */
static uint64_t find_idle_doorbell(void)
{
	struct fdt_node node = { 0 };
	struct fdt_prop reg;

	if (!fdt_compatible("ukvmm,doorbell", &node) || !fdt_prop(&node, "reg", &reg) || reg.len != 16)
		return 0;
	return be64(reg.value) + 4;
}

void guest_main(void)
{
	uint32_t ticks = (uint32_t)arg_number("ticks", 10);
	uint32_t count = (uint32_t)arg_number("ms", 100) * COUNTS_PER_MS;
	uint64_t doorbell = find_idle_doorbell();

	trap_init();
	trap_set(VECTOR, on_timer);
	lapic_enable();
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_1);
	lapic_write(LAPIC_LVT_TIMER, VECTOR);
	for (uint32_t i = 0; i < ticks; i++) {
		lapic_write(LAPIC_TIMER_INITIAL, count);
		while (fired == i) {
			if (doorbell)
				mmio_w32(doorbell, 0);
			wait_for_interrupt();
		}
	}
	print("doorbell %x\n", doorbell); check_eq("ticks", fired, ticks);
}
