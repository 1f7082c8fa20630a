/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SSE registers across everything that comes between two instructions. A page is touched for the first time while
 * one of them holds a value: the host takes its time, a timer interrupt is due by then, and its handler saves the
 * registers, spoils them and restores them, by XSAVE where CPUID offers it. OSv lives like that: its allocator
 * clears with SSE what nobody has touched, and each interrupt of its saves by XSAVE.
 */
#include "apic.h"
#include "trap.h"

enum { VECTOR = 0x40, DIVIDE_BY_1 = 0xb, FIRST = 16 << 20, LAST = 48 << 20, AREA = 4096, HEADER = 512,
	PERIOD = 300000 /* ns */, TICKS = 20 };

static uint8_t area[AREA] __attribute__((aligned(64)));
static volatile uint32_t ticks;
static bool xsave;

static void enable(void)
{
	uint64_t components = 3; /* x87 and SSE */

	write_cr0((read_cr0() & ~0xcull) | 2);
	write_cr4(read_cr4() | 3 << 9);
	xsave = cpuid(1, 0).ecx & 1u << 26;
	if (!xsave)
		return;
	write_cr4(read_cr4() | 1 << 18);
	__asm__ volatile("xsetbv" : : "a"((uint32_t)components), "d"((uint32_t)(components >> 32)), "c"(0));
}

static void spoil(void)
{
	__asm__ volatile("pcmpeqb %%xmm0, %%xmm0; movdqa %%xmm0, %%xmm1" : : : "memory");
}

__attribute__((interrupt)) static void on_timer(struct frame *f)
{
	(void)f;
	ticks++;
	if (xsave) {
		memset(area + HEADER, 0, 64);
		__asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(-1), "d"(-1) : "memory");
		spoil();
		__asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(-1), "d"(-1) : "memory");
	} else {
		__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
		spoil();
		__asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
	}
	lapic_eoi();
}

/* Zeroes and a pattern, each from a register that was filled before the page was touched. */
static uint32_t wrong_in(uint64_t page)
{
	static const uint64_t pattern[2] = {0x1122334455667788, 0x99aabbccddeeff00};
	const volatile uint64_t *p = (const volatile uint64_t *)page;

	__asm__ volatile("pxor %%xmm0, %%xmm0; movups (%1), %%xmm1; movq $1, (%0);"
			 "movups %%xmm0, 8(%0); movups %%xmm1, 24(%0)"
			 : : "r"(page), "r"(pattern) : "memory");
	return p[1] != 0 || p[2] != 0 || p[3] != pattern[0] || p[4] != pattern[1];
}

/* The next tick. Not periodic: where an interrupt costs more than a period nothing else would ever run. */
static void rearm(void)
{
	static uint32_t seen = UINT32_MAX;

	if (seen == ticks)
		return;
	seen = ticks;
	lapic_write(LAPIC_TIMER_INITIAL, PERIOD);
}

void guest_main(void)
{
	uint32_t wrong = 0;

	print("before\n");
	enable();
	trap_init();
	trap_set(VECTOR, on_timer);
	lapic_enable();
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_1);
	lapic_write(LAPIC_LVT_TIMER, VECTOR);
	__asm__ volatile("sti");
	for (uint64_t page = FIRST; page < LAST; page += 4096) {
		rearm();
		wrong += wrong_in(page);
	}
	while (ticks < TICKS) { /* where pages come faster than they do */
		rearm();
		wrong += wrong_in(LAST);
	}
	__asm__ volatile("cli");
	check_eq("pages with wrong bytes", wrong, 0);
}
