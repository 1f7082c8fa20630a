/* SPDX-License-Identifier: Apache-2.0 */
/* May an idle vCPU be parked, and until when? */
#include "test.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "machine.h"

static struct machine m;
static uint64_t deadline;

static int setup(void **state)
{
	(void)state;
	return machine_open(&m) || machine_make(&m, KVM_CHIP_SPLIT, 1) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_drop(&m);
	machine_close(&m);
	return 0;
}

static void put(uint32_t reg, uint32_t value)
{
	memcpy(machine_vcpu(&m, 0)->lapic.regs + reg, &value, sizeof value);
}

/* Sets a vector's bit in the register at `base`. */
static void put_vector(uint32_t base, uint32_t vector)
{
	put(base + vector / 32 * 0x10, 1u << vector % 32);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int idle(void)
{
	deadline = 99;
	return kvm_vcpu_idle_until(&m.vcpu[0], &deadline);
}

static void nothing_to_wait_for(void **state)
{
	(void)state;
	assert_int_equal(idle(), 0);
	assert_int_equal(deadline, 0);
}

static void pending_interrupts(void **state)
{
	(void)state;
	put_vector(0x200, 0x31);
	assert_int_equal(idle(), 1);
	put(0x80, 0x30); /* TPR of its class: it must wait */
	assert_int_equal(idle(), 0);
	put(0x80, 0x20);
	assert_int_equal(idle(), 1);
	put_vector(0x100, 0x41); /* a higher one in service */
	assert_int_equal(idle(), 0);
	put(0x100 + 0x41 / 32 * 0x10, 0);
	assert_int_equal(idle(), 1);
	put(0xf0, 0xff); /* software-disabled */
	assert_int_equal(idle(), 0);
}

static void pending_events(void **state)
{
	struct kvm_vcpu_events *e = &machine_vcpu(&m, 0)->events;

	(void)state;
	e->nmi.pending = 1;
	assert_int_equal(idle(), 1);
	e->nmi.pending = 0;
	e->smi.pending = 1;
	assert_int_equal(idle(), 1);
	e->smi.pending = 0;
	e->interrupt.injected = 1;
	assert_int_equal(idle(), 1);
	e->interrupt.injected = 0;
	assert_int_equal(idle(), 0);
	assert_int_equal(kvm_vcpu_inject(&m.vcpu[0], 0x20), 0);
	assert_int_equal(idle(), 1);
}

static void within(uint64_t from, uint64_t ns)
{
	uint64_t to = now();

	assert_true(deadline >= from + ns && deadline <= to + ns);
}

static void tsc_deadline_timer(void **state)
{
	struct fake_vcpu *v = machine_vcpu(&m, 0);
	uint64_t t0 = now();

	(void)state;
	put(0x320, 2u << 17 | 0x40);
	assert_int_equal(idle(), 0);
	assert_int_equal(deadline, 0);
	*fake_msr(v, 0x10) = 1000000;
	*fake_msr(v, 0x6e0) = 1000000 + 2000000000ull * 3; /* 2 GHz: 3 s */
	assert_int_equal(idle(), 0);
	within(t0, 3000000000ull);
	*fake_msr(v, 0x6e0) = 999999; /* due, and KVM has not raised it yet */
	assert_int_equal(idle(), 1);
	*fake_msr(v, 0x6e0) = ~0ull; /* 290 years */
	assert_int_equal(idle(), 0);
	assert_true(deadline > now());
	put(0x320, 1u << 16 | 2u << 17 | 0x40); /* masked */
	assert_int_equal(idle(), 0);
	assert_int_equal(deadline, 0);
}

static void counting_timer(void **state)
{
	uint64_t t0 = now();

	(void)state;
	put(0x320, 0x40);
	put(0x3e0, 0xb); /* divide by 1 */
	put(0x380, 5000);
	put(0x390, 4000);
	assert_int_equal(idle(), 0);
	within(t0, 4000);
	put(0x3e0, 0xa); /* by 128 */
	t0 = now();
	assert_int_equal(idle(), 0);
	within(t0, 4000 * 128);
	put(0x3e0, 0); /* by 2 */
	put(0x320, 1u << 17 | 0x40);
	t0 = now();
	assert_int_equal(idle(), 0);
	within(t0, 4000 * 2);
	/* fired: whether the guest saw it cannot be told, so look again soon */
	put(0x390, 0);
	assert_int_equal(idle(), 0);
	assert_true(deadline > t0 && deadline < now() + 1000000000);
	put(0x320, 3u << 17 | 0x40); /* reserved mode */
	assert_int_equal(idle(), 0);
	assert_int_equal(deadline, 0);
}

static void every_call_may_fail(void **state)
{
	(void)state;
	put(0x320, 2u << 17 | 0x40);
	for (uint32_t n = 1; n <= 3; n++) {
		m.fake.fail_at = n;
		m.fake.fail_errno = EIO;
		assert_int_equal(idle(), -EIO);
	}
	m.fake.refuse_msr_get = 0x10;
	assert_int_equal(idle(), -EINVAL);
}

static void needs_a_lapic(void **state)
{
	(void)state;
	machine_drop(&m);
	assert_int_equal(machine_make(&m, KVM_CHIP_NONE, 1), 0);
	assert_int_equal(idle(), -ENOTSUP);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_to_wait_for),
		TEST(pending_interrupts),
		TEST(pending_events),
		TEST(tsc_deadline_timer),
		TEST(counting_timer),
		TEST(every_call_may_fail),
		TEST(needs_a_lapic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
