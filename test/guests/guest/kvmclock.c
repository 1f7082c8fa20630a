/* SPDX-License-Identifier: Apache-2.0 */
/* KVM's paravirtual clock, without which OSv aborts: CPUID leaves, then time at once from the first read. */
#include "guest.h"

enum { LEAF_KVM = 0x40000000, LEAF_FEATURES = 0x40000001, CLOCKSOURCE2 = 1 << 3 };
enum { MSR_WALL_CLOCK = 0x4b564d00, MSR_SYSTEM_TIME = 0x4b564d01 };
enum { YEAR_2024 = 1704067200 };

struct system_time { /* KVM's documentation, x86/msr.rst */
	uint32_t version, pad0;
	uint64_t tsc, ns;
	uint32_t mul;
	int8_t shift;
	uint8_t flags, pad[2];
} __attribute__((packed));

struct wall_clock {
	uint32_t version, sec, nsec;
} __attribute__((packed));

static volatile struct system_time now __attribute__((aligned(64)));
static volatile struct wall_clock wall __attribute__((aligned(16)));

static uint64_t read_clock(void)
{
	uint64_t tsc = rdtsc() - now.tsc;

	tsc = now.shift < 0 ? tsc >> -now.shift : tsc << now.shift;
	return now.ns + (uint64_t)((unsigned __int128)tsc * now.mul >> 32);
}

static void check_cpuid(void)
{
	struct cpuid kvm = cpuid(LEAF_KVM, 0);

	check("CPUID hypervisor bit", cpuid(1, 0).ecx & 1u << 31);
	check_eq("CPUID KVMK", kvm.ebx, 0x4b4d564b);
	check_eq("CPUID VMKV", kvm.ecx, 0x564b4d56);
	check_eq("CPUID M", kvm.edx, 0x4d);
	check("CPUID offers kvmclock", cpuid(LEAF_FEATURES, 0).eax & CLOCKSOURCE2);
}

void guest_main(void)
{
	uint64_t first, last;

	check_cpuid();
	wrmsr(MSR_SYSTEM_TIME, (uint64_t)&now | 1);
	wrmsr(MSR_WALL_CLOCK, (uint64_t)&wall);
	check("system time: even version, not 0", now.version && !(now.version & 1));
	check("system time: a rate", now.mul);
	check("wall clock", wall.sec > YEAR_2024);
	first = read_clock();
	check("time is not 0", first);
	for (int i = 0; i < 1000; i++)
		relax();
	last = read_clock();
	check("time passes", last > first);
}
