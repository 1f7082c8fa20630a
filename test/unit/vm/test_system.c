/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation, and every system call besides those on KVM, in the life of a VM fails in turn. */
#include "life.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "faults.h"

static int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Advice on huge pages is only advice. */
static bool may_be_ignored(const char *call)
{
	return !strcmp(call, "madvise");
}

/* The name that the error has to give. Which function allocates is no news to anybody, and advice is part of mapping;
 * otherwise it is the system call's own. */
static const char *told_as(const struct life *l, const char *call)
{
	static const char *const allocations[] = { "malloc", "calloc", "realloc", "strdup" };

	for (size_t i = 0; i < sizeof allocations / sizeof allocations[0]; i++)
		if (!strcmp(call, allocations[i]))
			return l->err.call;
	return strcmp(call, "madvise") ? call : "mmap";
}

static void check_told(const struct life *l, uint32_t n)
{
	const char *call = faults_failed();

	if (!call) {
		assert_int_equal(l->failures, 0);
	} else if (!l->failures) {
		if (!may_be_ignored(call))
			fail_msg("%s: nobody told that call %u, %s, failed", l->kind->name, n, call);
	} else {
		assert_int_equal(l->rc, -faults_errno());
		assert_string_equal(l->err.call, told_as(l, call));
	}
}

static bool fail_the_nth(const struct life_kind *kind, uint32_t n)
{
	struct life l;
	int fds;

	life_init(&l, kind);
	fds = open_fds();
	l.faults = faults_on;
	faults_arm(n);
	life_run(&l);
	check_told(&l, n);
	assert_int_equal(open_fds(), fds);
	life_fini(&l);
	return faults_failed();
}

static void each_in_turn(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < life_kinds_len; k++) {
		uint32_t n = 1;

		while (fail_the_nth(&life_kinds[k], n))
			n++;
		print_message("%s: %u calls\n", life_kinds[k].name, n - 1);
		assert_true(n > 15);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_in_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
