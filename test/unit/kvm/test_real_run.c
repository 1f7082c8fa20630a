/* SPDX-License-Identifier: Apache-2.0 */
/* Entry state, exits and signals on the machine's KVM. */
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ukvmm/x86.h>

#include "guest.h"

GUEST(out);
GUEST(echo);
GUEST(mmio);
GUEST(string);
GUEST(user);
GUEST(ident);
GUEST(lapic);
GUEST(spin);
GUEST(dead);
GUEST(triple);
GUEST(prot32);

static struct guest g;

static int teardown(void **state)
{
	(void)state;
	guest_end(&g);
	return 0;
}

static const enum kvm_chip chips[] = { KVM_CHIP_SPLIT, KVM_CHIP_FULL, KVM_CHIP_NONE };

static void long_mode_with_each_chip(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		guest_start(&g, chips[i], 1, X86_LONG, CODE(out));
		assert_int_equal(guest_next(&g, 0), 0x5a);
		assert_int_equal(guest_next(&g, 0), 0x12345678);
		if (i < 2)
			guest_end(&g);
	}
	assert_int_equal(guest_run(&g, 0).kind, KVM_EXITED_HLT);
}

static void long_mode_without_sync_regs(void **state)
{
	bool had = guest_host.has_sync_regs;

	(void)state;
	guest_host.has_sync_regs = false;
	guest_start(&g, KVM_CHIP_SPLIT, 1, X86_LONG, CODE(out));
	guest_host.has_sync_regs = had;
	assert_int_equal(guest_next(&g, 0), 0x5a);
}

static void protected_mode(void **state)
{
	uint32_t own;

	(void)state;
	guest_start(&g, KVM_CHIP_SPLIT, 1, X86_PROT32, CODE(prot32));
	memcpy(&own, guest_prot32, sizeof own);
	assert_int_equal(guest_next(&g, 0), 0x00100008);
	assert_int_equal(guest_next(&g, 0), 0x11); /* PE, ET */
	assert_int_equal(guest_next(&g, 0), own);
	assert_int_equal(guest_next(&g, 0), 0);
}

static void entry_can_be_read_before_the_first_run(void **state)
{
	struct ukvmm_x86_regs r;
	struct kvm_exit exit;

	(void)state;
	guest_start(&g, KVM_CHIP_SPLIT, 1, X86_LONG, CODE(out));
	assert_int_equal(kvm_vcpu_complete(&g.vcpu[0], &exit), 0);
	assert_int_equal(kvm_vcpu_regs(&g.vcpu[0], &r), 0);
	assert_int_equal(r.rip, GUEST_CODE);
	assert_int_equal(r.rsp, 0x8000);
	assert_int_equal(r.cr3, 0x9000);
	assert_int_equal(r.efer & 0x500, 0x500);
	assert_int_equal(r.cs, 8);
	assert_int_equal(r.tr, 0x38);
	assert_int_equal(r.rflags, 2);
	assert_int_equal(guest_next(&g, 0), 0x5a);
}

static void port_read_is_answered(void **state)
{
	struct kvm_exit exit;
	uint32_t value = 0x41;

	(void)state;
	guest_start(&g, KVM_CHIP_SPLIT, 1, X86_LONG, CODE(echo));
	exit = guest_run(&g, 0);
	assert_int_equal(exit.kind, KVM_EXITED_PORT);
	assert_false(exit.write);
	assert_int_equal(exit.width, 4);
	memcpy(exit.data, &value, sizeof value);
	assert_int_equal(guest_next(&g, 0), 0x42);
}

static void mmio_both_ways(void **state)
{
	uint64_t value = 0x1122334455667788, stored;
	struct kvm_exit exit;
	uint32_t written;

	(void)state;
	guest_start(&g, KVM_CHIP_SPLIT, 1, X86_LONG, CODE(mmio));
	exit = guest_run(&g, 0);
	assert_int_equal(exit.kind, KVM_EXITED_MMIO);
	assert_int_equal(exit.addr, 0xd0000000);
	assert_true(exit.write);
	assert_int_equal(exit.width, 4);
	memcpy(&written, exit.data, sizeof written);
	assert_int_equal(written, 0xcafef00d);
	exit = guest_run(&g, 0);
	assert_int_equal(exit.kind, KVM_EXITED_MMIO);
	assert_int_equal(exit.addr, 0xd0000008);
	assert_false(exit.write);
	assert_int_equal(exit.width, 8);
	memcpy(exit.data, &value, sizeof value);
	assert_int_equal(guest_next(&g, 0), 0x55667788);
	assert_int_equal(mem_read(&g.mem, 0x3000, &stored, sizeof stored), 0);
	assert_int_equal(stored, value);
}

/* KVM may hand it over in one exit or several: together they are the string. */
static void string_output(void **state)
{
	char got[6] = { 0 };
	uint32_t n = 0;

	(void)state;
	guest_start(&g, KVM_CHIP_NONE, 1, X86_LONG, CODE(string));
	while (n < 5) {
		struct kvm_exit exit = guest_run(&g, 0);

		assert_int_equal(exit.kind, KVM_EXITED_PORT);
		assert_int_equal(exit.width, 1);
		assert_true(exit.count >= 1 && exit.count <= 5 - n);
		memcpy(got + n, exit.data, exit.count);
		n += exit.count;
	}
	assert_string_equal(got, "hello");
	assert_int_equal(guest_run(&g, 0).kind, KVM_EXITED_HLT);
}

/* Registers are final only after completion: on some hosts RIP is still on the instruction before. */
static void completion_moves_on(void **state)
{
	struct ukvmm_x86_regs r;
	struct kvm_exit exit;

	(void)state;
	guest_start(&g, KVM_CHIP_SPLIT, 1, X86_LONG, CODE(out));
	assert_int_equal(guest_next(&g, 0), 0x5a);
	assert_int_equal(kvm_vcpu_complete(&g.vcpu[0], &exit), 0);
	assert_int_equal(kvm_vcpu_regs(&g.vcpu[0], &r), 0);
	assert_int_equal(r.rip, GUEST_CODE + 4); /* mov, out */
	assert_int_equal(r.rax & 0xff, 0x5a);
	assert_int_equal(guest_next(&g, 0), 0x12345678);
}

/* Why kvm_vcpu_enter_at leaves the FPU alone. */
static void fpu_is_in_its_initial_state(void **state)
{
	(void)state;
	guest_start(&g, KVM_CHIP_SPLIT, 1, X86_LONG, CODE(user));
	assert_int_equal(guest_next(&g, 0), 0x37f);
	assert_int_equal(guest_next(&g, 0), 0x1f80);
}

static void msrs_and_cpuid_as_the_guest_sees_them(void **state)
{
	(void)state;
	guest_start(&g, KVM_CHIP_SPLIT, 2, X86_LONG, CODE(ident));
	assert_int_equal(guest_next(&g, 0), 0x806);
	assert_int_equal(guest_next(&g, 0) & 1, 1);
	assert_int_equal(guest_next(&g, 0) >> 16, 2);			  /* APIC id 0, two logical processors */
	assert_int_equal(guest_next(&g, 0) & 0x81000000, 0x81000000); /* hypervisor, TSC deadline */
	assert_int_equal(guest_next(&g, 0), 2);				  /* leaf 0xb: cores */
	assert_int_equal(guest_next(&g, 0), 0x40000010);
	assert_true(guest_host.tsc_khz > 0);
	assert_int_equal(guest_next(&g, 0), guest_host.tsc_khz);
}

/* Why kvm_vcpu_init leaves the LAPIC alone: LINT0 takes the 8259s' ExtINT already. */
static void lint0_is_extint(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		guest_start(&g, chips[i], 1, X86_LONG, CODE(lapic));
		assert_int_equal(guest_next(&g, 0), 0x700);
		if (!i)
			guest_end(&g);
	}
}

static void take_kick(void)
{
	struct timespec none = { 0 };
	sigset_t kick;

	sigemptyset(&kick);
	sigaddset(&kick, guest_kick_signal());
	assert_int_equal(sigtimedwait(&kick, NULL, &none), guest_kick_signal());
}

static void early_kick_ends_the_run(void **state)
{
	(void)state;
	guest_start(&g, KVM_CHIP_SPLIT, 1, X86_LONG, CODE(spin));
	assert_int_equal(pthread_kill(pthread_self(), guest_kick_signal()), 0);
	assert_int_equal(guest_run(&g, 0).kind, KVM_EXITED_SIGNAL);
	take_kick();
	kvm_vcpu_immediate_exit(&g.vcpu[0], true);
	assert_int_equal(guest_run(&g, 0).kind, KVM_EXITED_SIGNAL);
	kvm_vcpu_immediate_exit(&g.vcpu[0], false);
}

/* A signal to this thread every millisecond, as the limits of a run send it. */
static timer_t start_kicks(void)
{
	const struct itimerspec every = { { 0, 1000000 }, { 0, 1000000 } };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = guest_kick_signal() };
	timer_t timer;

	event._sigev_un._tid = gettid();
	assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	assert_int_equal(timer_settime(timer, 0, &every, NULL), 0);
	return timer;
}

static void stop_kicks(timer_t timer)
{
	struct timespec none = { 0 };
	sigset_t kick;

	assert_int_equal(timer_delete(timer), 0);
	sigemptyset(&kick);
	sigaddset(&kick, guest_kick_signal());
	sigtimedwait(&kick, NULL, &none); /* one that came late */
}

/* HLT with interrupts off never leaves KVM_RUN by itself: a kick gets it out, and then it shows. */
static void dead_halt_shows_after_a_kick(void **state)
{
	timer_t timer;
	int halted;

	(void)state;
	guest_start(&g, KVM_CHIP_SPLIT, 1, X86_LONG, CODE(dead));
	timer = start_kicks();
	do {
		assert_int_equal(guest_run(&g, 0).kind, KVM_EXITED_SIGNAL);
		take_kick();
		halted = kvm_vcpu_is_halted(&g.vcpu[0]);
	} while (!halted);
	stop_kicks(timer);
	assert_int_equal(halted, 1);
	assert_true(kvm_vcpu_interrupts_off(&g.vcpu[0]));
}

static void triple_fault(void **state)
{
	bool broken;

	(void)state;
	guest_start(&g, KVM_CHIP_SPLIT, 1, X86_LONG, CODE(triple));
	assert_int_equal(guest_run(&g, 0).kind, KVM_EXITED_SHUTDOWN);
	assert_int_equal(kvm_vcpu_explain(&g.vcpu[0], &broken, &g.err), -EIO);
	assert_false(broken);
	assert_non_null(strstr(g.err.text, "triple fault"));
}

static void translation(void **state)
{
	struct kvm_exit exit;
	uint64_t phys;

	(void)state;
	guest_start(&g, KVM_CHIP_SPLIT, 1, X86_LONG, CODE(out));
	assert_int_equal(kvm_vcpu_complete(&g.vcpu[0], &exit), 0);
	assert_int_equal(kvm_vcpu_translate(&g.vcpu[0], 0x123456, &phys), 0);
	assert_int_equal(phys, 0x123456);
	assert_int_equal(kvm_vcpu_translate(&g.vcpu[0], 1ull << 40, &phys), -EFAULT);
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(long_mode_with_each_chip),
		TEST(long_mode_without_sync_regs),
		TEST(protected_mode),
		TEST(entry_can_be_read_before_the_first_run),
		TEST(port_read_is_answered),
		TEST(mmio_both_ways),
		TEST(string_output),
		TEST(completion_moves_on),
		TEST(fpu_is_in_its_initial_state),
		TEST(msrs_and_cpuid_as_the_guest_sees_them),
		TEST(lint0_is_extint),
		TEST(early_kick_ends_the_run),
		TEST(dead_halt_shows_after_a_kick),
		TEST(triple_fault),
		TEST(translation),
	};

	return cmocka_run_group_tests(tests, guest_open_host, guest_close_host);
}
