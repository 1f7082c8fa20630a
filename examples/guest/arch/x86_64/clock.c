/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time by the TSC, whose rate the device tree tells, else KVM's clock; that knows the date, too. It is asked only when
 * it is needed: setting it up costs as much as a device.
 */
#include "x86.h"
#include "../../drivers/devices.h"

enum { KVM_LEAF = 0x40000000, KVM_NAME = 0x4b4d564b /* "KVMK" */ };
enum { MSR_WALL_CLOCK = 0x4b564d00, MSR_SYSTEM_TIME = 0x4b564d01 };

struct system_time { /* KVM's msr.rst */
	uint32_t version, pad0;
	uint64_t tsc, ns;
	uint32_t mul;
	int8_t shift;
	uint8_t flags, pad[2];
};
struct wall_clock {
	uint32_t version, sec, nsec;
};

static volatile struct system_time host __attribute__((aligned(64)));
static volatile struct wall_clock wall __attribute__((aligned(16)));
static uint64_t start, hz;
static bool asked;

static uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}

/* False: there is no such clock. */
static bool ask_host(void)
{
	if (!asked && rt_cpuid_ebx(KVM_LEAF) == KVM_NAME)
		rt_wrmsr(MSR_SYSTEM_TIME, (uint32_t)(uintptr_t)&host | 1);
	asked = true;
	return host.mul;
}

static uint64_t host_ns(void)
{
	uint64_t t, ns;
	uint32_t version;

	do {
		version = __atomic_load_n(&host.version, __ATOMIC_ACQUIRE);
		t = rdtsc() - host.tsc;
		t = host.shift < 0 ? t >> -host.shift : t << host.shift;
		ns = host.ns + (uint64_t)((unsigned __int128)t * host.mul >> 32);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (version & 1 || version != host.version);
	return ns;
}

void rt_clock_init(void)
{
	hz = rt_devices_tsc_hz();
	if (!hz && !ask_host())
		rt_panic("nobody says how fast the TSC is");
	start = hz ? rdtsc() : host_ns();
}

uint64_t rt_now(void)
{
	uint64_t t;

	if (!hz)
		return host_ns() - start + 1;
	t = rdtsc() - start;
	return t / hz * 1000000000 + t % hz * 1000000000 / hz + 1;
}

uint64_t rt_realtime(void)
{
	if (!ask_host())
		return 0;
	if (!wall.sec)
		rt_wrmsr(MSR_WALL_CLOCK, (uint32_t)(uintptr_t)&wall);
	return wall.sec ? wall.sec * 1000000000ull + wall.nsec + host_ns() : 0;
}
