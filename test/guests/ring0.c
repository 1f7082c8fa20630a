/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guests-ring0 IMAGE: how many instructions the function runtime executes in ring 0, which some hosts emulate at a
 * thousandth of their speed. Prints the counts; exit status 0: they are as few as they have to be, 1: not, 77: there is no
 * usable /dev/kvm.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ring0.h"

/* A call does two instructions of the self-test's: the timer's register, and idle. */
enum { ENTRY_MOST = 1000, CALL_MOST = 48, INTERRUPT_MOST = 24, WAITS = 3, SKIP = 77 };

static int failed, n;

static void check(bool good, const char *what, uint32_t value, const char *wanted)
{
	printf("%sok %d - %s: %u%s%s\n", good ? "" : "not ", ++n, what, value, good ? "" : ", wanted ", good ? "" : wanted);
	failed |= !good;
}

int main(int argc, char **argv)
{
	struct ring0_counts c;
	int rc = argc == 2 ? ring0_count(argv[1], "mode=waits", &c) : -EINVAL;

	if (rc == -ENODEV) {
		puts("1..0 # SKIP there is no /dev/kvm that steps");
		return SKIP;
	}
	if (rc) {
		printf("Bail out! ring0_count: %s\n", strerror(-rc));
		return 1;
	}
	check(!c.status, "status of a guest that has a zero page and nothing else", c.status, "0");
	check(c.entry && c.entry < ENTRY_MOST, "instructions from the entry point to ring 3", c.entry, "less than 1000");
	check(c.interrupts, "interrupts", c.interrupts, "one at least");
	check(c.interrupt_max && c.interrupt_max <= INTERRUPT_MOST, "instructions of an interrupt", c.interrupt_max,
		"24 at most");
	check(c.calls >= WAITS, "calls", c.calls, "one for each wait");
	check(c.call_max && c.call_max <= CALL_MOST, "instructions of a call", c.call_max, "48 at most");
	check(c.early && !c.halted, "an interrupt before the HLT of an idle ends it", c.early && !c.halted, "1");
	check(c.pages && c.pages < 64, "pages touched, tables and image included", c.pages, "less than 64");
	printf("1..%d\n", n);
	return failed;
}
