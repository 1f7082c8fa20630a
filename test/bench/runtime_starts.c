/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ukvmm/ukvmm.h>

enum { CONNECT_MS = 30000 };

/* A life of a guest in this process: sealed, entered, ready, first response, each since ukvmm_vm_new. */
struct life {
	struct bench_series *sealed, *entered, *ready, *response;
};

struct starts {
	struct life alone, prepared;
	struct bench_series *run, *qemu;
	struct beside_times times;
};

static const struct beside_job job = { .image = RUNTIME_IMAGE("noop"), .memory = 32u << 20, .mtu = NET_MTU };

static double first_response(double begun)
{
	struct answer a = { .room = 0 };
	int fd = net_connect(CONNECT_MS);

	http_ask(fd, "GET", "/", NULL, 0, &a);
	if (a.status != 200)
		beside_die("noop answers %d", a.status);
	close(fd);
	return beside_us() - begun;
}

/* Its memory slot, vCPU and interrupt chip have to be made, or are there: as a host has it that starts many. */
static void here(struct starts *s, struct life *life)
{
	struct beside_vm *vm = beside_start(&job);

	beside_look(vm, &s->times);
	bench_add(life->response, first_response(s->times.created_at));
	beside_look(vm, &s->times);
	bench_add(life->sealed, s->times.sealed);
	bench_add(life->entered, s->times.entered);
	bench_add(life->ready, s->times.ready);
	beside_end(vm);
}

static void prepared(struct starts *s)
{
	beside_prepare(&job, 1);
	here(s, &s->prepared);
	beside_prepare(&job, 0);
}

static void process(struct bench_series *s, const char *const *argv)
{
	int tap = net_tap(), pid;
	double begun = beside_us();

	pid = beside_spawn(argv, tap);
	close(tap);
	bench_add(s, first_response(begun));
	beside_kill(pid);
}

static void by_run(struct starts *s)
{
	const char *const argv[] = { UKVMM_PROGRAM, "run", "--mem", "32M", "--net", "fd=9,mac=02:00:00:09:00:02", "--cmdline",
		NET_WORDS, RUNTIME_IMAGE("noop"), NULL };

	process(s->run, argv);
}

static void by_qemu(struct starts *s)
{
	const char *const argv[] = { "qemu-system-x86_64", "-M", "microvm,acpi=off,pit=off,pic=off,rtc=off,x-option-roms=off",
		"-accel", "kvm", "-m", "32", "-smp", "1", "-nodefaults", "-no-user-config", "-nographic", "-no-reboot", "-global",
		"virtio-mmio.force-legacy=false", "-netdev", "tap,id=n0,fd=9", "-device",
		"virtio-net-device,netdev=n0,mac=02:00:00:09:00:02", "-append", NET_WORDS, "-kernel", RUNTIME_IMAGE("noop"), NULL };

	if (s->qemu)
		process(s->qemu, argv);
}

static int have_qemu(void)
{
	return system("command -v qemu-system-x86_64 >/dev/null") == 0;
}

void runtime_starts(struct bench *b, unsigned int runs)
{
	struct starts s = { .alone = { bench_series(b, "create_to_sealed_us", "us"), bench_series(b, "create_to_entry_us", "us"),
				    bench_series(b, "create_to_ready_us", "us"), bench_series(b, "create_to_response_us", "us") },
		.prepared = { bench_series(b, "prepared_to_sealed_us", "us"), bench_series(b, "prepared_to_entry_us", "us"),
			bench_series(b, "prepared_to_ready_us", "us"), bench_series(b, "prepared_to_response_us", "us") },
		.run = bench_series(b, "ukvmm_run_to_response_us", "us") };

	if (have_qemu())
		s.qemu = bench_series(b, "qemu_to_response_us", "us");
	for (unsigned int i = 0; i < runs; i++) {
		here(&s, &s.alone);
		prepared(&s);
		by_run(&s);
		by_qemu(&s);
	}
	bench_value(b, "touched_kib", (double)s.times.resident / 1024);
	bench_value(b, "exits_to_response", (double)s.times.exits);
	if (s.qemu)
		bench_value(b, "ratio_qemu_to_ukvmm_run", bench_percentile(s.qemu, 50) / bench_percentile(s.run, 50));
}
