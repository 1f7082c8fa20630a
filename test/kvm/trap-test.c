/* SPDX-License-Identifier: Apache-2.0 */
/* A trapped range returns from the run; what nobody claims is all-ones. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

TINY_CODE(memory, "mov ebx, 0xe0000000; mov rax, [rbx]; inc rax; mov [rbx + 8], rax; "
		  "mov edx, 0x501; mov al, [0xe0100000]; out dx, al");

static struct ukvmm_vm *trapping(struct fixture *f, const struct tiny_code *code, uint64_t addr, uint64_t len,
	uint32_t space)
{
	struct ukvmm_vm *vm = make_vm(f, code, NULL);

	assert_int_equal(ukvmm_vm_trap(vm, addr, len, space, NULL), 0);
	assert_int_equal(ukvmm_vm_seal(vm, NULL), 0);
	return vm;
}

static void a_port_is_answered(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = trapping(f, guest_trap, GUEST_PORT, 1, UKVMM_SPACE_X86_PORT);
	struct ukvmm_vcpu *vcpu = vcpu_of(vm, 0);
	struct ukvmm_stop stop = run_vcpu(vcpu, NULL);

	assert_int_equal(stop.reason, UKVMM_STOP_TRAP);
	assert_int_equal(stop.addr, GUEST_PORT);
	assert_int_equal(stop.space, UKVMM_SPACE_X86_PORT);
	assert_int_equal(stop.width, 1);
	assert_int_equal(stop.flags, 0);
	assert_int_equal(ukvmm_vcpu_run(vcpu, NULL, &stop, NULL), -EBADFD); /* first the answer */
	assert_int_equal(ukvmm_vcpu_answer(vcpu, 0x55), 0);
	assert_int_equal(ukvmm_vcpu_answer(vcpu, 0x66), -EBADFD);
	stop = run_vcpu(vcpu, NULL);
	assert_int_equal(stop.reason, UKVMM_STOP_TRAP);
	assert_int_equal(stop.flags, UKVMM_STOP_WRITE);
	assert_int_equal(stop.value, 0x56);
	assert_int_equal(ukvmm_vcpu_answer(vcpu, 0), 0);
	assert_int_equal(run_vcpu(vcpu, NULL).value, 0x56);
	ukvmm_vm_destroy(vm);
}

static void a_string_is_one_trap_an_item(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = trapping(f, guest_strings, GUEST_PORT, 1, UKVMM_SPACE_X86_PORT);
	char got[4] = { 0 };

	for (int i = 0; i < 3; i++) {
		struct ukvmm_stop stop = run_vcpu(vcpu_of(vm, 0), NULL);

		assert_int_equal(stop.reason, UKVMM_STOP_TRAP);
		got[i] = (char)stop.value;
		assert_int_equal(ukvmm_vcpu_answer(vcpu_of(vm, 0), 0), 0);
	}
	assert_string_equal(got, "abc");
	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).value, 3);
	ukvmm_vm_destroy(vm);
}

static void memory_is_trapped_and_the_rest_is_ones(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = trapping(f, &tiny_code_memory, 0xe0000000, 16, UKVMM_SPACE_MEMORY);
	struct ukvmm_stop stop = run_vcpu(vcpu_of(vm, 0), NULL);

	assert_int_equal(stop.addr, 0xe0000000);
	assert_int_equal(stop.width, 8);
	ukvmm_vcpu_answer(vcpu_of(vm, 0), 0x1122334455667788);
	stop = run_vcpu(vcpu_of(vm, 0), NULL);
	assert_int_equal(stop.addr, 0xe0000008);
	assert_true(stop.value == 0x1122334455667789);
	ukvmm_vcpu_answer(vcpu_of(vm, 0), 0);
	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).value, 0xff);
	ukvmm_vm_destroy(vm);
}

static void ranges_are_checked(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = make_vm(f, guest_trap, NULL);
	struct ukvmm_err err = { .size = sizeof err };

	assert_int_equal(ukvmm_vm_trap(vm, 0x1000, 1, UKVMM_SPACE_MEMORY, &err), -EEXIST); /* RAM */
	assert_int_equal(ukvmm_vm_trap(vm, 0xfec00010, 4, UKVMM_SPACE_MEMORY, &err), -EEXIST);
	assert_int_equal(ukvmm_vm_trap(vm, 0xd0000ffc, 8, UKVMM_SPACE_MEMORY, &err), -EEXIST);
	assert_int_equal(ukvmm_vm_trap(vm, 0x3f8, 1, UKVMM_SPACE_X86_PORT, &err), -EEXIST);
	assert_int_equal(ukvmm_vm_trap(vm, 0xfffe, 4, UKVMM_SPACE_X86_PORT, &err), -EINVAL);
	assert_int_equal(ukvmm_vm_trap(vm, ~0ull, 2, UKVMM_SPACE_MEMORY, &err), -EINVAL);
	assert_int_equal(ukvmm_vm_trap(vm, 0xe0000000, 0, UKVMM_SPACE_MEMORY, &err), -EINVAL);
	assert_int_equal(ukvmm_vm_trap(vm, 0xe0000000, 4, 7, &err), -EINVAL);
	assert_int_equal(ukvmm_vm_trap(vm, 0xe0000000, 4, UKVMM_SPACE_MEMORY, &err), 0);
	assert_int_equal(ukvmm_vm_trap(vm, 0xe0000003, 4, UKVMM_SPACE_MEMORY, &err), -EEXIST);
	assert_non_null(strstr(err.text, "0xe0000003"));
	ukvmm_vm_destroy(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(a_port_is_answered),
		fixture_test(a_string_is_one_trap_an_item),
		fixture_test(memory_is_trapped_and_the_rest_is_ones),
		fixture_test(ranges_are_checked),
	};

	return FIXTURE_RUN(tests);
}
