/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox-travel: guests that are made, paused, saved, loaded into other VMs and destroyed under the filter of a thread
 * that may create VMs, threads and states. Each in a process of its own. Exit status 0, 1, or 77 without /dev/kvm.
 * usage: sandbox-travel [--open] [WORD]	open: without the filter, to tell what is its doing; word: of a name
 */
#include "roundtrip.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ukvmm/debug.h>
#include <ukvmm/sandbox.h>

#define SPLIT UKVMM_X86_IRQCHIP_SPLIT
#define FULL UKVMM_X86_IRQCHIP_FULL

#define HELD "timer that ran out"

enum { HOPS = 3, STAY_NS = 5000000 };

static const struct trip_kind kinds[] = {
	{ .name = "counter, split", .image = "counter.elf", .cmdline = "rounds=8 work=200000", .vcpus = 2,
		.irqchip = SPLIT },
	{ .name = "counter, full", .image = "counter.elf", .cmdline = "rounds=8 work=200000", .vcpus = 1,
		.irqchip = FULL },
	{ .name = "timer, split", .image = "timer.elf", .cmdline = "", .vcpus = 1, .irqchip = SPLIT },
	{ .name = "serial-echo, 8259", .image = "serial-echo.elf", .cmdline = "chip=pic", .vcpus = 1,
		.irqchip = SPLIT, .input = 800 },
	{ .name = "sleeper, parked", .image = "sleeper.elf", .cmdline = "ticks=5 ms=4", .vcpus = 1, .irqchip = SPLIT,
		.flags = UKVMM_VM_PARK_IDLE },
	/* a state of a timer that is done asks for one more run: here it always is */
	{ .name = HELD, .image = "sleeper.elf", .cmdline = "ticks=1 ms=1 hold=1", .vcpus = 1, .irqchip = SPLIT },
	{ .name = "counter, 1 GiB", .image = "counter.elf", .cmdline = "rounds=4 work=100000", .vcpus = 1,
		.irqchip = SPLIT,
		.memory = 1ull << 30 },
	{ .name = "disk", .image = "io.elf", .memory = 64 << 20,
		.cmdline = "tsc_khz=1000000 mode=blk-write n=100", .vcpus = 1, .irqchip = SPLIT,
		.device = TRIP_DISK },
	{ .name = "disk, ring", .image = "io.elf", .memory = 64 << 20,
		.cmdline = "tsc_khz=1000000 mode=blk-read n=300", .vcpus = 1, .irqchip = SPLIT,
		.device = TRIP_DISK_RING },
	{ .name = "rng", .image = "io.elf", .memory = 64 << 20,
		.cmdline = "tsc_khz=1000000 mode=rng n=50 size=256", .vcpus = 1, .irqchip = SPLIT,
		.device = TRIP_RNG },
	{ .name = "net", .image = "io.elf", .memory = 64 << 20,
		.cmdline = "tsc_khz=1000000 mode=net-echo n=200", .vcpus = 1, .irqchip = SPLIT,
		.device = TRIP_NET },
};

/* The host's ring cannot be made afterwards: a disk of any VM makes it. */
static void make_ring(struct fixture *f, struct traveller *t)
{
	struct ukvmm_vm *vm;
	struct ukvmm_err err = { .size = sizeof err };

	if (t->kind->device != TRIP_DISK_RING)
		return;
	assert_int_equal(ukvmm_vm_new(f->poller, "ring", t->image, NULL, &vm, &err), 0);
	assert_int_equal(trip_ground_add(&t->ground, vm, &err), 0);
	ukvmm_vm_destroy(vm);
}

static bool open_air;

static void enter(struct fixture *f)
{
	const struct ukvmm_sandbox_config config = { .size = sizeof config, .role = UKVMM_ROLE_IO,
		.may = UKVMM_MAY_CREATE | UKVMM_MAY_THREADS | UKVMM_MAY_STATE };
	struct ukvmm_err err = { .size = sizeof err };

	if (!open_air && ukvmm_sandbox_enter(f->host, &config, &err))
		fail_msg("%s(%s): %s", err.call, err.object, err.text);
}

/* As a debugger does, and an embedder that counts. */
static void look(struct ukvmm_vm *vm)
{
	struct ukvmm_x86_regs regs;
	struct ukvmm_vm_stats stats = { .size = sizeof stats };
	uint64_t phys;
	char bytes[64];

	assert_int_equal(ukvmm_debug_regs(vcpu_of(vm, 0), &regs, sizeof regs), 0);
	ukvmm_debug_translate(vcpu_of(vm, 0), regs.rip, &phys);
	assert_int_equal(ukvmm_debug_read(vm, 1 << 20, bytes, sizeof bytes), (int)sizeof bytes);
	assert_int_equal(ukvmm_vm_stats(vm, &stats), 0);
	assert_true(stats.resident_bytes > 0);
}

/* The same of one who may look, and change nothing. */
static void *inspect(void *arg)
{
	struct traveller *t = arg;
	const struct ukvmm_sandbox_config config = { .size = sizeof config, .role = UKVMM_ROLE_IO,
		.may = UKVMM_MAY_INSPECT };

	if (!open_air && ukvmm_sandbox_enter(t->f->host, &config, NULL))
		fail_msg("no narrower filter");
	look(t->vm);
	return NULL;
}

static void inspect_apart(struct traveller *t)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, inspect, t), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* Until it holds, and says so; after the hops it is let go. */
static void await_hold(struct traveller *t)
{
	uint64_t until = ukvmm_now() + 100000000000;

	while (!strstr(t->output, "fired\n") && ukvmm_now() < until)
		assert_false(traveller_serve(t, ukvmm_now() + STAY_NS));
	assert_non_null(strstr(t->output, "fired\n"));
}

static void travel(const struct trip_kind *kind)
{
	const struct ukvmm_vm_config ahead = { .size = sizeof ahead, .memory = 16u << 20 };
	struct fixture *f;
	struct traveller t;

	fixture_setup((void **)&f);
	traveller_init(&t, f, kind);
	make_ring(f, &t);
	enter(f);
	assert_int_equal(ukvmm_host_prepare(f->host, &ahead, 1, NULL), 0);
	t.vm = traveller_fresh(&t);
	inspect_apart(&t);
	look(t.vm);
	assert_int_equal(ukvmm_vm_resume(t.vm), 0);
	traveller_drive(&t);
	if (strcmp(kind->name, HELD) == 0)
		await_hold(&t);
	for (int i = 0; i < HOPS && !traveller_serve(&t, ukvmm_now() + STAY_NS) && traveller_hop(&t); i++)
		;
	if (strcmp(kind->name, HELD) == 0)
		assert_int_equal(ukvmm_vm_console_write(t.vm, 0, "\n", 1), 1);
	traveller_finish(&t);
	assert_int_equal(t.stop.reason, UKVMM_STOP_POWEROFF);
	assert_non_null(strstr(t.output, "OK\n"));
	assert_int_equal(ukvmm_vm_destroy(t.vm), 0);
}

/* A failed assertion ends the process; so does a call that is not allowed. */
static bool run(const struct trip_kind *kind)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		travel(kind);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	printf("%sok - %s (status %#x)\n", status ? "not " : "", kind->name, status);
	return status;
}

int main(int argc, char **argv)
{
	const char *word = "";
	bool failed = false;

	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--open"))
			open_air = true;
		else
			word = argv[i];
	if (!fixture_available())
		return 77;
	setbuf(stdout, NULL);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strstr(kinds[i].name, word))
			failed |= run(&kinds[i]);
	return failed;
}
