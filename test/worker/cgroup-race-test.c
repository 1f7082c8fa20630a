/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that make cgroups beside each other sweep away what was left, and nothing of one another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"

const char report_program[] = "test";

enum { PROGRAMS = 3, TURNS = 60, SKIPPED = 77 };

/* 0, or the errno of the first that could not be made. */
static int make_many(void)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct cgroup *c;
	char name[40];

	for (int i = 0; i < TURNS; i++) {
		snprintf(name, sizeof name, "test-%d-%d", (int)getpid(), i);
		if (cgroup_make(name, &c, &err) < 0)
			return -err.code;
		if (cgroup_remove(c) < 0)
			return 1;
	}
	return 0;
}

static void many_make_theirs_at_once(void **state)
{
	pid_t pids[PROGRAMS];
	int status;

	(void)state;
	for (int i = 0; i < PROGRAMS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(make_many());
	}
	for (int i = 0; i < PROGRAMS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

static void one_that_is_there_has_an_owner(void **state)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct cgroup *mine, *other;
	char name[40];

	(void)state;
	snprintf(name, sizeof name, "test-owned-%d", (int)getpid());
	assert_int_equal(cgroup_make(name, &mine, &err), 0);
	assert_true(cgroup_make(name, &other, &err) < 0);
	assert_int_equal(cgroup_remove(mine), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_is_there_has_an_owner),
		cmocka_unit_test(many_make_theirs_at_once),
	};
	struct ukvmm_err err = { .size = sizeof err };
	struct cgroup *c;
	char name[40];

	snprintf(name, sizeof name, "test-first-%d", (int)getpid());
	if (cgroup_make(name, &c, &err) < 0) {
		printf("SKIP: no cgroups here: %s(%s): %s\n", err.call, err.object, err.text);
		return SKIPPED;
	}
	cgroup_remove(c);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
