/* SPDX-License-Identifier: Apache-2.0 */
/* A guest saved in the middle of its work goes on in a second VM with the same output. */
#include "test.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/kvm.h>

#include "guest.h"

GUEST(work);
GUEST(kernel_work);
GUEST(out);
GUEST(bsp);
GUEST(ap);
GUEST(irq);
GUEST(tsc);
extern const char guest_irq_handler[];

enum { OUTPUTS_MAX = 256 };

static struct guest a, b;

static int teardown(void **state)
{
	(void)state;
	guest_end(&a);
	guest_end(&b);
	return 0;
}

static void save(struct guest *g, struct ukvmm_state *s)
{
	struct kvm_exit exit;

	state_save_init(s);
	for (uint32_t i = 0; i < g->vcpus; i++) {
		assert_int_equal(kvm_vcpu_complete(&g->vcpu[i], &exit), 0);
		if (kvm_vcpu_walk(&g->vcpu[i], s, &g->err))
			fail_msg("%s: %s", g->err.call, g->err.text);
	}
	if (kvm_vm_walk(&g->vm, s, &g->err))
		fail_msg("%s: %s", g->err.call, g->err.text);
}

static void load(struct guest *g, const struct ukvmm_state *saved)
{
	struct ukvmm_state s;

	state_load_init(&s, saved->buf, saved->len);
	for (uint32_t i = 0; i < g->vcpus; i++)
		if (kvm_vcpu_walk(&g->vcpu[i], &s, &g->err))
			fail_msg("%s: %s", g->err.call, g->err.text);
	if (kvm_vm_walk(&g->vm, &s, &g->err))
		fail_msg("%s: %s", g->err.call, g->err.text);
	assert_int_equal(s.pos, saved->len);
	state_fini(&s);
}

/* a goes on as b: state through a save and a load, memory copied. */
static void move(struct guest *from, struct guest *to, enum kvm_chip chip, uint32_t vcpus)
{
	struct ukvmm_state s;

	guest_make(to, chip, vcpus, CODE(out));
	save(from, &s);
	memcpy(to->mem.base, from->mem.base, from->mem.len);
	load(to, &s);
	state_fini(&s);
	guest_end(from);
}

static uint32_t reference(enum kvm_chip chip, const char *start, const char *end, uint32_t *out)
{
	uint32_t n = 0;

	guest_start(&a, chip, 1, X86_LONG, start, end);
	do {
		assert_true(n < OUTPUTS_MAX);
		out[n] = guest_next(&a, 0);
	} while (out[n++] != 'X');
	guest_end(&a);
	return n;
}

/* Moved at output `at` and again at `then`. */
static void moved(enum kvm_chip chip, const char *start, const char *end, const uint32_t *want, uint32_t n,
	uint32_t at, uint32_t then)
{
	uint32_t i = 0;

	guest_start(&a, chip, 1, X86_LONG, start, end);
	for (; i < at; i++)
		assert_int_equal(guest_next(&a, 0), want[i]);
	move(&a, &b, chip, 1);
	for (; i < then; i++)
		assert_int_equal(guest_next(&b, 0), want[i]);
	move(&b, &a, chip, 1);
	for (; i < n; i++)
		assert_int_equal(guest_next(&a, 0), want[i]);
	guest_end(&a);
}

/* A fixed sequence that looks random: failures come again. */
static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void moved_at_random(enum kvm_chip chip, const char *start, const char *end, int times)
{
	uint32_t want[OUTPUTS_MAX], n = reference(chip, start, end, want), seed = 12345;

	moved(chip, start, end, want, n, 0, 0);
	moved(chip, start, end, want, n, n - 1, n);
	for (int i = 0; i < times; i++) {
		uint32_t at = next_random(&seed) % n, then = at + next_random(&seed) % (n - at);

		moved(chip, start, end, want, n, at, then);
	}
}

static void user_work_goes_on(void **state)
{
	(void)state;
	moved_at_random(KVM_CHIP_SPLIT, CODE(work), 8);
	moved_at_random(KVM_CHIP_NONE, CODE(work), 4);
}

static void kernel_work_goes_on(void **state)
{
	(void)state;
	moved_at_random(KVM_CHIP_SPLIT, CODE(kernel_work), 8);
}

static void with_the_full_chip(void **state)
{
	(void)state;
	moved_at_random(KVM_CHIP_FULL, CODE(kernel_work), 2);
}

static void halted_guest_is_woken_in_its_new_vm(void **state)
{
	struct kvm_exit exit;

	(void)state;
	guest_start(&a, KVM_CHIP_SPLIT, 1, X86_LONG, CODE(irq));
	guest_gate(&a, 0x31, GUEST_CODE + (uint64_t)(guest_irq_handler - guest_irq));
	assert_int_equal(guest_next(&a, 0), 'R');
	assert_int_equal(kvm_vcpu_complete(&a.vcpu[0], &exit), 0);
	/* pending in the LAPIC while it is saved */
	assert_int_equal(kvm_vm_msi(&a.vm, 0xfee00000, 0x31), 0);
	move(&a, &b, KVM_CHIP_SPLIT, 1);
	assert_int_equal(guest_next(&b, 0), 'I');
	move(&b, &a, KVM_CHIP_SPLIT, 1); /* in the handler, vector in service */
	assert_int_equal(guest_next(&a, 0), 'D');
	assert_int_equal(kvm_vm_msi(&a.vm, 0xfee00000, 0x31), 0);
	assert_int_equal(guest_next(&a, 0), 'I');
}

static void waiting_vcpu_still_waits(void **state)
{
	(void)state;
	guest_start(&a, KVM_CHIP_SPLIT, 2, X86_LONG, CODE(bsp));
	assert_int_equal(mem_write(&a.mem, 0x8000, guest_ap, (uint64_t)(guest_ap_end - guest_ap)), 0);
	move(&a, &b, KVM_CHIP_SPLIT, 2);
	assert_int_equal(kvm_vcpu_is_waiting(&b.vcpu[1]), 1);
	assert_int_equal(guest_next(&b, 0), 'B');
	assert_int_equal(guest_next(&b, 1), 'A');
}

static uint64_t guest_time(struct guest *g)
{
	uint64_t low = guest_next(g, 0);

	return (uint64_t)guest_next(g, 0) << 32 | low;
}

/* A guest's TSC does not run backwards, nor back to what a new VM starts with. */
static void time_goes_on(void **state)
{
	uint64_t before;

	(void)state;
	guest_start(&a, KVM_CHIP_SPLIT, 1, X86_LONG, CODE(tsc));
	before = guest_time(&a);
	for (int i = 0; i < 3; i++) {
		uint64_t after;

		move(&a, &b, KVM_CHIP_SPLIT, 1);
		after = guest_time(&b);
		assert_true(after > before);
		before = after;
		move(&b, &a, KVM_CHIP_SPLIT, 1);
	}
}

/* What was loaded and is saved again is the same, but for what counts time. */
static void loaded_state_is_the_saved_state(void **state)
{
	struct ukvmm_state first, second;
	struct kvm_regs r[2];
	struct kvm_sregs sr[2];

	(void)state;
	guest_start(&a, KVM_CHIP_SPLIT, 1, X86_LONG, CODE(work));
	for (int i = 0; i < 17; i++)
		guest_next(&a, 0);
	guest_make(&b, KVM_CHIP_SPLIT, 1, CODE(out));
	save(&a, &first);
	load(&b, &first);
	save(&b, &second);
	assert_int_equal(first.len, second.len);
	assert_int_equal(ioctl(a.vcpu[0].fd, KVM_GET_REGS, &r[0]), 0);
	assert_int_equal(ioctl(b.vcpu[0].fd, KVM_GET_REGS, &r[1]), 0);
	assert_memory_equal(&r[0], &r[1], sizeof r[0]);
	assert_int_equal(ioctl(a.vcpu[0].fd, KVM_GET_SREGS, &sr[0]), 0);
	assert_int_equal(ioctl(b.vcpu[0].fd, KVM_GET_SREGS, &sr[1]), 0);
	assert_memory_equal(&sr[0], &sr[1], sizeof sr[0]);
	state_fini(&first);
	state_fini(&second);
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(user_work_goes_on),
		TEST(kernel_work_goes_on),
		TEST(with_the_full_chip),
		TEST(halted_guest_is_woken_in_its_new_vm),
		TEST(waiting_vcpu_still_waits),
		TEST(time_goes_on),
		TEST(loaded_state_is_the_saved_state),
	};

	return cmocka_run_group_tests(tests, guest_open_host, guest_close_host);
}
