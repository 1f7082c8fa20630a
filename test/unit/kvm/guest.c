/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"

enum { PML4 = 0x9000, PDPT = 0xa000, PD_LOW = 0xb000, PD_HIGH = 0xc000 };
enum { GDT = 0x500, IDT = 0x2000, IDT_LIMIT = 0xfff };

struct kvm_host guest_host;

int guest_kick_signal(void)
{
	return SIGRTMAX - 1;
}

int guest_open_host(void **state)
{
	struct ukvmm_err err = { .size = sizeof err };
	sigset_t kick;

	(void)state;
	if (kvm_host_init(&guest_host, &kvm_sys_linux, -1, &err)) {
		printf("SKIP: no usable KVM here: %s: %s\n", err.object, err.text);
		exit(77);
	}
	sigemptyset(&kick);
	sigaddset(&kick, guest_kick_signal());
	return pthread_sigmask(SIG_BLOCK, &kick, NULL);
}

int guest_close_host(void **state)
{
	(void)state;
	kvm_host_fini(&guest_host);
	return 0;
}

static void put(struct guest *g, uint64_t gpa, uint64_t value)
{
	assert_int_equal(mem_write(&g->mem, gpa, &value, sizeof value), 0);
}

static void put_tables(struct guest *g)
{
	static const uint64_t gdt[] = {
		0,
		0x00af9b000000ffff, /* 0x08 code, 64-bit */
		0x00cf93000000ffff, /* 0x10 data */
		0,
		0x00cff3000000ffff, /* 0x20 user data */
		0x00affb000000ffff, /* 0x28 user code, 64-bit */
		0,
		0x00008b0000000067, /* 0x38 TSS at 0 */
		0,
	};

	put(g, PML4, PDPT | 7);
	put(g, PDPT, PD_LOW | 7);
	put(g, PDPT + 3 * 8, PD_HIGH | 7);
	for (uint64_t i = 0; i < 512; i++) {
		put(g, PD_LOW + 8 * i, i << 21 | 0x87);
		put(g, PD_HIGH + 8 * i, (3ull << 30) | i << 21 | 0x87);
	}
	assert_int_equal(mem_write(&g->mem, GDT, gdt, sizeof gdt), 0);
	put(g, 4, 0x7000); /* TSS: RSP0 */
}

void guest_gate(struct guest *g, uint8_t vector, uint64_t address)
{
	put(g, IDT + 16u * vector,
		(address & 0xffff) | 0x08 << 16 | 0x8e00ull << 32 | (address >> 16 & 0xffff) << 48);
	put(g, IDT + 16u * vector + 8, address >> 32);
}

void guest_make(struct guest *g, enum kvm_chip chip, uint32_t vcpus, const char *start, const char *end)
{
	memset(g, 0, sizeof *g);
	g->err.size = sizeof g->err;
	assert_int_equal(mem_reserve(&g->mem, GUEST_RAM, X86_RAM_GAP_START, X86_RAM_GAP_END), 0);
	assert_int_equal(mem_back(&g->mem, MEM_HUGE_OFF), 0);
	put_tables(g);
	assert_int_equal(mem_write(&g->mem, GUEST_CODE, start, (uint64_t)(end - start)), 0);
	if (kvm_vm_init(&g->vm, &guest_host, &g->mem, chip, vcpus, "guest", &g->err))
		fail_msg("%s: %s: %s", g->err.call, g->err.object, g->err.text);
	for (; g->vcpus < vcpus; g->vcpus++)
		if (kvm_vcpu_init(&g->vcpu[g->vcpus], &g->vm, g->vcpus, guest_kick_signal(), &g->err))
			fail_msg("%s: %s: %s", g->err.call, g->err.object, g->err.text);
}

void guest_start(struct guest *g, enum kvm_chip chip, uint32_t vcpus, enum x86_mode mode, const char *start,
	const char *end)
{
	struct x86_entry entry = {
		.mode = mode,
		.rip = GUEST_CODE,
		.rsp = 0x8000,
		.cr3 = PML4,
		.gdt_base = GDT,
		.gdt_limit = 9 * 8 - 1,
		.idt_base = IDT,
		.idt_limit = IDT_LIMIT,
		.cs = 0x08,
		.ds = 0x10,
		.tr = 0x38,
	};

	guest_make(g, chip, vcpus, start, end);
	assert_int_equal(kvm_vcpu_enter_at(&g->vcpu[0], &entry, &g->err), 0);
}

void guest_end(struct guest *g)
{
	while (g->vcpus)
		kvm_vcpu_fini(&g->vcpu[--g->vcpus]);
	kvm_vm_fini(&g->vm);
	mem_fini(&g->mem);
}

struct kvm_exit guest_run(struct guest *g, uint32_t i)
{
	struct kvm_exit exit;

	do
		assert_int_equal(kvm_vcpu_run(&g->vcpu[i], &exit), 0);
	while (exit.kind == KVM_EXITED_AGAIN);
	return exit;
}

uint32_t guest_next(struct guest *g, uint32_t i)
{
	struct kvm_exit exit = guest_run(g, i);
	uint32_t value = 0;
	bool broken;

	if (exit.kind == KVM_EXITED_REFUSED || exit.kind == KVM_EXITED_SHUTDOWN) {
		kvm_vcpu_explain(&g->vcpu[i], &broken, &g->err);
		fail_msg("exit %d: %s", exit.kind, g->err.text);
	}
	assert_int_equal(exit.kind, KVM_EXITED_PORT);
	assert_int_equal(exit.addr, GUEST_PORT);
	assert_true(exit.write);
	assert_true(exit.width <= sizeof value);
	memcpy(&value, exit.data, exit.width);
	return value;
}
