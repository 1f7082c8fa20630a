/* SPDX-License-Identifier: Apache-2.0 */
/* Every system call on KVM descriptors in the life of a VM fails in turn. */
#include "life.h"

#include <errno.h>
#include <string.h>

/* What may fail without any call of the public API failing: the guest's TSC rate is merely unknown then. */
static bool may_be_ignored(const char *call)
{
	return !strcmp(call, "KVM_GET_TSC_KHZ");
}

static void fail_the_nth(const struct life_kind *kind, uint32_t n, bool *happened)
{
	struct life l;

	life_init(&l, kind);
	l.fake.fail_at = n;
	life_run(&l);
	*happened = l.fake.failed_call;
	if (!*happened) {
		assert_int_equal(l.failures, 0);
	} else if (!l.failures) {
		if (!may_be_ignored(l.fake.failed_call))
			fail_msg("%s: nobody told that call %u, %s, failed", kind->name, n, l.fake.failed_call);
	} else {
		assert_int_equal(l.rc, -EIO);
		assert_string_equal(l.err.call, l.fake.failed_call);
	}
	life_fini(&l);
}

static void each_in_turn(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < life_kinds_len; k++) {
		bool happened = true;
		uint32_t n;

		for (n = 1; happened; n++)
			fail_the_nth(&life_kinds[k], n, &happened);
		print_message("%s: %u calls\n", life_kinds[k].name, n - 2);
		assert_true(n > 40); /* so many there are at least */
	}
}

static void nothing_fails(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < life_kinds_len; k++) {
		struct life l;

		life_init(&l, &life_kinds[k]);
		life_run(&l);
		assert_int_equal(l.failures, 0);
		life_fini(&l);
	}
}

/* What the common errors of KVM_CREATE_VM come out as, with their cures. */
static void errors_keep_their_number(void **state)
{
	const int numbers[] = { ENOMEM, EMFILE, ENFILE, EPERM, EBUSY, ENOSPC };

	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		struct life l;

		life_init(&l, &life_kinds[0]);
		l.fake.fail_at = 1;
		l.fake.fail_errno = numbers[i];
		l.fake.fail_request = KVM_CREATE_VM;
		life_run(&l);
		assert_int_equal(l.rc, -numbers[i]);
		assert_string_equal(l.err.call, "KVM_CREATE_VM");
		assert_string_equal(l.err.object, "vm");
		life_fini(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_fails),
		cmocka_unit_test(each_in_turn),
		cmocka_unit_test(errors_keep_their_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
