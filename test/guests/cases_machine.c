/* SPDX-License-Identifier: Apache-2.0 */
/* The machine: interrupts, timers, CPUs, serial input, traps, the doorbell. */
#include "harness.h"

#define EXIT(n) .reason = UKVMM_STOP_POWEROFF, .flags = UKVMM_STOP_HAS_STATUS, .status = (n)
#define OK { EXIT(0), .says = { "OK\n" } }
#define OK_SAYS(...) { EXIT(0), .says = { "OK\n", __VA_ARGS__ } }
/* kvm_pvm refuses an instruction: the error names address, bytes and the hosts that would run it */
#define REFUSED(bytes) { .reason = UKVMM_STOP_FAULT, .says = { "before\n" }, \
	.error = { bytes, "0x", "kvm_intel", "kvm_amd" } }

#define COUNTER_10 "round 1 efaf4e91a2ab1e5\nround 2 c97eb3cf94256c81\nround 3 42cfe6aaa583c7a5\n" \
	"round 4 4abdffe8d1bad3c2\nround 5 32cd134405ffc176\nround 6 36c96d5099e88f51\n" \
	"round 7 7476080ba3d6344f\nround 8 ec51f31fb4543dc0\nround 9 f5e35a7626a80744\n" \
	"round 10 fc4a9092a600b85f\nOK\n"

const struct guest_case cases_machine[] = {
	{ .name = "all-ones", .image = "all-ones.elf", .chips = SPLIT | FULL | NONE, .want = OK },
	{ .name = "kvmclock", .image = "kvmclock.elf", .chips = SPLIT | FULL, .want = OK },
	{ .name = "timer", .image = "timer.elf", .chips = SPLIT | FULL, .want = OK },
	{ .name = "timer-x2apic", .image = "timer.elf", .cmdline = "mode=x2apic",
		.chips = SPLIT | FULL, .want = OK },
	{ .name = "ioapic", .image = "ioapic.elf", .chips = SPLIT | FULL, .want = OK },
	{ .name = "ioapic-level-halt", .image = "ioapic.elf", .cmdline = "level=halt",
		.chips = SPLIT | FULL, .want = OK,
		.pvm_skip = "kvm_pvm forgets an EOI exit that HLT follows at once",
		.pvm_skip_chips = SPLIT },
	{ .name = "smp-1", .image = "smp.elf", .cmdline = "cpus=1", .want = OK_SAYS("1 CPUs\n") },
	{ .name = "smp-2", .image = "smp.elf", .cmdline = "cpus=2", .vcpus = 2,
		.chips = SPLIT | FULL, .want = OK_SAYS("2 CPUs\n") },
	{ .name = "smp-4", .image = "smp.elf", .cmdline = "cpus=4", .vcpus = 4,
		.want = OK_SAYS("4 CPUs\n") },
	{ .name = "smp-page0", .image = "smp.elf", .cmdline = "cpus=3 page=0", .vcpus = 3,
		.want = OK_SAYS("3 CPUs\n") },
	{ .name = "serial-echo", .image = "serial-echo.elf", .chips = SPLIT | FULL,
		.script = &script_echo, .want = OK_SAYS("echo: abcdefghijklmnopqrstuvwxyz\n") },
	{ .name = "serial-echo-pic", .image = "serial-echo.elf", .cmdline = "chip=pic",
		.chips = SPLIT | FULL, .script = &script_echo,
		.want = OK_SAYS("echo: abcdefghijklmnopqrstuvwxyz\n") },
	{ .name = "serial-echo-long", .image = "serial-echo.elf", .script = &script_echo_long,
		.want = OK_SAYS("2999 bytes, sum ") },
	{ .name = "doorbell-park", .image = "doorbell.elf", .cmdline = "irq=%u count=20",
		.vm_flags = UKVMM_VM_PARK_IDLE, .script = &script_park, .want = OK },
	{ .name = "doorbell-park-pic", .image = "doorbell.elf",
		.cmdline = "irq=%u count=20 chip=pic", .vm_flags = UKVMM_VM_PARK_IDLE,
		.script = &script_park, .want = OK },
	/* The interrupt may come at any moment around the parking: none is lost. */
	{ .name = "doorbell-race", .image = "doorbell.elf", .cmdline = "irq=%u count=20",
		.vm_flags = UKVMM_VM_PARK_IDLE, .chips = SPLIT | FULL, .again = 5,
		.script = &script_doorbell, .want = OK },
	{ .name = "doorbell-race-pic", .image = "doorbell.elf",
		.cmdline = "irq=%u count=20 chip=pic", .vm_flags = UKVMM_VM_PARK_IDLE,
		.chips = SPLIT | FULL, .again = 5, .script = &script_doorbell, .want = OK },
	{ .name = "doorbell-stay", .image = "doorbell.elf", .cmdline = "irq=%u count=20",
		.script = &script_doorbell, .want = OK },
	{ .name = "doorbell-hlt", .image = "doorbell.elf", .cmdline = "irq=%u count=20 idle=hlt",
		.chips = SPLIT | FULL, .script = &script_doorbell, .want = OK },
	{ .name = "doorbell-park-lapic", .image = "doorbell.elf", .cmdline = "tick=lapic count=20",
		.vm_flags = UKVMM_VM_PARK_IDLE, .chips = SPLIT | FULL, .script = &script_ticks,
		.want = OK },
	{ .name = "doorbell-park-pit", .image = "doorbell.elf", .cmdline = "tick=pit count=20",
		.vm_flags = UKVMM_VM_PARK_IDLE, .chips = SPLIT | FULL, .script = &script_ticks,
		.want = OK },
	{ .name = "doorbell-park-pit-pic", .image = "doorbell.elf",
		.cmdline = "tick=pit count=20 chip=pic", .vm_flags = UKVMM_VM_PARK_IDLE,
		.chips = SPLIT | FULL, .script = &script_ticks, .want = OK },
	{ .name = "trap-without-answer", .image = "trap.elf",
		.cmdline = "port=0x9000 mmio=0xe1000000", .script = &script_trap_only,
		.want = { .reason = UKVMM_STOP_TRAP } },
	{ .name = "trap", .image = "trap.elf", .cmdline = "port=0x9000 mmio=0xe1000000",
		.chips = SPLIT | NONE, .script = &script_trap,
		.want = OK_SAYS("port 10 3210 76543210\n"
			"mmio 10 3212 76543214 fedcba9876543218\n") },
	{ .name = "ring3", .image = "ring3.elf", .chips = SPLIT | FULL, .want = OK },
	{ .name = "counter", .image = "counter.elf", .cmdline = "rounds=10 work=1000000",
		.chips = SPLIT | FULL, .want = { EXIT(0), .says = { "counting\n" COUNTER_10 } } },
	{ .name = "counter-paused", .image = "counter.elf", .cmdline = "rounds=10 work=1000000",
		.script = &script_pause, .chips = SPLIT | FULL, .want = { EXIT(0),
		.says = { "counting\n" COUNTER_10 } } },
	{ .name = "highmem", .image = "highmem.elf", .cmdline = "mem=5368709120",
		.memory_mib = 5120, .want = OK },
	{ .name = "syscall", .image = "syscall.elf", .want = OK,
		.pvm = { .reason = UKVMM_STOP_FAULT, .says = { "calling\n" },
		.error = { "SYSCALL", "0x", "kvm_intel", "kvm_amd" } } },
	{ .name = "refused-popcnt", .image = "refused.elf", .cmdline = "insn=popcnt", .want = OK,
		.pvm = REFUSED("f3 48 0f b8") },
	{ .name = "refused-int3", .image = "refused.elf", .cmdline = "insn=int3", .want = OK,
		.pvm = REFUSED("cc") },
	{ .name = "refused-cmpxchg16b", .image = "refused.elf", .cmdline = "insn=cmpxchg16b",
		.want = OK, .pvm = REFUSED("f0 48 0f c7") },
	{ .name = "refused-sse", .image = "refused.elf", .cmdline = "insn=sse", .want = OK,
		.pvm = REFUSED("66 48 0f 6e") },
	{ .name = "fpu", .image = "fpu.elf", .chips = SPLIT | FULL, .want = OK,
		.pvm = REFUSED("66 0f ef c0") },
	{ 0 },
};
