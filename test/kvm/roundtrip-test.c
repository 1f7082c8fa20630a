/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that are saved at random points and go on in other VMs say the same as those that stay. */
#include "roundtrip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPLIT UKVMM_X86_IRQCHIP_SPLIT
#define FULL UKVMM_X86_IRQCHIP_FULL
#define COUNTER "rounds=8 work=200000"

#define KIND(n, i, c, cpus, chip, ...) \
	{ .name = n, .image = i, .cmdline = c, .vcpus = cpus, .irqchip = chip, __VA_ARGS__ }

static const struct trip_kind kinds[] = {
	KIND("counter, split", "counter.elf", COUNTER, 1, SPLIT),
	KIND("counter, full", "counter.elf", COUNTER, 1, FULL),
	KIND("counter, split, 2 vCPUs", "counter.elf", COUNTER, 2, SPLIT),
	KIND("counter, full, 2 vCPUs", "counter.elf", COUNTER, 2, FULL),
	KIND("timer, split", "timer.elf", "", 1, SPLIT),
	KIND("timer, x2APIC, full", "timer.elf", "mode=x2apic", 1, FULL),
	KIND("serial-echo, IOAPIC", "serial-echo.elf", "", 1, SPLIT, .input = 800),
	KIND("serial-echo, 8259", "serial-echo.elf", "chip=pic", 1, SPLIT, .input = 800),
	KIND("serial-echo, full", "serial-echo.elf", "", 1, FULL, .input = 800),
	KIND("smp, split, 2 vCPUs", "smp.elf", "cpus=2", 2, SPLIT),
	KIND("smp, full, 4 vCPUs", "smp.elf", "cpus=4", 4, FULL),
	KIND("Solo5 hvt, in its polls", "hvt.elf", "ticks", 1, UKVMM_X86_IRQCHIP_AUTO),
	KIND("sleeper, parked", "sleeper.elf", "ticks=5 ms=4", 1, SPLIT, .flags = UKVMM_VM_PARK_IDLE),
};

/* More lives, hopping ever sooner, where the first, which was timed, was so slow that the next ones ended before. */
enum { LIVES = 6, LIVES_MAX = 40, HOPS_MAX = 8 };
static uint64_t seed = 0x9e3779b97f4a7c15;
static const char *only; /* kinds with this in their name */

struct reference {
	char output[ROUNDTRIP_OUTPUT];
	struct ukvmm_stop stop;
	uint64_t ns; /* how long it took */
};

static void unbroken(struct fixture *f, const struct trip_kind *kind, struct reference *ref)
{
	uint64_t start;
	struct traveller t;

	traveller_init(&t, f, kind);
	t.vm = traveller_fresh(&t);
	assert_int_equal(ukvmm_vm_resume(t.vm), 0);
	start = ukvmm_now();
	traveller_drive(&t);
	traveller_finish(&t);
	ref->ns = ukvmm_now() - start;
	ref->stop = t.stop;
	strcpy(ref->output, t.output);
	traveller_fini(&t);
	assert_int_equal(ref->stop.reason, UKVMM_STOP_POWEROFF);
	assert_non_null(strstr(ref->output, "OK\n"));
}

/* Hops at random points of what is about one life. Returns how many there were. */
static uint32_t travel(struct fixture *f, const struct trip_kind *kind, const struct reference *ref)
{
	uint32_t hops = 0, wanted = 1 + (uint32_t)(roundtrip_random(&seed) % HOPS_MAX);
	struct traveller t;

	traveller_init(&t, f, kind);
	t.vm = traveller_fresh(&t);
	assert_int_equal(ukvmm_vm_resume(t.vm), 0);
	traveller_drive(&t);
	while (hops < wanted) {
		uint64_t stay = roundtrip_random(&seed) % (2 * ref->ns / wanted + 1);

		if (traveller_serve(&t, ukvmm_now() + stay) || !traveller_hop(&t))
			break;
		hops++;
	}
	traveller_finish(&t);
	if (strcmp(t.output, ref->output))
		fail_msg("%s, %u hops, said:\n%s\ninstead of:\n%s", kind->name, hops, t.output, ref->output);
	assert_int_equal(t.stop.reason, ref->stop.reason);
	assert_int_equal(t.stop.flags, ref->stop.flags);
	assert_int_equal(t.stop.value, ref->stop.value);
	traveller_fini(&t);
	return hops;
}

static void the_same_in_pieces(void **state)
{
	struct fixture *f = *state;
	static struct reference ref;

	print_message("seed %llx\n", (unsigned long long)seed);
	for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
		uint32_t hops = 0;

		if (only && !strstr(kinds[k].name, only))
			continue;
		unbroken(f, &kinds[k], &ref);
		print_message("%s: unbroken %llu us\n", kinds[k].name, (unsigned long long)ref.ns / 1000);
		for (uint32_t i = 0; i < LIVES || (!hops && i < LIVES_MAX); i++) {
			hops += travel(f, &kinds[k], &ref);
			if (!hops)
				ref.ns /= 2;
		}
		print_message("%s: %u hops\n", kinds[k].name, hops);
		assert_true(hops > 0);
	}
}

/* Before its first instruction, and again and again without running in between. */
static void where_it_never_ran(void **state)
{
	struct fixture *f = *state;
	static struct reference ref;
	struct traveller t;

	unbroken(f, &kinds[0], &ref);
	traveller_init(&t, f, &kinds[0]);
	t.vm = traveller_fresh(&t);
	for (int i = 0; i < 3; i++) {
		struct ukvmm_err err = { .size = sizeof err };
		struct ukvmm_vm *to = traveller_fresh(&t);
		struct ukvmm_state s;

		save_state(t.vm, &s);
		memset(to->ram.base, 0xcc, 4 << 20);
		copy_ram(to, t.vm);
		assert_int_equal(ukvmm_vm_destroy(t.vm), 0);
		assert_int_equal(load_state(to, s.buf, s.len, &err), 0);
		state_fini(&s);
		t.vm = to;
	}
	assert_int_equal(ukvmm_vm_resume(t.vm), 0);
	traveller_drive(&t);
	traveller_finish(&t);
	assert_string_equal(t.output, ref.output);
	traveller_fini(&t);
}

/* Stores 8 bytes across a page boundary: two accesses, the second of which shows up when the first is completed. */
TINY_CODE(across, "mov ebx, 0xe0000ffc; mov rax, 0x1122334455667788; mov [rbx], rax; mov edx, 0x501; mov al, 5; out dx, al");

/* A kicked vCPU is at an instruction boundary: nothing of an access is left that a save would lose. */
static void kicked_within_an_access(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = make_vm(f, &tiny_code_across, NULL);
	struct ukvmm_kicker *kicker;
	struct ukvmm_state s;
	struct ukvmm_stop stop;
	int traps = 0;

	assert_int_equal(ukvmm_vm_trap(vm, 0xe0000000, 0x2000, UKVMM_SPACE_MEMORY, NULL), 0);
	assert_int_equal(ukvmm_vm_seal(vm, NULL), 0);
	kicker = ukvmm_vcpu_kicker(vcpu_of(vm, 0));
	while ((stop = run_vcpu(vcpu_of(vm, 0), NULL)).reason == UKVMM_STOP_TRAP) {
		assert_int_equal(stop.addr, traps ? 0xe0001000 : 0xe0000ffc);
		assert_int_equal(stop.value, traps ? 0x11223344 : 0x55667788);
		traps++;
		assert_int_equal(ukvmm_vcpu_answer(vcpu_of(vm, 0), 0), 0);
		ukvmm_kick(kicker);
	}
	assert_int_equal(stop.reason, UKVMM_STOP_KICKED);
	assert_int_equal(traps, 2);
	assert_int_equal(ukvmm_vm_pause(vm), 0);
	wait_event(f, UKVMM_EV_PAUSED);
	save_state(vm, &s);
	state_fini(&s);
	assert_int_equal(ukvmm_vm_resume(vm), 0);
	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).value, 5);
	ukvmm_kicker_unref(kicker);
	ukvmm_vm_destroy(vm);
}

/* Another seed and part of a kind's name may be given, to look further. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		fixture_test(kicked_within_an_access),
		fixture_test(where_it_never_ran),
		fixture_test(the_same_in_pieces),
	};

	if (argc > 1)
		seed = strtoull(argv[1], NULL, 16) | 1; /* never 0 */
	if (argc > 2)
		only = argv[2];
	return FIXTURE_RUN(tests);
}
