/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts every CPU that the MADT lists by INIT and SIPI, then wakes them all by an IPI: cpus=N,
 * page=P the trampoline's page (0 for OSv and Nanos, 8 for Hermit).
 */
#include "apic.h"
#include "tables.h"
#include "trap.h"

enum { CPUS_MAX = 64, AP_STACK = 4096, VECTOR_WAKE = 0x50, SPINS = 30000000 };
enum { ICR_INIT = 0x4500, ICR_STARTUP = 0x4600, ICR_ALL_BUT_SELF = 0xc4000 };

extern const uint8_t ap_code[], ap_code_end[];
extern uint32_t ap_cr3; /* inside ap_code */

uint8_t ap_stacks[CPUS_MAX][AP_STACK] __attribute__((aligned(16)));
uint32_t ap_taken; /* stacks handed out */
static uint32_t started, woken;
static uint8_t seen[256]; /* by APIC id */

void ap_main(void);

__attribute__((interrupt)) static void on_wake(struct frame *f)
{
	(void)f;
	lapic_eoi();
	__atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
}

static void check_identity(uint32_t id)
{
	check_eq("CPUID 1: initial APIC id", cpuid(1, 0).ebx >> 24, id);
	if (cpuid(0, 0).eax >= 0xb && cpuid(0xb, 0).ebx)
		check_eq("CPUID 0xb: x2APIC id", cpuid(0xb, 0).edx, id);
}

void ap_main(void)
{
	uint32_t id = lapic_read(LAPIC_ID) >> 24;

	trap_init();
	lapic_enable();
	check_identity(id);
	__atomic_fetch_add(&seen[id], 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&started, 1, __ATOMIC_SEQ_CST);
	for (;;)
		wait_for_interrupt();
}

static void wait_for(const char *what, const uint32_t *counter, uint32_t n)
{
	for (uint32_t i = 0; i < SPINS; i++) {
		if (__atomic_load_n(counter, __ATOMIC_SEQ_CST) == n)
			return;
		relax();
	}
	check_eq(what, *counter, n);
	finish();
}

static void send(uint32_t id, uint32_t command)
{
	lapic_write(LAPIC_ICR_HIGH, id << 24);
	lapic_write(LAPIC_ICR_LOW, command);
}

static void start_one(uint32_t id, uint64_t page, uint32_t n)
{
	send(id, ICR_INIT);
	send(id, ICR_STARTUP | (uint32_t)page);
	send(id, ICR_STARTUP | (uint32_t)page); /* the second is for old CPUs and must do no harm */
	wait_for("started CPUs", &started, n);
	check_eq("this one started once", seen[id], 1);
}

void guest_main(void)
{
	uint32_t self = lapic_read(LAPIC_ID) >> 24, cpus, n = 0;
	uint64_t page = arg_number("page", 8), place = page << 12;
	uint8_t ids[CPUS_MAX];

	trap_init();
	trap_set(VECTOR_WAKE, on_wake);
	lapic_enable();
	cpus = acpi_cpus(ids, CPUS_MAX);
	check_eq("CPUs in the MADT", cpus, arg_number("cpus", 1));
	check_identity(self);
	ap_cr3 = (uint32_t)read_cr3();
	__asm__("" : "+r"(place)); /* page 0 is an address like any other here */
	memcpy((void *)place, ap_code, (size_t)(ap_code_end - ap_code));
	for (uint32_t i = 0; i < cpus && i < CPUS_MAX; i++)
		if (ids[i] != self)
			start_one(ids[i], page, ++n);
	if (n)
		send(0, ICR_ALL_BUT_SELF | VECTOR_WAKE);
	wait_for("CPUs woken by an IPI", &woken, n);
	print("%u CPUs\n", (uint64_t)n + 1);
}
