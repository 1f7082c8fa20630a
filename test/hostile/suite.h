/* SPDX-License-Identifier: Apache-2.0 */
/* A cmocka program over one subject, named by its argument: each case gets a fresh `struct hostile`. */
#ifndef TEST_HOSTILE_SUITE_H
#define TEST_HOSTILE_SUITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hostile.h"
#include "sealed.h"

static const struct subject *suite_subject;

static inline int suite_setup(void **state)
{
	static struct hostile h;

	hostile_init(&h, suite_subject);
	*state = &h;
	return 0;
}

static inline int suite_teardown(void **state)
{
	hostile_fini(*state);
	return 0;
}

/* argv[1]: the subject, where the program does not know it. */
static inline void suite_take(int argc, char **argv, const char *name)
{
	suite_subject = subject_named(argc > 1 ? argv[1] : name);
	if (!suite_subject) {
		fprintf(stderr, "no such device here\n");
		exit(2);
	}
}

/* The suite's main(): PROGRAM [--sealed] [DEVICE]. */
static inline int suite_run(int argc, char **argv, const struct CMUnitTest *tests, size_t n, const char *name)
{
	bool sealed = argc > 1 && strcmp(argv[1], "--sealed") == 0;

	sealed_main_if_worker(argc, argv, tests, n, &suite_subject);
	suite_take(argc - sealed, argv + sealed, name);
	return sealed ? sealed_run(tests, n, suite_subject)
		      : _cmocka_run_group_tests("tests", tests, n, NULL, NULL);
}

#define SUITE_RUN(tests, name) suite_run(argc, argv, tests, sizeof(tests) / sizeof((tests)[0]), name)

#define ROW(f) cmocka_unit_test_setup_teardown(f, suite_setup, suite_teardown)

#endif
