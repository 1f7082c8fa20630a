/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ukvmm/ukvmm.h>

enum { CONNECT_MS = 30000, FIRST = 20, BODY = 50 << 20, DISK = 50 << 20 };
#define LEAST 0.01

void runtime_warm(struct bench *b, unsigned int requests)
{
	const struct beside_job job = { .image = RUNTIME_IMAGE("noop"), .memory = 32u << 20, .mtu = NET_MTU };
	struct bench_series *warm = bench_series(b, "warm_request_us", "us");
	struct beside_vm *vm = beside_start(&job);
	struct beside_times before, after;
	struct answer a = { .room = 0 };
	int fd = net_connect(CONNECT_MS);

	for (unsigned int i = 0; i < FIRST; i++)
		http_ask(fd, "GET", "/", NULL, 0, &a);
	beside_look(vm, &before);
	for (unsigned int i = 0; i < requests; i++) {
		http_ask(fd, "GET", "/", NULL, 0, &a);
		bench_add(warm, a.all);
	}
	beside_look(vm, &after);
	bench_value(b, "exits_per_warm_request", (double)(after.exits - before.exits) / requests);
	close(fd);
	beside_end(vm);
}

void runtime_body(struct bench *b, unsigned int runs)
{
	const struct beside_job job = { .image = RUNTIME_IMAGE("serve"), .memory = 192u << 20, .mtu = NET_MTU,
		.hugepages = UKVMM_HUGEPAGES_ON };
	struct bench_series *rate = bench_series(b, "body_50_mib_mib_per_s", "MiB/s");
	struct beside_vm *vm = beside_start(&job);
	struct beside_times before, after;
	struct answer a = { .room = 0 };
	int fd = net_connect(CONNECT_MS);
	double all = 0;

	http_ask(fd, "GET", "/", NULL, 0, &a); /* it fills the body */
	beside_look(vm, &before);
	for (unsigned int i = 0; i < runs; i++) {
		http_ask(fd, "GET", "/", NULL, 0, &a);
		if (a.len != BODY)
			beside_die("serve: %zu bytes", a.len);
		bench_add(rate, 50e6 / a.all);
		all += a.all;
	}
	beside_look(vm, &after);
	bench_value(b, "body_50_mib_exits", (double)(after.exits - before.exits) / runs);
	bench_value(b, "body_50_mib_io_share", (double)(after.io_cpu_us - before.io_cpu_us) / all);
	close(fd);
	beside_end(vm);
}

/* ---- functions beside the host's ---- */

struct pair {
	const char *name, *image;
	bool disk, fresh; /* fresh: its first request in a guest is measured, too */
	struct bench_series *guest, *host, *guest_cpu, *host_cpu, *first;
	char names[6][48];
};

static const char *disk_file(void)
{
	static char path[] = "/tmp/ukvmm-bench-XXXXXX";
	static char block[1 << 16];
	int fd = mkstemp(path);

	for (uint32_t n = 0; fd >= 0 && n < DISK / sizeof block; n++) {
		memset(block, (int)(n * 37), sizeof block);
		if (write(fd, block, sizeof block) != (ssize_t)sizeof block)
			beside_die("%s cannot be written", path);
	}
	if (fd < 0)
		beside_die("%s cannot be made", path);
	close(fd);
	host_disk(path);
	return path;
}

static void series(struct bench *b, struct pair *p)
{
	snprintf(p->names[0], sizeof *p->names, "%s_guest_ms", p->name);
	snprintf(p->names[1], sizeof *p->names, "%s_host_ms", p->name);
	snprintf(p->names[2], sizeof *p->names, "%s_guest_first_ms", p->name);
	snprintf(p->names[3], sizeof *p->names, "ratio_%s_guest_to_host", p->name);
	snprintf(p->names[4], sizeof *p->names, "%s_guest_cpu_ms", p->name);
	snprintf(p->names[5], sizeof *p->names, "%s_host_cpu_ms", p->name);
	p->guest = bench_series(b, p->names[0], "ms");
	p->host = bench_series(b, p->names[1], "ms");
	p->guest_cpu = bench_series(b, p->names[4], "ms");
	p->host_cpu = bench_series(b, p->names[5], "ms");
	if (p->fresh)
		p->first = bench_series(b, p->names[2], "ms");
}

static void once(struct pair *p, struct beside_vm *vm, int fd)
{
	struct answer guest = { .room = 0 }, here = { .room = 0 };
	struct beside_times before, after;
	double us, cpu_us;

	beside_look(vm, &before);
	http_ask(fd, "GET", "/", NULL, 0, &guest);
	beside_look(vm, &after);
	host_ask(host_find(p->name), "GET", "/", NULL, 0, &here, &us, &cpu_us);
	bench_add(p->guest_cpu, (after.cpu_us - before.cpu_us) / 1e3);
	bench_add(p->host_cpu, cpu_us / 1e3);
	if (guest.status != 200 || here.status != 200 || guest.len != here.len)
		beside_die("%s: the guest answers %d, the host %d", p->name, guest.status, here.status);
	bench_add(p->guest, guest.all / 1e3);
	bench_add(p->host, us / 1e3);
}

static void measure(struct bench *b, struct pair *p, const char *disk, unsigned int runs)
{
	struct beside_job job = { .image = p->image, .memory = 256u << 20, .hugepages = UKVMM_HUGEPAGES_ON, .mtu = NET_MTU };
	struct beside_vm *vm;
	struct answer a = { .room = 0 };
	double us, cpu_us;
	int fd;

	series(b, p);
	job.disk = p->disk ? disk : NULL;
	vm = beside_start(&job);
	fd = net_connect(CONNECT_MS);
	http_ask(fd, "GET", "/", NULL, 0, &a);
	if (p->first)
		bench_add(p->first, a.all / 1e3);
	host_ask(host_find(p->name), "GET", "/", NULL, 0, &a, &us, &cpu_us);
	for (unsigned int i = 0; i < runs; i++)
		once(p, vm, fd);
	/* by CPU time, and of the least of each: what else runs on the host disturbs the others */
	bench_value(b, p->names[3], bench_percentile(p->guest_cpu, LEAST) / bench_percentile(p->host_cpu, LEAST));
	close(fd);
	beside_end(vm);
}

void runtime_functions(struct bench *b, unsigned int runs)
{
	static struct pair pairs[] = { { .name = "fib", .image = RUNTIME_IMAGE("fib") },
		{ .name = "matmul", .image = RUNTIME_IMAGE("matmul") },
		{ .name = "bubble", .image = RUNTIME_IMAGE("bubble") },
		{ .name = "alloc", .image = RUNTIME_IMAGE("alloc"), .fresh = true },
		{ .name = "readfile", .image = RUNTIME_IMAGE("readfile"), .disk = true, .fresh = true } };
	const char *disk = disk_file();

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		measure(b, &pairs[i], disk, runs);
	unlink(disk);
}
