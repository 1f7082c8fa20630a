/* SPDX-License-Identifier: Apache-2.0 */
/* A LAPIC timer's interrupt comes exactly once, however often and whenever the VM is saved and loaded. */
#include "roundtrip.h"

#include <string.h>

enum { DUE_NS = 1000000, HOPS = 3 };

#define ONE_SHOT(ns) \
	"xor ebp, ebp; mov dword ptr [rbx + 0x3e0], 11; mov dword ptr [rbx + 0x320], 0x40; " \
	"mov dword ptr [rbx + 0x380], " ns "; "
#define HERE "mov edx, 0x9900; in al, dx; " /* where it is saved */
/* Interrupts on for a while, so that one too many is seen; the status is how many there were. */
#define TELL "mov ecx, 3000; sti; 2: nop; loop 2b; cli; mov eax, ebp; mov edx, 0x501; out dx, al; "
#define HANDLER "9: inc ebp; mov dword ptr [rbx + 0xb0], 0; iretq"

TINY_CODE(served, INTERRUPTS ONE_SHOT("100000") "1: sti; hlt; cli; test ebp, ebp; jz 1b; " HERE TELL HANDLER);
TINY_CODE(due, INTERRUPTS ONE_SHOT("1000000") "cli; " HERE "1: sti; hlt; cli; test ebp, ebp; jz 1b; " TELL HANDLER);

static struct ukvmm_vm *paused(struct fixture *f, const struct tiny_code *code, uint32_t irqchip)
{
	struct ukvmm_x86_config x86 = { .size = sizeof x86, .irqchip = irqchip };
	const struct ukvmm_vm_config c = { .size = sizeof c, .memory = 4 << 20, .x86 = &x86 };
	struct ukvmm_vm *vm = make_vm(f, code, &c);

	assert_int_equal(ukvmm_vm_trap(vm, GUEST_PORT, 1, UKVMM_SPACE_X86_PORT, NULL), 0);
	assert_int_equal(ukvmm_vm_seal(vm, NULL), 0);
	return vm;
}

static void pause_vm(struct fixture *f, struct ukvmm_vm *vm)
{
	assert_int_equal(ukvmm_vm_pause(vm), 0);
	wait_event(f, UKVMM_EV_PAUSED);
}

static struct ukvmm_vm *move(struct fixture *f, struct ukvmm_vm *vm, const struct tiny_code *code, uint32_t irqchip)
{
	struct ukvmm_vm *to = paused(f, code, irqchip);
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_state s;

	pause_vm(f, to);
	save_state(vm, &s);
	copy_ram(to, vm);
	if (load_state(to, s.buf, s.len, &err))
		fail_msg("%s(%s): %s", err.call, err.object, err.text);
	state_fini(&s);
	ukvmm_vm_destroy(vm);
	return to;
}

/* `late`: only when the timer has run out for certain, in the VM that is paused. */
static void exactly_once(struct fixture *f, const struct tiny_code *code, uint32_t irqchip, bool late)
{
	struct ukvmm_vm *vm = paused(f, code, irqchip);
	struct ukvmm_stop stop;
	uint64_t due;

	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).reason, UKVMM_STOP_TRAP);
	due = ukvmm_now() + DUE_NS;
	assert_int_equal(ukvmm_vcpu_answer(vcpu_of(vm, 0), 0), 0);
	assert_int_equal(ukvmm_vm_pause(vm), 0);
	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).reason, UKVMM_STOP_PAUSED);
	wait_event(f, UKVMM_EV_PAUSED);
	while (late && ukvmm_now() < due)
		;
	for (int i = 0; i < HOPS; i++)
		vm = move(f, vm, code, irqchip);
	assert_int_equal(ukvmm_vm_resume(vm), 0);
	/* one that is lost would be waited for until then */
	stop = run_vcpu(vcpu_of(vm, 0), &(struct ukvmm_limits){ .size = sizeof(struct ukvmm_limits),
			.deadline = ukvmm_now() + 100000000000 });
	assert_int_equal(stop.reason, UKVMM_STOP_POWEROFF);
	assert_int_equal(stop.value, 1);
	ukvmm_vm_destroy(vm);
}

static void one_that_was_served(void **state)
{
	exactly_once(*state, &tiny_code_served, UKVMM_X86_IRQCHIP_SPLIT, false);
	exactly_once(*state, &tiny_code_served, UKVMM_X86_IRQCHIP_FULL, false);
}

static void one_that_runs_out_in_the_pause(void **state)
{
	exactly_once(*state, &tiny_code_due, UKVMM_X86_IRQCHIP_SPLIT, true);
	exactly_once(*state, &tiny_code_due, UKVMM_X86_IRQCHIP_FULL, true);
}

static void one_that_still_runs(void **state)
{
	for (int i = 0; i < 10; i++)
		exactly_once(*state, &tiny_code_due, UKVMM_X86_IRQCHIP_SPLIT, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(one_that_was_served),
		fixture_test(one_that_runs_out_in_the_pause),
		fixture_test(one_that_still_runs),
	};

	return FIXTURE_RUN(tests);
}
