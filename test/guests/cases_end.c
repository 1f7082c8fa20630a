/* SPDX-License-Identifier: Apache-2.0 */
/* Every way of ending. */
#include "harness.h"

#define STATUS(n) { .reason = UKVMM_STOP_POWEROFF, .flags = UKVMM_STOP_HAS_STATUS, .status = (n), \
	.says = { "going\n" } }
#define POWEROFF { .reason = UKVMM_STOP_POWEROFF, .says = { "going\n" } }
#define RESET { .reason = UKVMM_STOP_RESET, .says = { "going\n" } }
#define TRIPLE(text) { .reason = UKVMM_STOP_RESET, .flags = UKVMM_STOP_TRIPLE_FAULT, \
	.says = { text } }
#define EXITS(NAME, WAY) .name = "exit-" NAME, .image = "exits.elf", .cmdline = "exit=" WAY

const struct guest_case cases_end[] = {
	{ EXITS("501-byte", "501b status=7"), .chips = SPLIT | FULL | NONE, .want = STATUS(7) },
	{ EXITS("501-word", "501w status=300"), .want = STATUS(300) },
	{ EXITS("501-word-41", "501w status=41"), .want = POWEROFF },
	{ EXITS("501-long-is-none", "501l status=3"), .want = { .reason = UKVMM_STOP_POWEROFF,
		.flags = UKVMM_STOP_HAS_STATUS, .status = 3, .says = { "going\nstill here\n" } } },
	{ EXITS("604", "604"), .want = POWEROFF },
	{ EXITS("604-s5", "604s5"), .want = POWEROFF },
	{ EXITS("f4-success", "f4 status=1"), .want = STATUS(0) },
	{ EXITS("f4-failure", "f4 status=0"), .want = STATUS(1) },
	{ EXITS("f4-code", "f4 status=5"), .want = STATUS(5) },
	{ EXITS("64", "64"), .chips = SPLIT | FULL | NONE, .want = RESET },
	{ EXITS("sleep-control", "sleep"), .want = { .reason = UKVMM_STOP_POWEROFF,
		.says = { "going\nstill here\n" } } },
	{ EXITS("reset-register", "reset"), .want = RESET },
	{ EXITS("505", "505"), .want = { .reason = UKVMM_STOP_POWEROFF,
		.flags = UKVMM_STOP_HAS_STATUS | UKVMM_STOP_PANICKED, .status = 1,
		.says = { "going\n" } } },
	{ EXITS("b004", "b004"), .want = POWEROFF },
	{ EXITS("8900", "8900"), .want = POWEROFF },
	{ EXITS("triple-fault", "triple"), .chips = SPLIT | FULL | NONE,
		.want = TRIPLE("going\n") },
	{ EXITS("dead-halt", "clihlt"), .chips = SPLIT | FULL | NONE,
		.want = { .reason = UKVMM_STOP_DEAD_HALT, .says = { "going\n" } } },
	{ EXITS("dead-halt-2vcpus", "clihlt"), .vcpus = 2, .want = { .reason = UKVMM_STOP_DEAD_HALT,
		.says = { "going\n" } } },
	{ EXITS("501-2vcpus", "501b status=9"), .vcpus = 2, .want = STATUS(9) },
	{ .name = "stopped-idle", .image = "idle.elf", .vm_flags = UKVMM_VM_PARK_IDLE,
		.chips = SPLIT | FULL, .again = 30, .script = &script_stop,
		.want = { .reason = UKVMM_STOP_STOPPED, .says = { "idle\n" } } },
	{ .name = "stopped-halted", .image = "idle.elf", .vcpus = 2, .chips = SPLIT | FULL,
		.again = 10, .script = &script_stop, .want = { .reason = UKVMM_STOP_STOPPED,
		.says = { "idle\n" } } },
	{ .name = "page-fault", .image = "segv.elf", .want = TRIPLE("falling\n") },
	{ 0 },
};
