/* SPDX-License-Identifier: Apache-2.0 */
/* Making VMs and vCPUs: order, contents, and every call failing in turn with nothing left behind. */
#include "test.h"

#include <errno.h>
#include <string.h>

#include "machine.h"

static struct machine m;

static int setup(void **state)
{
	(void)state;
	return machine_open(&m);
}

static int teardown(void **state)
{
	(void)state;
	machine_close(&m);
	return 0;
}

static void slots_come_before_chips(void **state)
{
	static const enum kvm_chip chips[] = { KVM_CHIP_SPLIT, KVM_CHIP_FULL };
	static const unsigned long makes[] = { KVM_ENABLE_CAP, KVM_CREATE_IRQCHIP };

	(void)state;
	for (int i = 0; i < 2; i++) {
		m.fake.requests = 0;
		assert_int_equal(machine_make(&m, chips[i], 1), 0);
		assert_true(fake_first(&m.fake, KVM_SET_USER_MEMORY_REGION) <
			fake_first(&m.fake, makes[i]));
		assert_true(fake_first(&m.fake, makes[i]) < fake_first(&m.fake, KVM_CREATE_VCPU));
		machine_drop(&m);
	}
	assert_int_equal(fake_count(&m.fake, KVM_CREATE_PIT2), 1);
}

static void slots_are_the_regions(void **state)
{
	const struct fake_vm *vm;

	(void)state;
	assert_int_equal(machine_make(&m, KVM_CHIP_SPLIT, 1), 0);
	vm = fake_vm(&m.fake, m.vm.fd);
	assert_true(vm->split);
	assert_int_equal(vm->slots, 1);
	assert_int_equal(vm->slot[0].guest_phys_addr, 0);
	assert_int_equal(vm->slot[0].memory_size, MACHINE_RAM);
	assert_int_equal(vm->slot[0].userspace_addr, (uintptr_t)m.mem.base);
	machine_drop(&m);
}

static void two_regions_are_two_slots(void **state)
{
	const struct fake_vm *vm;
	struct kvm_vm big;
	struct mem mem;

	(void)state;
	assert_int_equal(mem_reserve(&mem, X86_RAM_GAP_START + 0x200000, X86_RAM_GAP_START, X86_RAM_GAP_END), 0);
	assert_int_equal(kvm_vm_init(&big, &m.host, &mem, KVM_CHIP_NONE, 1, "big", &m.err), 0);
	vm = fake_vm(&m.fake, big.fd);
	assert_int_equal(vm->slots, 2);
	assert_int_equal(vm->slot[1].slot, 1);
	assert_int_equal(vm->slot[1].guest_phys_addr, X86_RAM_GAP_END);
	assert_int_equal(vm->slot[1].memory_size, 0x200000);
	kvm_vm_fini(&big);
	mem_fini(&mem);
}

static void vcpus_get_their_defaults(void **state)
{
	struct fake_vcpu *v;

	(void)state;
	assert_int_equal(machine_make(&m, KVM_CHIP_SPLIT, 2), 0);
	v = machine_vcpu(&m, 0);
	assert_int_equal(v->signals_blocked, ~(1ull << (SIGRTMAX - 2)));
	assert_int_equal(*fake_msr(v, 0x2ff), 0x806);
	assert_int_equal(*fake_msr(v, 0x1a0), 1);
	assert_false(m.vcpu[0].waiting);
	assert_true(m.vcpu[1].waiting);
	assert_int_equal(kvm_vcpu_is_waiting(&m.vcpu[0]), 0);
	assert_int_equal(kvm_vcpu_is_waiting(&m.vcpu[1]), 1);
	assert_int_equal(m.host.tsc_khz, 2000000);
	assert_string_equal(m.vcpu[1].name, "vm0/vcpu1");
	kvm_vcpu_rename(&m.vcpu[1], "job7");
	assert_string_equal(m.vcpu[1].name, "job7/vcpu1");
	machine_drop(&m);
}

/* Kernels before 5.18 know the rate only on a vCPU; others may not tell at all. */
static void tsc_rate_may_be_unknown(void **state)
{
	(void)state;
	m.fake.tsc_khz = -ENOTTY;
	assert_int_equal(machine_make(&m, KVM_CHIP_SPLIT, 1), 0);
	assert_int_equal(m.host.tsc_khz, 0);
	machine_drop(&m);
}

static void refuses_impossible_kinds(void **state)
{
	(void)state;
	assert_int_equal(machine_make(&m, KVM_CHIP_SPLIT, 0), -EINVAL);
	assert_int_equal(machine_make(&m, KVM_CHIP_SPLIT, 65), -EINVAL);
	assert_non_null(strstr(m.err.text, "1 to 64"));
	assert_int_equal(machine_make(&m, KVM_CHIP_NONE, 2), -EINVAL);
	m.host.has_split = false;
	assert_int_equal(machine_make(&m, KVM_CHIP_SPLIT, 1), -ENOTSUP);
	assert_non_null(strstr(m.err.text, "KVM_CAP_SPLIT_IRQCHIP"));
	assert_int_equal(m.fake.live_fds, 1);
}

static void refuses_a_kick_that_is_no_signal(void **state)
{
	struct kvm_vcpu vcpu;

	(void)state;
	assert_int_equal(machine_make(&m, KVM_CHIP_NONE, 1), 0);
	assert_int_equal(kvm_vcpu_init(&vcpu, &m.vm, 1, 0, &m.err), -EINVAL);
	assert_int_equal(kvm_vcpu_init(&vcpu, &m.vm, 1, 65, &m.err), -EINVAL);
	machine_drop(&m);
	assert_int_equal(m.fake.live_fds, 1);
	assert_int_equal(m.fake.live_maps, 0);
}

static void interrupted_creation_is_tried_again(void **state)
{
	(void)state;
	m.fake.fail_request = KVM_CREATE_VM;
	m.fake.fail_errno = EINTR;
	m.fake.fail_at = 1;
	assert_int_equal(machine_make(&m, KVM_CHIP_SPLIT, 1), 0);
	assert_int_equal(fake_count(&m.fake, KVM_CREATE_VM), 2);
	machine_drop(&m);
}

static void fail_each(enum kvm_chip chip, uint32_t vcpus)
{
	for (uint32_t n = 1;; n++) {
		int rc;

		m.fake.fail_at = n;
		m.fake.fail_errno = EREMOTEIO;
		m.fake.failed_call = NULL;
		m.host.tsc_khz = 0;
		rc = machine_make(&m, chip, vcpus);
		if (!m.fake.failed_call) {
			assert_int_equal(rc, 0);
			assert_true(n > 10);
			machine_drop(&m);
			return;
		}
		if (!strcmp(m.fake.failed_call, "KVM_GET_TSC_KHZ")) {
			assert_int_equal(rc, 0);
			machine_drop(&m);
		} else {
			assert_int_equal(rc, -EREMOTEIO);
			assert_int_equal(m.err.code, -EREMOTEIO);
			assert_string_equal(m.err.call, m.fake.failed_call);
			assert_int_equal(strncmp(m.err.object, "vm0", 3), 0);
		}
		assert_int_equal(m.fake.live_fds, 1);
		assert_int_equal(m.fake.live_maps, 0);
	}
}

static void every_call_may_fail(void **state)
{
	(void)state;
	fail_each(KVM_CHIP_SPLIT, 2);
	fail_each(KVM_CHIP_FULL, 2);
	fail_each(KVM_CHIP_NONE, 1);
}

static void refused_default_msr_is_named(void **state)
{
	(void)state;
	m.fake.refuse_msr_set = 0x1a0;
	assert_int_equal(machine_make(&m, KVM_CHIP_SPLIT, 1), -ENOTSUP);
	assert_non_null(strstr(m.err.text, "0x1a0"));
	assert_int_equal(m.fake.live_fds, 1);
}

static void fini_takes_what_was_never_made(void **state)
{
	struct kvm_vcpu vcpu = { 0 };
	struct kvm_vm vm = { 0 };

	(void)state;
	kvm_vcpu_fini(&vcpu);
	kvm_vcpu_fini(&vcpu);
	kvm_vm_fini(&vm);
	kvm_vm_fini(&vm);
	assert_int_equal(m.fake.live_fds, 1);
}

static void interrupts_reach_kvm(void **state)
{
	const struct kvm_route routes[2] = { { 0xfee00000, 5, 0x8031 }, { 0x1fee01000, 9, 0x8041 } };
	struct fake_vm *vm;

	(void)state;
	assert_int_equal(machine_make(&m, KVM_CHIP_SPLIT, 1), 0);
	vm = fake_vm(&m.fake, m.vm.fd);
	assert_int_equal(kvm_vm_msi(&m.vm, 0x1fee02000, 0x55), 0);
	assert_int_equal(vm->msi.address_lo, 0xfee02000);
	assert_int_equal(vm->msi.address_hi, 1);
	assert_int_equal(vm->msi.data, 0x55);
	assert_int_equal(kvm_vm_routes(&m.vm, routes, 2), 0);
	assert_int_equal(vm->routes, 2);
	assert_int_equal(vm->route[1].gsi, 9);
	assert_int_equal(vm->route[1].type, KVM_IRQ_ROUTING_MSI);
	assert_int_equal(vm->route[1].u.msi.address_lo, 0xfee01000);
	assert_int_equal(vm->route[1].u.msi.address_hi, 1);
	assert_int_equal(vm->route[1].u.msi.data, 0x8041);
	assert_int_equal(kvm_vm_routes(&m.vm, routes, 25), -E2BIG);
	assert_int_equal(kvm_vm_line(&m.vm, 4, true), -ENXIO); /* no chip of KVM's here */
	machine_drop(&m);
	assert_int_equal(machine_make(&m, KVM_CHIP_FULL, 1), 0);
	assert_int_equal(kvm_vm_line(&m.vm, 4, true), 0);
	vm = fake_vm(&m.fake, m.vm.fd);
	assert_int_equal(vm->line.irq, 4);
	assert_int_equal(vm->line.level, 1);
	machine_drop(&m);
}

static void msi_to_nobody_is_dropped(void **state)
{
	(void)state;
	assert_int_equal(machine_make(&m, KVM_CHIP_SPLIT, 1), 0);
	m.fake.fail_request = KVM_SIGNAL_MSI;
	m.fake.fail_at = 1;
	m.fake.fail_errno = EPERM;
	assert_int_equal(kvm_vm_msi(&m.vm, 0xfee0f000, 0x55), 0);
	m.fake.fail_at = 1;
	m.fake.fail_errno = EINVAL;
	assert_int_equal(kvm_vm_msi(&m.vm, 0, 0x55), -EINVAL);
	machine_drop(&m);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(slots_come_before_chips),
		TEST(slots_are_the_regions),
		TEST(two_regions_are_two_slots),
		TEST(vcpus_get_their_defaults),
		TEST(tsc_rate_may_be_unknown),
		TEST(refuses_impossible_kinds),
		TEST(refuses_a_kick_that_is_no_signal),
		TEST(interrupted_creation_is_tried_again),
		TEST(every_call_may_fail),
		TEST(refused_default_msr_is_named),
		TEST(fini_takes_what_was_never_made),
		TEST(interrupts_reach_kvm),
		TEST(msi_to_nobody_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
