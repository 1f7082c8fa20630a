/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cases of a suite in sealed workers, one process each: behind the walls of vmm/common, and what touches a device
 * under the filters of a worker's threads: registers of a vCPU's, pollers of the io thread's, requests that block of a work
 * thread's. The driver, and what is at the host's end, is the test's thread, which has none.
 */
#ifndef TEST_HOSTILE_SEALED_H
#define TEST_HOSTILE_SEALED_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "hostile.h"

/* Never returns in such a worker. subject: where the cases' setup looks. */
void sealed_main_if_worker(int argc, char **argv, const struct CMUnitTest *tests, size_t n,
	const struct subject **subject);

/* Runs all: 0, 1, or 77 where no worker can be had. TAP. */
int sealed_run(const struct CMUnitTest *tests, size_t n, const struct subject *subject);

#endif
