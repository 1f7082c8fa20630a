/* SPDX-License-Identifier: Apache-2.0 */
#include "many.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <ukvmm/ukvmm.h>
#include <ukvmm/x86.h>

#include "tiny.h"

enum { MEMORY = 16 << 20, THREADS = 4, PORT = 0x9900 };

TINY_CODE(exit_many, "mov dx, 0x9900; out dx, al; 1: hlt; jmp 1b");
TINY_CODE(idle, "1: cli; mov eax, 0xd0080004; mov dword ptr [rax], 0; sti; hlt; jmp 1b");

struct usage {
	double user_kib, slab_kib, stack_kib, guest_kib;
	int fds, threads;
};

static void need(int rc, const struct ukvmm_err *err)
{
	if (rc < 0)
		bench_die("%s(%s): %s", err->call, err->object, err->text);
}

static int entries(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* "Key:  123 kB" of a /proc file. */
static double proc_kib(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	char line[256];
	double kib = 0;

	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, key, strlen(key)))
			kib = atof(line + strlen(key));
	if (f)
		fclose(f);
	return kib;
}

static struct usage usage(void)
{
	return (struct usage){ .user_kib = proc_kib("/proc/self/status", "VmRSS:"),
		.slab_kib = proc_kib("/proc/meminfo", "Slab:"),
		.stack_kib = proc_kib("/proc/meminfo", "KernelStack:"), .fds = entries("/proc/self/fd"),
		.threads = entries("/proc/self/task") };
}

static void more_fds(unsigned int n)
{
	struct rlimit r = { n, n }, was;

	if (!getrlimit(RLIMIT_NOFILE, &was) && was.rlim_cur < n && setrlimit(RLIMIT_NOFILE, &r))
		bench_die("RLIMIT_NOFILE %u: %m", n);
}

int many_image(const struct tiny_code *code)
{
	int fd = tiny_image(code);

	if (fd < 0)
		bench_die("memfd: %m");
	return fd;
}

static struct ukvmm_image *image_of(struct ukvmm_host *host, const struct tiny_code *code)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_image *image;
	int fd = many_image(code);

	need(ukvmm_image_open(host, fd, -1, NULL, &image, &err), &err);
	close(fd);
	return image;
}

static struct ukvmm_vm *vm_of(struct ukvmm_poller *poller, struct ukvmm_image *image, uint32_t flags)
{
	const struct ukvmm_vm_config config = { .size = sizeof config, .memory = MEMORY, .flags = flags };
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_vm *vm;

	need(ukvmm_vm_new(poller, "one of many", image, &config, &vm, &err), &err);
	need(ukvmm_vm_trap(vm, PORT, 1, UKVMM_SPACE_X86_PORT, &err), &err);
	need(ukvmm_vm_seal(vm, &err), &err);
	return vm;
}

static uint32_t run_one(struct ukvmm_vm *vm)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_stop stop = { .size = sizeof stop };
	struct ukvmm_vcpu *vcpu;

	ukvmm_vm_vcpu(vm, 0, &vcpu);
	need(ukvmm_vcpu_run(vcpu, NULL, &stop, &err), &err);
	return stop.reason;
}

static void destroy_all(struct ukvmm_host *host, struct ukvmm_vm **vm, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		ukvmm_vm_destroy(vm[i]);
	ukvmm_host_work(host, 1);
	free(vm);
}

void many_alive(struct bench *b, struct ukvmm_host *host, struct ukvmm_poller *poller, unsigned int n)
{
	struct ukvmm_image *image = image_of(host, &tiny_code_exit_many);
	struct ukvmm_vm **vm = calloc(n, sizeof(struct ukvmm_vm *));
	struct ukvmm_vm_stats stats = { .size = sizeof stats };
	struct usage before, after;
	double guest = 0;

	more_fds(8 * n + 64);
	before = usage();
	for (unsigned int i = 0; i < n; i++) {
		vm[i] = vm_of(poller, image, 0);
		if (run_one(vm[i]) != UKVMM_STOP_TRAP)
			bench_die("VM %u of %u did not run", i, n);
	}
	after = usage();
	for (unsigned int i = 0; i < n; i++) {
		ukvmm_vm_stats(vm[i], &stats);
		guest += (double)stats.resident_bytes / 1024;
	}
	bench_value(b, "alive_vms", n);
	bench_value(b, "alive_fds_per_vm", (double)(after.fds - before.fds) / n);
	bench_value(b, "alive_threads_per_vm", (double)(after.threads - before.threads) / n);
	bench_value(b, "alive_guest_kib_per_vm", guest / n);
	bench_value(b, "alive_user_kib_per_vm", (after.user_kib - before.user_kib - guest) / n);
	bench_value(b, "alive_kernel_kib_per_vm",
		(after.slab_kib - before.slab_kib + after.stack_kib - before.stack_kib) / n);
	destroy_all(host, vm, n);
	ukvmm_image_unref(image);
}

struct share {
	struct ukvmm_vm **vm;
	unsigned int from, to;
	pthread_t thread;
};

static void *run_share(void *arg)
{
	struct share *s = arg;

	for (unsigned int i = s->from; i < s->to; i++)
		if (run_one(s->vm[i]) != UKVMM_STOP_IDLE)
			bench_die("VM %u did not park", i);
	return NULL;
}

static double process_cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

void many_idle(struct bench *b, struct ukvmm_host *host, struct ukvmm_poller *poller, unsigned int n, int seconds)
{
	struct ukvmm_image *image = image_of(host, &tiny_code_idle);
	struct ukvmm_vm **vm = calloc(n, sizeof(struct ukvmm_vm *));
	struct pollfd p = { .fd = ukvmm_poller_fd(poller), .events = POLLIN };
	struct share share[THREADS];
	struct ukvmm_event ev[16];
	double cpu, until;

	for (unsigned int i = 0; i < n; i++)
		vm[i] = vm_of(poller, image, UKVMM_VM_PARK_IDLE);
	for (unsigned int i = 0; i < THREADS; i++) {
		share[i] = (struct share){ vm, n * i / THREADS, n * (i + 1) / THREADS, 0 };
		if (pthread_create(&share[i].thread, NULL, run_share, &share[i]))
			bench_die("pthread_create");
	}
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(share[i].thread, NULL);
	cpu = process_cpu_ms();
	until = bench_now_ms() + seconds * 1000.0;
	while (bench_now_ms() < until) {
		poll(&p, 1, (int)(until - bench_now_ms()) + 1);
		ukvmm_poller_run(poller, ev, 16, 0);
	}
	bench_value(b, "idle_vms", n);
	bench_value(b, "idle_seconds", seconds);
	bench_value(b, "idle_cpu_ms", process_cpu_ms() - cpu);
	destroy_all(host, vm, n);
	ukvmm_image_unref(image);
}
