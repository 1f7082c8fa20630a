/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts, a second vCPU and the LAPIC timer on the machine's KVM. */
#include "test.h"

#include <string.h>
#include <time.h>

#include "guest.h"

GUEST(irq);
GUEST(user_irq);
GUEST(extint);
GUEST(bsp);
GUEST(ap);
GUEST(timer);
extern const char guest_irq_handler[], guest_user_irq_handler[], guest_extint_handler[];

enum { VECTOR = 0x31, MSI_LEVEL = 0xc000 /* asserted, level-triggered */ };

#define MSI_ADDRESS 0xfee00000ull /* physical APIC id 0 */

static struct guest g;

static int teardown(void **state)
{
	(void)state;
	guest_end(&g);
	return 0;
}

static void message_wakes_a_halted_guest(void **state)
{
	(void)state;
	guest_start(&g, KVM_CHIP_SPLIT, 1, X86_LONG, CODE(irq));
	guest_gate(&g, VECTOR, GUEST_CODE + (uint64_t)(guest_irq_handler - guest_irq));
	assert_int_equal(guest_next(&g, 0), 'R');
	for (int i = 0; i < 3; i++) {
		assert_int_equal(kvm_vm_msi(&g.vm, MSI_ADDRESS, VECTOR), 0);
		assert_int_equal(guest_next(&g, 0), 'I');
		assert_int_equal(guest_next(&g, 0), 'D');
	}
}

static void message_reaches_ring_3(void **state)
{
	(void)state;
	guest_start(&g, KVM_CHIP_SPLIT, 1, X86_LONG, CODE(user_irq));
	guest_gate(&g, VECTOR, GUEST_CODE + (uint64_t)(guest_user_irq_handler - guest_user_irq));
	assert_int_equal(guest_next(&g, 0), 'R');
	assert_int_equal(kvm_vm_msi(&g.vm, MSI_ADDRESS, VECTOR), 0);
	assert_int_equal(guest_next(&g, 0), 'I');
}

static void message_to_nobody_is_no_error(void **state)
{
	(void)state;
	guest_start(&g, KVM_CHIP_SPLIT, 1, X86_LONG, CODE(irq));
	assert_int_equal(guest_next(&g, 0), 'R');
	assert_int_equal(kvm_vm_msi(&g.vm, 0xfee7f000, VECTOR), 0);
}

/* The interrupt 'I', its EOI, the handler's end 'D'. On a busy kvm_pvm the EOI is told before 'I' now and then. */
static void level_interrupt(void)
{
	struct kvm_exit exit = guest_run(&g, 0);
	bool early = exit.kind == KVM_EXITED_EOI && guest_host.vendor == KVM_VENDOR_PVM;

	if (early) {
		assert_int_equal(exit.vector, VECTOR);
		exit = guest_run(&g, 0);
	}
	assert_int_equal(exit.kind, KVM_EXITED_PORT);
	assert_int_equal(*exit.data, 'I');
	if (!early) {
		exit = guest_run(&g, 0);
		assert_int_equal(exit.kind, KVM_EXITED_EOI);
		assert_int_equal(exit.vector, VECTOR);
	}
	assert_int_equal(guest_next(&g, 0), 'D');
}

/* An IOAPIC entry of the library's, level-triggered: KVM reports the EOI. */
static void eoi_of_a_level_line(void **state)
{
	const struct kvm_route route = { MSI_ADDRESS, 5, VECTOR | MSI_LEVEL };

	(void)state;
	guest_start(&g, KVM_CHIP_SPLIT, 1, X86_LONG, CODE(irq));
	guest_gate(&g, VECTOR, GUEST_CODE + (uint64_t)(guest_irq_handler - guest_irq));
	assert_int_equal(guest_next(&g, 0), 'R');
	assert_int_equal(kvm_vm_routes(&g.vm, &route, 1), 0);
	assert_int_equal(kvm_vm_msi(&g.vm, MSI_ADDRESS, VECTOR | MSI_LEVEL), 0);
	level_interrupt();
	/* no route, no report */
	assert_int_equal(kvm_vm_routes(&g.vm, NULL, 0), 0);
	assert_int_equal(kvm_vm_msi(&g.vm, MSI_ADDRESS, VECTOR | MSI_LEVEL), 0);
	assert_int_equal(guest_next(&g, 0), 'I');
	assert_int_equal(guest_next(&g, 0), 'D');
}

static void extint_waits_for_its_window(void **state)
{
	(void)state;
	guest_start(&g, KVM_CHIP_SPLIT, 1, X86_LONG, CODE(extint));
	guest_gate(&g, 0x28, GUEST_CODE + (uint64_t)(guest_extint_handler - guest_extint));
	assert_int_equal(guest_next(&g, 0), 'R');
	assert_true(kvm_vcpu_interrupts_off(&g.vcpu[0]));
	assert_false(kvm_vcpu_inject_ready(&g.vcpu[0]));
	kvm_vcpu_want_window(&g.vcpu[0], true);
	assert_int_equal(guest_run(&g, 0).kind, KVM_EXITED_INTR_WINDOW);
	kvm_vcpu_want_window(&g.vcpu[0], false);
	assert_true(kvm_vcpu_inject_ready(&g.vcpu[0]));
	assert_int_equal(kvm_vcpu_inject(&g.vcpu[0], 0x28), 0);
	assert_int_equal(guest_next(&g, 0), 'E');
}

static void full_chip_takes_lines(void **state)
{
	(void)state;
	guest_start(&g, KVM_CHIP_FULL, 1, X86_LONG, CODE(irq));
	assert_int_equal(guest_next(&g, 0), 'R');
	assert_int_equal(kvm_vm_line(&g.vm, 4, true), 0);
	assert_int_equal(kvm_vm_line(&g.vm, 4, false), 0);
}

static void second_vcpu_starts_by_init_and_sipi(void **state)
{
	(void)state;
	guest_start(&g, KVM_CHIP_SPLIT, 2, X86_LONG, CODE(bsp));
	assert_int_equal(mem_write(&g.mem, 0x8000, guest_ap, (uint64_t)(guest_ap_end - guest_ap)), 0);
	assert_int_equal(kvm_vcpu_is_waiting(&g.vcpu[1]), 1);
	assert_int_equal(guest_next(&g, 0), 'B');
	assert_int_equal(guest_next(&g, 1), 'A');
	assert_int_equal(kvm_vcpu_is_waiting(&g.vcpu[1]), 0);
	assert_false(g.vcpu[1].waiting);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Answers the guest's read of the port. */
static void give(uint32_t value)
{
	struct kvm_exit exit = guest_run(&g, 0);

	assert_int_equal(exit.kind, KVM_EXITED_PORT);
	assert_false(exit.write);
	memcpy(exit.data, &value, sizeof value);
}

static int idle(uint64_t *deadline)
{
	struct kvm_exit exit;

	assert_int_equal(kvm_vcpu_complete(&g.vcpu[0], &exit), 0);
	return kvm_vcpu_idle_until(&g.vcpu[0], deadline);
}

/* Both timers are set to about 1 s, and the answer lies between what was asked for before and after. */
static void idle_until_the_timer(void **state)
{
	uint64_t before, deadline, second = 1000000000;

	(void)state;
	guest_start(&g, KVM_CHIP_SPLIT, 1, X86_LONG, CODE(timer));
	assert_int_equal(guest_next(&g, 0), 'R');
	assert_int_equal(idle(&deadline), 0);
	assert_int_equal(deadline, 0);
	before = now();
	give(guest_host.tsc_khz * 1000);
	assert_int_equal(guest_next(&g, 0), 'D');
	assert_int_equal(idle(&deadline), 0);
	/* 1 ms: the rate is rounded to kHz, and KVM may fire a little early on purpose */
	assert_in_range(deadline, before + second - 1000000, now() + second + 1000000);
	before = now();
	give((uint32_t)second);
	assert_int_equal(guest_next(&g, 0), 'O');
	assert_int_equal(idle(&deadline), 0);
	assert_in_range(deadline, before + second - 1000000, now() + second);
	assert_int_equal(kvm_vm_msi(&g.vm, MSI_ADDRESS, VECTOR), 0);
	assert_int_equal(idle(&deadline), 1);
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(message_wakes_a_halted_guest),
		TEST(message_reaches_ring_3),
		TEST(message_to_nobody_is_no_error),
		TEST(eoi_of_a_level_line),
		TEST(extint_waits_for_its_window),
		TEST(full_chip_takes_lines),
		TEST(second_vcpu_starts_by_init_and_sipi),
		TEST(idle_until_the_timer),
	};

	return cmocka_run_group_tests(tests, guest_open_host, guest_close_host);
}
