/* SPDX-License-Identifier: Apache-2.0 */
/* Output is a bounded ring with a count of what was lost; input is bounded. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include <ukvmm/run.h>

static void output_comes_out(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = sealed_vm(f, guest_hello, NULL);
	struct ukvmm_vm_stats s = { .size = sizeof s };
	uint64_t lost = 9;
	char buf[16] = { 0 };

	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).reason, UKVMM_STOP_POWEROFF);
	assert_int_equal(wait_event(f, UKVMM_EV_CONSOLE), 6);
	assert_int_equal(ukvmm_vm_console_read(vm, 0, buf, 4, &lost), 4);
	assert_int_equal(lost, 0);
	assert_int_equal(ukvmm_vm_console_read(vm, 0, buf + 4, sizeof buf - 4, NULL), 2);
	assert_string_equal(buf, "hello\n");
	assert_int_equal(ukvmm_vm_console_read(vm, 0, buf, sizeof buf, NULL), 0);
	assert_int_equal(ukvmm_vm_console_read(vm, 1, buf, sizeof buf, NULL), -ERANGE);
	ukvmm_vm_stats(vm, &s);
	assert_int_equal(s.console_bytes, 6);
	assert_true(s.first_output_at >= s.first_entry_at && s.first_output_at <= s.ended_at);
	ukvmm_vm_destroy(vm);
}

/* Nobody reads: the guest goes on, memory stays bounded, the count is right. */
static void what_nobody_reads_is_counted(void **state)
{
	struct fixture *f = *state;
	const struct ukvmm_vm_config c = { .size = sizeof c, .memory = 16 << 20, .console_bytes = 1000 };
	struct ukvmm_vm *vm = sealed_vm(f, guest_chatty, &c);
	struct ukvmm_vm_stats s = { .size = sizeof s };
	struct ukvmm_limits l = { .size = sizeof l, .slice_ns = 1000000 };
	uint64_t lost;
	char buf[2048];

	do {
		assert_int_equal(run_vcpu(vcpu_of(vm, 0), &l).reason, UKVMM_STOP_SLICE);
		ukvmm_vm_stats(vm, &s);
	} while (s.console_lost < 3000);
	assert_int_equal(s.console_bytes, 1024);
	assert_int_equal(drain_events(f, UKVMM_EV_CONSOLE), 1); /* not one a byte */
	assert_int_equal(ukvmm_vm_console_read(vm, 0, buf, sizeof buf, &lost), 1024);
	assert_true(lost == s.console_lost);
	ukvmm_vm_console_read(vm, 0, buf, sizeof buf, &lost);
	assert_int_equal(lost, 0);
	ukvmm_vm_destroy(vm);
}

static void input_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = sealed_vm(f, guest_hello, NULL);
	static char much[10000];

	int64_t n, total = 0;

	while ((n = ukvmm_vm_console_write(vm, 0, much, sizeof much)) > 0)
		total += n;
	assert_int_equal(n, 0);
	assert_in_range(total, 4096, 4096 + 16); /* and the FIFO */
	assert_int_equal(ukvmm_vm_console_write(vm, 1, much, 1), -ERANGE);
	ukvmm_vm_destroy(vm);
}

static void a_capture_takes_what_fits(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = sealed_vm(f, guest_hello, NULL);
	struct ukvmm_stop stop = { .size = sizeof stop };
	char buf[4];
	struct ukvmm_capture cap = { .size = sizeof cap, .buf = buf, .len = sizeof buf };

	assert_int_equal(ukvmm_vm_run(vm, 0, &cap, &stop, NULL), 0);
	assert_int_equal(stop.reason, UKVMM_STOP_POWEROFF);
	assert_int_equal(cap.used, 4);
	assert_memory_equal(buf, "hell", 4);
	assert_int_equal(cap.lost, 2);
	ukvmm_vm_destroy(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(output_comes_out),
		fixture_test(what_nobody_reads_is_counted),
		fixture_test(input_is_bounded),
		fixture_test(a_capture_takes_what_fits),
	};

	return FIXTURE_RUN(tests);
}
