/* SPDX-License-Identifier: Apache-2.0 */
/* Drops to ring 3 with IOPL 3 and lives there: FPU state as the boot contract has it, ports, timer
 * interrupts. */
#include "apic.h"
#include "ring3.h"
#include "trap.h"

enum { VECTOR = 0x40, LOOPS = 20000000, TICKS = 3 };

static volatile uint32_t ticks;

__attribute__((interrupt)) static void on_timer(struct frame *f)
{
	check_eq("interrupted in ring 3 or in its halt", f->cs == 0x33 || f->cs == 0x08, 1);
	ticks++;
	lapic_eoi();
}

static void check_fpu(void)
{
	uint32_t mxcsr;
	uint16_t cw;

	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(cw));
	check_eq("MXCSR", mxcsr, 0x1f80);
	check_eq("FCW", cw, 0x37f);
}

static void main3(void)
{
	uint64_t sum = 0, cs;

	__asm__ volatile("movq %%cs, %0" : "=r"(cs));
	check_eq("CS", cs, 0x33);
	check_fpu();
	for (uint64_t i = 0; i < LOOPS; i++)
		__asm__ volatile("addq %1, %0" : "+r"(sum) : "r"(i));
	check_eq("sum", sum, (uint64_t)LOOPS * (LOOPS - 1) / 2);
	while (ticks < TICKS)
		ring3_wait();
	finish();
}

void guest_main(void)
{
	trap_init();
	ring3_init();
	trap_set(VECTOR, on_timer);
	lapic_enable();
	lapic_write(LAPIC_TIMER_DIVIDE, 0xb);
	lapic_write(LAPIC_LVT_TIMER, VECTOR | LVT_PERIODIC);
	lapic_write(LAPIC_TIMER_INITIAL, 2000000);
	ring3_enter(main3);
}
