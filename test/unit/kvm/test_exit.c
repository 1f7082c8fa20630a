/* SPDX-License-Identifier: Apache-2.0 */
/* One KVM_RUN: entry registers, decoded exits, completion, injection. */
#include "test.h"

#include <errno.h>
#include <string.h>

#include <ukvmm/x86.h>

#include "machine.h"

static struct machine m;
static struct kvm_exit exited;

/* What the next KVM_RUN answers. */
static struct {
	int rc;
	struct kvm_run run; /* exit_reason and its union are copied */
	uint32_t mp_state;
	bool set_mp_state;
	uint8_t immediate_exit; /* seen */
	uint32_t dirty;
} script;

static int answer(void *arg, struct fake_vcpu *vcpu, struct kvm_run *run)
{
	(void)arg;
	run->exit_reason = script.run.exit_reason;
	run->if_flag = script.run.if_flag;
	run->ready_for_interrupt_injection = script.run.ready_for_interrupt_injection;
	memcpy(run->padding, script.run.padding, sizeof run->padding); /* the union */
	if (script.set_mp_state)
		vcpu->mp_state.mp_state = script.mp_state;
	return script.rc;
}

static int setup(void **state)
{
	(void)state;
	memset(&script, 0, sizeof script);
	memset(&exited, 0xee, sizeof exited);
	if (machine_open(&m) || machine_make(&m, KVM_CHIP_SPLIT, 2))
		return -1;
	m.fake.run = answer;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_drop(&m);
	machine_close(&m);
	return 0;
}

static void run_ok(uint32_t reason, enum kvm_exit_kind kind)
{
	script.run.exit_reason = reason;
	assert_int_equal(kvm_vcpu_run(&m.vcpu[0], &exited), 0);
	assert_int_equal(exited.kind, kind);
}

static void plain_exits(void **state)
{
	(void)state;
	run_ok(KVM_EXIT_HLT, KVM_EXITED_HLT);
	run_ok(KVM_EXIT_SHUTDOWN, KVM_EXITED_SHUTDOWN);
	run_ok(KVM_EXIT_IRQ_WINDOW_OPEN, KVM_EXITED_INTR_WINDOW);
	run_ok(KVM_EXIT_INTR, KVM_EXITED_SIGNAL);
	run_ok(KVM_EXIT_SET_TPR, KVM_EXITED_AGAIN);
	run_ok(KVM_EXIT_FAIL_ENTRY, KVM_EXITED_REFUSED);
	run_ok(KVM_EXIT_INTERNAL_ERROR, KVM_EXITED_REFUSED);
	run_ok(KVM_EXIT_UNKNOWN, KVM_EXITED_REFUSED);
	run_ok(9999, KVM_EXITED_REFUSED);
	assert_int_equal(m.vcpu[0].exits, 9);
	assert_false(m.vcpu[0].io_pending);
}

static void eoi_has_its_vector(void **state)
{
	(void)state;
	script.run.eoi.vector = 0x31;
	run_ok(KVM_EXIT_IOAPIC_EOI, KVM_EXITED_EOI);
	assert_int_equal(exited.vector, 0x31);
}

static void system_events(void **state)
{
	(void)state;
	for (uint32_t type = 0; type < 8; type++) {
		script.run.system_event.type = type;
		run_ok(KVM_EXIT_SYSTEM_EVENT, type >= 1 && type <= 3 ? KVM_EXITED_SYSTEM : KVM_EXITED_REFUSED);
		assert_int_equal(exited.system_type, type);
	}
}

static void ports(void **state)
{
	(void)state;
	script.run.io.port = 0x3f8;
	script.run.io.size = 2;
	script.run.io.count = 3;
	script.run.io.direction = KVM_EXIT_IO_OUT;
	script.run.io.data_offset = 4096;
	run_ok(KVM_EXIT_IO, KVM_EXITED_PORT);
	assert_int_equal(exited.addr, 0x3f8);
	assert_int_equal(exited.width, 2);
	assert_int_equal(exited.count, 3);
	assert_true(exited.write);
	assert_ptr_equal(exited.data, (uint8_t *)m.vcpu[0].run + 4096);
	assert_true(m.vcpu[0].io_pending);
	script.run.io.direction = KVM_EXIT_IO_IN;
	run_ok(KVM_EXIT_IO, KVM_EXITED_PORT);
	assert_false(exited.write);
}

static void mmio(void **state)
{
	(void)state;
	script.run.mmio.phys_addr = 0xd0000050;
	script.run.mmio.len = 4;
	script.run.mmio.is_write = 1;
	run_ok(KVM_EXIT_MMIO, KVM_EXITED_MMIO);
	assert_int_equal(exited.addr, 0xd0000050);
	assert_int_equal(exited.width, 4);
	assert_int_equal(exited.count, 1);
	assert_true(exited.write);
	assert_ptr_equal(exited.data, m.vcpu[0].run->mmio.data);
	assert_true(m.vcpu[0].io_pending);
}

static void signals_are_exits_and_errors_are_not(void **state)
{
	(void)state;
	script.rc = -EINTR;
	assert_int_equal(kvm_vcpu_run(&m.vcpu[0], &exited), 0);
	assert_int_equal(exited.kind, KVM_EXITED_SIGNAL);
	script.rc = -EFAULT;
	assert_int_equal(kvm_vcpu_run(&m.vcpu[0], &exited), -EFAULT);
	assert_int_equal(m.vcpu[0].exits, 0);
}

static void eagain_is_normal_only_for_a_waiting_ap(void **state)
{
	struct kvm_vcpu *ap = &m.vcpu[1];

	(void)state;
	script.rc = -EAGAIN;
	assert_int_equal(kvm_vcpu_run(&m.vcpu[0], &exited), -EAGAIN);
	/* INIT came */
	script.set_mp_state = true;
	script.mp_state = KVM_MP_STATE_INIT_RECEIVED;
	assert_int_equal(kvm_vcpu_run(ap, &exited), 0);
	assert_int_equal(exited.kind, KVM_EXITED_AGAIN);
	assert_true(ap->waiting);
	/* the SIPI too: this one is still KVM's way to say so, the next is a failure */
	script.mp_state = KVM_MP_STATE_RUNNABLE;
	assert_int_equal(kvm_vcpu_run(ap, &exited), 0);
	assert_int_equal(exited.kind, KVM_EXITED_AGAIN);
	assert_false(ap->waiting);
	assert_int_equal(kvm_vcpu_run(ap, &exited), -EAGAIN);
}

static void completion(void **state)
{
	struct kvm_vcpu *v = &m.vcpu[0];

	(void)state;
	assert_int_equal(kvm_vcpu_complete(v, &exited), 0);
	assert_int_equal(fake_count(&m.fake, KVM_RUN), 0);
	run_ok(KVM_EXIT_IO, KVM_EXITED_PORT);
	assert_int_equal(kvm_vcpu_complete(v, &exited), 0);
	assert_int_equal(fake_count(&m.fake, KVM_RUN), 2);
	assert_false(v->io_pending);
	assert_int_equal(v->run->immediate_exit, 0);
	assert_int_equal(kvm_vcpu_complete(v, &exited), 0);
	assert_int_equal(fake_count(&m.fake, KVM_RUN), 2);
}

static void completion_keeps_a_kick(void **state)
{
	struct kvm_vcpu *v = &m.vcpu[0];

	(void)state;
	run_ok(KVM_EXIT_IO, KVM_EXITED_PORT);
	kvm_vcpu_immediate_exit(v, true);
	assert_int_equal(kvm_vcpu_complete(v, &exited), 0);
	assert_int_equal(v->run->immediate_exit, 1);
	assert_int_equal(kvm_vcpu_run(v, &exited), 0);
	assert_int_equal(exited.kind, KVM_EXITED_SIGNAL);
	kvm_vcpu_immediate_exit(v, false);
	run_ok(KVM_EXIT_HLT, KVM_EXITED_HLT);
}

/* The second half of an access that KVM splits: comes although immediate_exit is set. */
static int second_half(struct kvm_sys *real, void *ctx, int fd, unsigned long request, uintptr_t arg)
{
	struct kvm_run *run = m.vcpu[0].run;

	if (request != KVM_RUN)
		return real->ioctl(ctx, fd, request, arg);
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = 0xd0000ffc;
	run->mmio.len = 4;
	return 0;
}

static struct kvm_sys fake_sys;

static int split_ioctl(void *ctx, int fd, unsigned long request, uintptr_t arg)
{
	return second_half(&fake_sys, ctx, fd, request, arg);
}

static void completion_may_bring_another_exit(void **state)
{
	struct kvm_vcpu *v = &m.vcpu[0];
	struct kvm_sys sys = m.fake.sys;

	(void)state;
	fake_sys = m.fake.sys;
	run_ok(KVM_EXIT_MMIO, KVM_EXITED_MMIO);
	sys.ioctl = split_ioctl;
	m.host.sys = &sys;
	assert_int_equal(kvm_vcpu_complete(v, &exited), 1);
	assert_int_equal(exited.kind, KVM_EXITED_MMIO);
	assert_int_equal(exited.addr, 0xd0000ffc);
	assert_true(v->io_pending);
	m.host.sys = &m.fake.sys;
	assert_int_equal(kvm_vcpu_complete(v, &exited), 0);
}

static void completion_fails(void **state)
{
	(void)state;
	run_ok(KVM_EXIT_IO, KVM_EXITED_PORT);
	m.fake.fail_at = 1;
	m.fake.fail_errno = EFAULT;
	assert_int_equal(kvm_vcpu_complete(&m.vcpu[0], &exited), -EFAULT);
}

static const struct x86_entry entry = {
	.mode = X86_LONG,
	.rip = 0x100000,
	.rsp = 0x8ff0,
	.rbp = 0x8ff0,
	.rsi = 0x7000,
	.rbx = 0x6000,
	.cr3 = 0x9000,
	.gdt_base = 0x500,
	.gdt_limit = 31,
	.idt_base = 0x520,
	.idt_limit = 7,
	.cs = 0x08,
	.ds = 0x10,
	.tr = 0x18,
};

static void check_long(const struct fake_vcpu *v)
{
	assert_int_equal(v->regs.rip, 0x100000);
	assert_int_equal(v->regs.rsi, 0x7000);
	assert_int_equal(v->regs.rflags, 2);
	assert_int_equal(v->sregs.cr0, 0x80000011);
	assert_int_equal(v->sregs.cr4, 0x20);
	assert_int_equal(v->sregs.efer, 0x500);
	assert_int_equal(v->sregs.cr3, 0x9000);
	assert_int_equal(v->sregs.apic_base, 0xfee00900);
	assert_int_equal(v->sregs.cs.selector, 8);
	assert_int_equal(v->sregs.cs.l, 1);
	assert_int_equal(v->sregs.cs.db, 0);
	assert_int_equal(v->sregs.ss.selector, 0x10);
	assert_int_equal(v->sregs.ss.db, 1);
	assert_int_equal(v->sregs.tr.selector, 0x18);
	assert_int_equal(v->sregs.tr.type, 11);
	assert_int_equal(v->sregs.tr.limit, 0x67);
	assert_int_equal(v->sregs.gdt.base, 0x500);
	assert_int_equal(v->sregs.idt.limit, 7);
}

static void enters_long_mode(void **state)
{
	(void)state;
	assert_int_equal(kvm_vcpu_enter_at(&m.vcpu[0], &entry, &m.err), 0);
	assert_int_equal(fake_count(&m.fake, KVM_SET_SREGS), 0);
	run_ok(KVM_EXIT_HLT, KVM_EXITED_HLT);
	check_long(machine_vcpu(&m, 0));
	assert_int_equal(m.vcpu[0].run->kvm_dirty_regs, 0);
}

static void registers_are_there_after_completion(void **state)
{
	struct ukvmm_x86_regs regs;

	(void)state;
	assert_int_equal(kvm_vcpu_enter_at(&m.vcpu[0], &entry, &m.err), 0);
	assert_int_equal(kvm_vcpu_complete(&m.vcpu[0], &exited), 0);
	check_long(machine_vcpu(&m, 0));
	assert_int_equal(kvm_vcpu_regs(&m.vcpu[0], &regs), 0);
	assert_int_equal(regs.rip, 0x100000);
	assert_int_equal(regs.rbx, 0x6000);
	assert_int_equal(regs.cs, 8);
	assert_int_equal(regs.cpl, 0);
	assert_int_equal(regs.gdt_base, 0x500);
}

static void enters_without_sync_regs(void **state)
{
	(void)state;
	m.host.has_sync_regs = false;
	assert_int_equal(kvm_vcpu_enter_at(&m.vcpu[0], &entry, &m.err), 0);
	check_long(machine_vcpu(&m, 0));
	for (uint32_t n = 1; n <= 2; n++) {
		m.fake.fail_at = n;
		m.fake.fail_errno = EINVAL;
		assert_int_equal(kvm_vcpu_enter_at(&m.vcpu[0], &entry, &m.err), -EINVAL);
		assert_string_equal(m.err.call, m.fake.failed_call);
		assert_string_equal(m.err.object, "vm0/vcpu0");
	}
}

static void enters_protected_mode(void **state)
{
	struct x86_entry e = entry;
	struct fake_vcpu *v = machine_vcpu(&m, 0);

	(void)state;
	e.mode = X86_PROT32;
	assert_int_equal(kvm_vcpu_enter_at(&m.vcpu[0], &e, &m.err), 0);
	run_ok(KVM_EXIT_HLT, KVM_EXITED_HLT);
	assert_int_equal(v->sregs.cr0, 0x11);
	assert_int_equal(v->sregs.cr3, 0);
	assert_int_equal(v->sregs.cr4, 0);
	assert_int_equal(v->sregs.efer, 0);
	assert_int_equal(v->sregs.cs.l, 0);
	assert_int_equal(v->sregs.cs.db, 1);
	assert_int_equal(v->sregs.cs.limit, 0xffffffff);
	e.mode = (enum x86_mode)7;
	assert_int_equal(kvm_vcpu_enter_at(&m.vcpu[0], &e, &m.err), -EINVAL);
}

static void injects_extint(void **state)
{
	struct kvm_vcpu *v = &m.vcpu[0];

	(void)state;
	script.run.ready_for_interrupt_injection = 1;
	script.run.if_flag = 1;
	run_ok(KVM_EXIT_IRQ_WINDOW_OPEN, KVM_EXITED_INTR_WINDOW);
	assert_true(kvm_vcpu_inject_ready(v));
	assert_false(kvm_vcpu_interrupts_off(v));
	assert_int_equal(kvm_vcpu_inject(v, 0x20), 0);
	assert_false(kvm_vcpu_inject_ready(v));
	assert_int_equal(machine_vcpu(&m, 0)->pending_extint, 0x20);
	assert_int_equal(kvm_vcpu_inject(v, 0x21), -EEXIST);
	/* a run that does not go in leaves it where it is */
	kvm_vcpu_immediate_exit(v, true);
	assert_int_equal(kvm_vcpu_run(v, &exited), 0);
	assert_int_equal(v->extint, 0x120);
	kvm_vcpu_immediate_exit(v, false);
	/* one that a signal ended inside has taken it */
	script.rc = -EINTR;
	script.run.exit_reason = KVM_EXIT_INTR;
	assert_int_equal(kvm_vcpu_run(v, &exited), 0);
	assert_int_equal(v->extint, 0);
	script.run.if_flag = 0;
	script.rc = 0;
	run_ok(KVM_EXIT_HLT, KVM_EXITED_HLT);
	assert_true(kvm_vcpu_interrupts_off(v));
	kvm_vcpu_want_window(v, true);
	assert_int_equal(v->run->request_interrupt_window, 1);
	kvm_vcpu_want_window(v, false);
	assert_int_equal(v->run->request_interrupt_window, 0);
}

static void mp_state_queries(void **state)
{
	struct kvm_vcpu *v = &m.vcpu[0];

	(void)state;
	assert_int_equal(kvm_vcpu_is_halted(v), 0);
	machine_vcpu(&m, 0)->mp_state.mp_state = KVM_MP_STATE_HALTED;
	assert_int_equal(kvm_vcpu_is_halted(v), 1);
	assert_int_equal(kvm_vcpu_is_waiting(v), 0);
	m.fake.fail_at = 1;
	m.fake.fail_errno = EIO;
	assert_int_equal(kvm_vcpu_is_halted(v), -EIO);
	m.fake.fail_at = 1;
	assert_int_equal(kvm_vcpu_is_waiting(v), -EIO);
	/* asked by a run that saw EAGAIN */
	script.rc = -EAGAIN;
	m.fake.fail_request = KVM_GET_MP_STATE;
	m.fake.fail_at = 1;
	assert_int_equal(kvm_vcpu_run(&m.vcpu[1], &exited), -EIO);
}

static void translates(void **state)
{
	uint64_t phys = 0;

	(void)state;
	m.fake.translate_to = 0x1000;
	assert_int_equal(kvm_vcpu_translate(&m.vcpu[0], 0x234, &phys), 0);
	assert_int_equal(phys, 0x1234);
	m.fake.translate_to = ~0ull;
	assert_int_equal(kvm_vcpu_translate(&m.vcpu[0], 0x234, &phys), -EFAULT);
	m.fake.fail_at = 1;
	m.fake.fail_errno = EIO;
	assert_int_equal(kvm_vcpu_translate(&m.vcpu[0], 0x234, &phys), -EIO);
}

static void reading_registers_may_fail(void **state)
{
	struct ukvmm_x86_regs regs;

	(void)state;
	for (uint32_t n = 1; n <= 2; n++) {
		m.fake.fail_at = n;
		m.fake.fail_errno = EIO;
		assert_int_equal(kvm_vcpu_regs(&m.vcpu[0], &regs), -EIO);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(plain_exits),
		TEST(eoi_has_its_vector),
		TEST(system_events),
		TEST(ports),
		TEST(mmio),
		TEST(signals_are_exits_and_errors_are_not),
		TEST(eagain_is_normal_only_for_a_waiting_ap),
		TEST(completion),
		TEST(completion_keeps_a_kick),
		TEST(completion_may_bring_another_exit),
		TEST(completion_fails),
		TEST(enters_long_mode),
		TEST(registers_are_there_after_completion),
		TEST(enters_without_sync_regs),
		TEST(enters_protected_mode),
		TEST(injects_extint),
		TEST(mp_state_queries),
		TEST(translates),
		TEST(reading_registers_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
