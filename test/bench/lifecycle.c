/* SPDX-License-Identifier: Apache-2.0 */
/* What a VM costs to make, to keep and to end, beside the bare ioctls in the same run. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ukvmm/ukvmm.h>
#include <ukvmm/x86.h>

#include "bare.h"
#include "bench.h"
#include "many.h"
#include "tiny.h"

enum { MEMORY = 16 << 20, WARM_UP = 20, PORT = 0x9900 };

TINY_CODE(exit, "mov dx, 0x9900; out dx, al; 1: hlt; jmp 1b");

static struct ukvmm_host *host;
static struct ukvmm_poller *poller;
static struct ukvmm_image *image;

static void need(int rc, const struct ukvmm_err *err)
{
	if (rc < 0)
		bench_die("%s(%s): %s", err->call, err->object, err->text);
}

static void library_init(void)
{
	struct ukvmm_err err = { .size = sizeof err };
	int fd = many_image(&tiny_code_exit);

	need(ukvmm_host_open(&host, -1, NULL, &err), &err);
	need(ukvmm_poller_new(host, &poller, &err), &err);
	need(ukvmm_image_open(host, fd, -1, NULL, &image, &err), &err);
	close(fd);
}

/* The library's whole path: new, trap, seal, run to the first exit; destroy and the queued closing of the fds. */
static void library_life(double *first_exit_us, double *life_us)
{
	const struct ukvmm_vm_config config = { .size = sizeof config, .memory = MEMORY };
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_stop stop = { .size = sizeof stop };
	struct ukvmm_vcpu *vcpu;
	struct ukvmm_vm *vm;
	double start = bench_now_us();

	need(ukvmm_vm_new(poller, "bench", image, &config, &vm, &err), &err);
	need(ukvmm_vm_trap(vm, PORT, 1, UKVMM_SPACE_X86_PORT, &err), &err);
	need(ukvmm_vm_seal(vm, &err), &err);
	ukvmm_vm_vcpu(vm, 0, &vcpu);
	need(ukvmm_vcpu_run(vcpu, NULL, &stop, &err), &err);
	if (stop.reason != UKVMM_STOP_TRAP)
		bench_die("library VM: stop %u", stop.reason);
	*first_exit_us = bench_now_us() - start;
	ukvmm_vm_destroy(vm);
	ukvmm_host_work(host, 1); /* a time that is past: what is queued, no waiting */
	*life_us = bench_now_us() - start;
}

static void lives(struct bench *b, unsigned int runs)
{
	struct bench_series *first = bench_series(b, "first_exit_us", "us"), *life = bench_series(b, "destroy_us", "us");
	struct bench_series *bare_first = bench_series(b, "bare_first_exit_us", "us");
	struct bench_series *bare_life_s = bench_series(b, "bare_destroy_us", "us");
	double f, l;

	for (unsigned int i = 0; i < runs + WARM_UP; i++) {
		bare_life(MEMORY, &f, &l);
		if (i >= WARM_UP) {
			bench_add(bare_first, f);
			bench_add(bare_life_s, l);
		}
		library_life(&f, &l);
		if (i >= WARM_UP) {
			bench_add(first, f);
			bench_add(life, l);
		}
	}
	bench_value(b, "ratio_to_bare", bench_percentile(life, 50) / bench_percentile(bare_life_s, 50));
	bench_value(b, "ratio_first_exit_to_bare", bench_percentile(first, 50) / bench_percentile(bare_first, 50));
}

/* From shells made ahead: making them is not measured, nor is destroying. */
static void pooled(struct bench *b, unsigned int runs)
{
	const struct ukvmm_vm_config kind = { .size = sizeof kind, .memory = MEMORY };
	struct bench_series *s = bench_series(b, "pooled_first_exit_us", "us");
	struct ukvmm_err err = { .size = sizeof err };
	double f, l;

	for (unsigned int i = 0; i < runs; i++) {
		if (i % 50 == 0)
			need(ukvmm_host_prepare(host, &kind, 50, &err), &err);
		library_life(&f, &l);
		bench_add(s, f);
	}
	need(ukvmm_host_prepare(host, &kind, 0, &err), &err);
}

int main(int argc, char **argv)
{
	struct bench_options o = { .runs = 500 };
	struct bench *b = bench_new("A VM of 16 MiB, one vCPU, split irqchip");

	bench_parse(argc, argv, "lifecycle [--json] [--runs N] [IDLE-SECONDS]", &o);
	bare_init();
	library_init();
	lives(b, o.runs);
	pooled(b, o.runs);
	ukvmm_image_unref(image);
	many_alive(b, host, poller, 1000);
	many_idle(b, host, poller, 500, o.words < argc ? atoi(argv[o.words]) : 10);
	bench_print(b, o.json);
	bench_free(b);
	ukvmm_poller_free(poller);
	return ukvmm_host_close(host) < 0;
}
