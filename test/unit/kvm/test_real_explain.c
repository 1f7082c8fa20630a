/* SPDX-License-Identifier: Apache-2.0 */
/* What kvm_pvm cannot do is explained there, and works elsewhere. */
#include "test.h"

#include <errno.h>
#include <string.h>

#include <linux/kvm.h>

#include "guest.h"

GUEST(popcnt);
GUEST(syscall);

static struct guest g;

static int teardown(void **state)
{
	(void)state;
	guest_end(&g);
	return 0;
}

static void refused_instruction(void **state)
{
	bool broken;

	(void)state;
	guest_start(&g, KVM_CHIP_SPLIT, 1, X86_LONG, CODE(popcnt));
	if (guest_host.vendor != KVM_VENDOR_PVM) {
		assert_int_equal(guest_next(&g, 0), 8);
		return;
	}
	assert_int_equal(guest_run(&g, 0).kind, KVM_EXITED_REFUSED);
	assert_int_equal(kvm_vcpu_explain(&g.vcpu[0], &broken, &g.err), -EOPNOTSUPP);
	assert_non_null(strstr(g.err.text, "refuses popcnt (f3 0f b8 c3"));
	assert_non_null(strstr(g.err.text, "at 0x100005, ring 0"));
	assert_non_null(strstr(g.err.text, "a kvm_intel or kvm_amd host runs it"));
	assert_false(broken);
}

/* Without KVM's own copy of the bytes they come out of guest memory. */
static void refused_instruction_on_an_older_kernel(void **state)
{
	bool broken;

	(void)state;
	guest_start(&g, KVM_CHIP_SPLIT, 1, X86_LONG, CODE(popcnt));
	if (guest_host.vendor != KVM_VENDOR_PVM)
		skip();
	assert_int_equal(guest_run(&g, 0).kind, KVM_EXITED_REFUSED);
	g.vcpu[0].run->emulation_failure.flags = 0;
	assert_int_equal(kvm_vcpu_explain(&g.vcpu[0], &broken, &g.err), -EOPNOTSUPP);
	assert_non_null(strstr(g.err.text, "refuses popcnt (f3 0f b8 c3"));
}

static void system_call(void **state)
{
	bool broken;

	(void)state;
	guest_start(&g, KVM_CHIP_SPLIT, 1, X86_LONG, CODE(syscall));
	if (guest_host.vendor != KVM_VENDOR_PVM) {
		assert_int_equal(guest_next(&g, 0), 'K');
		return;
	}
	assert_int_equal(guest_run(&g, 0).kind, KVM_EXITED_SHUTDOWN);
	assert_int_equal(kvm_vcpu_explain(&g.vcpu[0], &broken, &g.err), -EOPNOTSUPP);
	assert_true(broken);
	assert_non_null(strstr(g.err.text, "SYSCALL (0f 05 at 0x1000"));
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(refused_instruction),
		TEST(refused_instruction_on_an_older_kernel),
		TEST(system_call),
	};

	return cmocka_run_group_tests(tests, guest_open_host, guest_close_host);
}
