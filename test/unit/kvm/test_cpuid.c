/* SPDX-License-Identifier: Apache-2.0 */
/* CPUID: the host's set, and one package of n cores. */
#include "test.h"

#include <errno.h>
#include <string.h>

#include "fake.h"
#include "kvm_x86.h"

static struct fake_kvm fake;
static struct kvm_host host;
static struct x86_cpuid set;

static const struct kvm_cpuid_entry2 *find(uint32_t function, uint32_t index)
{
	for (uint32_t i = 0; i < set.entries; i++)
		if (set.entry[i].function == function && set.entry[i].index == index)
			return &set.entry[i];
	return NULL;
}

static void make(uint32_t index, uint32_t vcpus, uint32_t tsc_khz, bool lapic)
{
	x86_cpuid_for_vcpu(&set, &host.x86->cpuid, index, vcpus, tsc_khz, lapic);
}

static int open_host(void)
{
	struct ukvmm_err err = { .size = sizeof err };

	return kvm_host_init(&host, &fake.sys, -1, &err);
}

static int setup(void **state)
{
	(void)state;
	fake_init(&fake);
	return open_host();
}

static int teardown(void **state)
{
	(void)state;
	kvm_host_fini(&host);
	fake_fini(&fake);
	return 0;
}

static void features(void **state)
{
	const struct kvm_cpuid_entry2 *e;

	(void)state;
	make(2, 4, 0, true);
	e = find(1, 0);
	assert_int_equal(e->ebx >> 24, 2);
	assert_int_equal(e->ebx >> 16 & 0xff, 4);
	assert_int_equal(e->ebx & 0xffff, 0x0800); /* CLFLUSH size kept */
	assert_true(e->edx & 1u << 28);		    /* HTT */
	assert_true(e->ecx & 1u << 31);		    /* hypervisor */
	assert_true(e->ecx & 1u << 24);		    /* TSC deadline, which the host's set lacks */
	assert_true(e->ecx & 1u << 21);		    /* x2APIC kept */
	assert_false(e->ecx & 1u << 5);		    /* no VMX */
	make(0, 1, 0, true);
	e = find(1, 0);
	assert_int_equal(e->ebx >> 16, 1);
	assert_false(e->edx & 1u << 28);
}

static void without_lapic_nothing_needs_one(void **state)
{
	(void)state;
	make(0, 1, 0, false);
	assert_false(find(1, 0)->ecx & (1u << 24 | 1u << 21));
}

static void topology_leaves(void **state)
{
	static const uint32_t leaves[] = { 0xb, 0x1f };

	(void)state;
	make(4, 5, 0, true);
	for (int i = 0; i < 2; i++) {
		const struct kvm_cpuid_entry2 *smt = find(leaves[i], 0), *core = find(leaves[i], 1);
		const struct kvm_cpuid_entry2 *end = find(leaves[i], 2);

		assert_int_equal(smt->eax, 0);
		assert_int_equal(smt->ebx, 1);
		assert_int_equal(smt->ecx, 0x100);
		assert_int_equal(smt->edx, 4);
		assert_int_equal(core->eax, 3); /* 5 cores need 3 bits */
		assert_int_equal(core->ebx, 5);
		assert_int_equal(core->ecx, 0x201);
		assert_int_equal(core->edx, 4);
		assert_int_equal(end->ebx, 0);
		assert_int_equal(end->ecx, 2);
		assert_int_equal(core->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX, 1);
	}
}

/* Two APIC ids of one package may not collide, whatever the count. */
static void shift_holds_every_core(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= 255; n++) {
		uint32_t shift;

		make(n - 1, n, 0, true);
		shift = find(0xb, 1)->eax;
		assert_true(1u << shift >= n);
		assert_true(n == 1 ? shift == 0 : 1u << (shift - 1) < n);
	}
}

static void leaves_beyond_the_hosts_maximum_stay_away(void **state)
{
	(void)state;
	kvm_host_fini(&host);
	fake.cpuid[0].eax = 0xb;
	assert_int_equal(open_host(), 0);
	make(0, 2, 0, true);
	assert_non_null(find(0xb, 0));
	assert_null(find(0x1f, 0));
}

static void caches(void **state)
{
	(void)state;
	make(0, 4, 0, true);
	assert_int_equal(find(4, 0)->eax >> 14 & 0xfff, 0); /* L1: its core's own */
	assert_int_equal(find(4, 2)->eax >> 14 & 0xfff, 0); /* L2: too */
	assert_int_equal(find(4, 1)->eax >> 14 & 0xfff, 3); /* L3: all */
	assert_int_equal(find(4, 0)->eax >> 26, 3);
	assert_int_equal(find(4, 0)->eax & 0x3fff, 0x121);
	make(0, 200, 0, true);
	assert_int_equal(find(4, 1)->eax >> 26, 63); /* saturates */
	assert_int_equal(find(4, 1)->eax >> 14 & 0xfff, 199);
}

static void timing(void **state)
{
	(void)state;
	make(0, 1, 2400000, true);
	assert_int_equal(find(0x40000000, 0)->eax, 0x40000010);
	assert_int_equal(find(0x40000000, 0)->ebx, 0x4b4d564b);
	assert_int_equal(find(0x40000010, 0)->eax, 2400000);
	assert_int_equal(find(0x40000010, 0)->ebx, 1000000);
	assert_int_equal(find(0x40000001, 0)->eax, 0x1007efb);
	make(0, 1, 0, true);
	assert_int_equal(find(0x40000000, 0)->eax, 0x40000001);
	assert_null(find(0x40000010, 0));
}

static void zero_leaves_are_not_sent(void **state)
{
	(void)state;
	make(0, 1, 0, true);
	assert_null(find(4, 3));
	assert_int_equal(find(7, 0)->ebx, 0x9c27ab);
}

static const struct kvm_cpuid_entry2 amd[] = {
	{ .function = 0, .eax = 0x10, .ebx = 0x68747541, .edx = 0x69746e65, .ecx = 0x444d4163 },
	{ .function = 1, .eax = 0xb00f21, .ebx = 0x1020800, .ecx = 0x81202000, .edx = 0x78bfbff },
	{ .function = 0xb, .index = 0, .flags = 1, .edx = 1 },
	{ .function = 0x80000000, .eax = 0x80000026 },
	{ .function = 0x80000001, .ecx = 0x400393 | 1u << 2, .edx = 0x23d3fbff },
	{ .function = 0x80000008, .eax = 0x3934, .ecx = 0x7001 },
	{ .function = 0x8000001d, .index = 0, .flags = 1, .eax = 0x4121, .ebx = 0x2c0003f },
	{ .function = 0x8000001d, .index = 3, .flags = 1, .eax = 0x4163, .ebx = 0x3c0003f },
	{ .function = 0x8000001e, .eax = 9, .ebx = 0x105, .ecx = 0x201 },
	{ .function = 0x80000026, .index = 0, .flags = 1, .eax = 1, .ebx = 2, .ecx = 0x100 },
};

static void amd_leaves(void **state)
{
	(void)state;
	kvm_host_fini(&host);
	memcpy(fake.cpuid, amd, sizeof amd);
	fake.cpuids = sizeof amd / sizeof amd[0];
	assert_int_equal(open_host(), 0);
	make(3, 4, 0, true);
	assert_false(find(0x80000001, 0)->ecx & 1u << 2); /* no SVM */
	assert_true(find(0x80000001, 0)->ecx & 1u << 1);  /* CMP legacy */
	assert_int_equal(find(0x80000008, 0)->ecx, 0x2003);
	assert_int_equal(find(0x8000001d, 0)->eax >> 14 & 0xfff, 0);
	assert_int_equal(find(0x8000001d, 3)->eax >> 14 & 0xfff, 3);
	assert_int_equal(find(0x8000001d, 3)->eax & 0x3fff, 0x163);
	assert_int_equal(find(0x8000001e, 0)->eax, 3);
	assert_int_equal(find(0x8000001e, 0)->ebx, 3);
	assert_int_equal(find(0x8000001e, 0)->ecx, 0);
	assert_null(find(0x80000026, 0));
	make(0, 1, 0, true);
	assert_false(find(0x80000001, 0)->ecx & 1u << 1);
	assert_int_equal(find(0x80000008, 0)->ecx & 0xf0ff, 0);
}

static void every_index_appears_once(void **state)
{
	(void)state;
	make(1, 2, 2000000, true);
	for (uint32_t i = 0; i < set.entries; i++)
		for (uint32_t j = i + 1; j < set.entries; j++)
			assert_false(set.entry[i].function == set.entry[j].function &&
				set.entry[i].index == set.entry[j].index);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(features),
		TEST(without_lapic_nothing_needs_one),
		TEST(topology_leaves),
		TEST(shift_holds_every_core),
		TEST(leaves_beyond_the_hosts_maximum_stay_away),
		TEST(caches),
		TEST(timing),
		TEST(zero_leaves_are_not_sent),
		TEST(amd_leaves),
		TEST(every_index_appears_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
