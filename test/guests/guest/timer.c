/* SPDX-License-Identifier: Apache-2.0 */
/* The LAPIC as a PC's board leaves it, and its timer through the IDT: one-shot, periodic and
 * TSC-deadline; mode=x2apic does it all by MSRs. */
#include "apic.h"
#include "trap.h"

/* A period of 1 ms is a livelock where one interrupt costs more than that (an emulated CPU on a busy machine):
 * the next one is pending whenever the handler returns. */
enum { VECTOR = 0x40, DIVIDE_BY_1 = 0xb, COUNT = 1000000, PERIOD = 20 * COUNT, LAPIC_IRR = 0x200 };

static volatile uint32_t fired;

__attribute__((interrupt)) static void on_timer(struct frame *f)
{
	(void)f;
	fired++;
	lapic_eoi();
}

static void wait_until(uint32_t n)
{
	while (fired < n)
		wait_for_interrupt();
}

static void one_shot(void)
{
	fired = 0;
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_1);
	lapic_write(LAPIC_LVT_TIMER, VECTOR);
	for (uint32_t i = 1; i <= 3; i++) {
		lapic_write(LAPIC_TIMER_INITIAL, COUNT);
		wait_until(i);
		check_eq("one-shot has run down", lapic_read(LAPIC_TIMER_CURRENT), 0);
	}
	check_eq("one-shot interrupts", fired, 3);
}

static void periodic(void)
{
	fired = 0;
	lapic_write(LAPIC_LVT_TIMER, VECTOR | LVT_PERIODIC);
	lapic_write(LAPIC_TIMER_INITIAL, PERIOD);
	wait_until(5);
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
	lapic_write(LAPIC_TIMER_INITIAL, 0);
	/* a period that ended just before is in the IRR already, and must not count for what comes next */
	while (lapic_read(LAPIC_IRR + VECTOR / 32 * 0x10) >> VECTOR % 32 & 1)
		wait_for_interrupt();
}

static void tsc_deadline(void)
{
	uint64_t now, due;

	if (!(cpuid(1, 0).ecx & 1u << 24))
		die("CPUID does not offer the TSC deadline");
	fired = 0;
	lapic_write(LAPIC_LVT_TIMER, VECTOR | LVT_TSC_DEADLINE);
	for (uint32_t i = 1; i <= 3; i++) {
		due = rdtsc() + 2 * COUNT;
		wrmsr(MSR_TSC_DEADLINE, due);
		wait_until(i);
		now = rdtsc();
		check("not before the deadline", now >= due);
		check_eq("deadline disarmed", rdmsr(MSR_TSC_DEADLINE), 0);
	}
	/* One in the past fires at once. */
	wrmsr(MSR_TSC_DEADLINE, 1);
	wait_until(4);
}

static void check_reset_state(void)
{
	uint32_t lint1;

	check_eq("APIC base: enabled, boot CPU", rdmsr(MSR_APIC_BASE) & ~0x400ull, 0xfee00900);
	check_eq("APIC id", lapic_read(LAPIC_ID), 0);
	check_eq("LINT0 is ExtINT", lapic_read(LAPIC_LVT_LINT0) & 0x10700, LVT_EXTINT);
	/* A board's firmware makes it NMI; as nothing drives the pin here, its reset state will do.
	 */
	lint1 = lapic_read(LAPIC_LVT_LINT1) & 0x10700;
	check("LINT1 is NMI or masked", lint1 == LVT_NMI || lint1 & LVT_MASKED);
}

void guest_main(void)
{
	check_reset_state();
	trap_init();
	trap_set(VECTOR, on_timer);
	if (arg_is("mode", "x2apic")) {
		if (!(cpuid(1, 0).ecx & 1u << 21))
			die("CPUID does not offer x2APIC");
		lapic_x2apic();
	}
	lapic_enable();
	one_shot();
	periodic();
	tsc_deadline();
}
