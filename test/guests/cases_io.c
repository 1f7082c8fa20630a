/* SPDX-License-Identifier: Apache-2.0 */
/* The library's own devices under a guest that checks what they move. */
#include "harness.h"

#define OK { .reason = UKVMM_STOP_POWEROFF, .flags = UKVMM_STOP_HAS_STATUS, .says = { "OK\n" } }
#define IO(what, text, with) { .name = what, .image = "io.elf", .cmdline = "tsc_khz=1000000 " text, \
	.chips = SPLIT | FULL, .script = &(with), .want = OK }
/* The runtime of functions. */
#define RT(what, text, with_chips, with) { .name = what, .image = "rt-selftest.elf", .cmdline = text, \
	.chips = with_chips, .script = &(with), .want = OK }
#define RT_FAULT(what, text, cause) { .name = what, .image = "rt-selftest.elf", .cmdline = text, .chips = SPLIT | FULL, \
	.want = { .reason = UKVMM_STOP_POWEROFF, .flags = UKVMM_STOP_HAS_STATUS, .status = 254, \
		.says = { cause, "\n  rip 0", "\n  r13 0" } } }

const struct guest_case cases_io[] = {
	IO("io-queue", "mode=queue n=200", script_rng),
	IO("io-rng", "mode=rng n=50 size=256", script_rng),
	IO("io-rng-no-event-idx", "mode=rng n=50 size=256 event_idx=0 indirect=1", script_rng),
	IO("io-read", "mode=blk-read n=200", script_disk),
	IO("io-read-deep", "mode=blk-read n=2000 qd=32 size=8192", script_disk),
	IO("io-read-no-event-idx", "mode=blk-read n=2000 qd=32 event_idx=0", script_disk),
	IO("io-read-indirect", "mode=blk-read n=2000 qd=64 size=512 indirect=1", script_disk),
	IO("io-write", "mode=blk-write n=200", script_disk),
	IO("io-write-deep", "mode=blk-write n=2000 qd=32 indirect=1", script_disk),
	IO("io-write-large", "mode=blk-write n=100 qd=8 size=65536 event_idx=0", script_disk),
	IO("io-net-echo", "mode=net-echo n=200", script_net),
	IO("io-net-echo-mergeable", "mode=net-echo n=200 size=9000 mrg=1", script_net),
	IO("io-net-tx", "mode=net-tx n=5000", script_net),
	IO("io-net-tx-large", "mode=net-tx n=500 size=61440 event_idx=0 indirect=1", script_net),
	IO("io-net-rx", "mode=net-rx n=5000", script_net),
	IO("io-net-rx-large", "mode=net-rx n=500 size=61440", script_net),
	IO("io-net-rx-mergeable", "mode=net-rx n=500 size=61440 mrg=1 event_idx=0", script_net),
	/* as OSv's drivers */
	IO("io-read-no-version-1", "mode=blk-read n=200 version_1=0", script_disk),
	IO("io-net-no-version-1", "mode=net-echo n=200 version_1=0", script_net),
	IO("io-net-mergeable-no-version-1", "mode=net-echo n=200 size=9000 mrg=1 version_1=0", script_net),
	IO("io-console", "mode=console n=2", script_console),
#ifdef FUNCTIONS
	RT("rt-disk", "mode=disk", SPLIT | FULL, script_disk),
	RT("rt-net", "mode=net", SPLIT | FULL, script_net),
	RT("rt-random", "word=value", SPLIT | FULL, script_rng),
	RT("rt-ready", "word=value", SPLIT | FULL | NONE, script_ready),
	{ .name = "rt-park", .image = "rt-selftest.elf", .cmdline = "mode=waits", .chips = SPLIT,
		.vm_flags = UKVMM_VM_PARK_IDLE, .script = &script_park_waits, .want = OK },
	{ .name = "rt-park-net", .image = "rt-selftest.elf", .cmdline = "mode=net", .chips = SPLIT,
		.vm_flags = UKVMM_VM_PARK_IDLE, .script = &script_net, .want = OK },
	RT("rt-console", "mode=console", SPLIT | FULL, script_console),
	RT("rt-words-net", "mode=net fdt=off", SPLIT | FULL, script_net),
	RT("rt-words-disk", "mode=disk fdt=off", SPLIT | FULL, script_disk),
	RT_FAULT("rt-null", "mode=null", "fault: NULL pointer"),
	RT_FAULT("rt-text", "mode=text", "fault: write to memory"),
	RT_FAULT("rt-low", "mode=low", "fault: write to memory"),
	RT_FAULT("rt-rodata", "mode=rodata", "fault: write to memory"),
	RT_FAULT("rt-ring0", "mode=ring0", "fault: read of memory"),
	RT_FAULT("rt-jump", "mode=jump", "fault: NULL pointer"),
	RT_FAULT("rt-divide", "mode=divide", "fault: division by zero"),
	RT_FAULT("rt-invalid", "mode=invalid", "fault: invalid instruction"),
	RT_FAULT("rt-privileged", "mode=privileged", "fault: an address or instruction that is not allowed here"),
	RT_FAULT("rt-wild", "mode=wild", "fault: an address or instruction that is not allowed here"),
	{ .name = "rt-panic", .image = "rt-selftest.elf", .cmdline = "mode=panic", .chips = SPLIT | FULL | NONE,
		.want = { .reason = UKVMM_STOP_POWEROFF, .flags = UKVMM_STOP_HAS_STATUS, .status = 253,
			.says = { "panic: on purpose" } } },
	RT_FAULT("rt-data", "mode=data", "fault: execution of data"),
	RT_FAULT("rt-stack", "mode=stack", "fault: stack overflow"),
#endif
	{ 0 },
};
