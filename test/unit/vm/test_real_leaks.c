/* SPDX-License-Identifier: Apache-2.0 */
/* Hundreds of VMs in one process, on the machine's own /dev/kvm: what they leave behind is nothing. */
#include "../kvm/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ukvmm/run.h>
#include <ukvmm/ukvmm.h>
#include <ukvmm/x86.h>

#include "tiny.h"

#define EXIT(status) "mov edx, 0x501; mov al, " status "; out dx, al; "
TINY_CODE(hello, "mov edx, 0x3f8; mov al, 'x'; out dx, al; mov dword ptr [0x200000], 1; " EXIT("7"));
TINY_CODE(spin, "1: jmp 1b");

enum { WARM = 12, VMS = 200, FULL_EVERY = 20 /* closing one takes 20 ms */, SHELLS = 2 };

struct held {
	int fds, threads, maps;
	size_t heap;
};

struct place {
	struct ukvmm_host *host;
	struct ukvmm_poller *poller;
	struct ukvmm_image *hello, *spin;
};

static int entries(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static int lines(const char *path)
{
	FILE *f = fopen(path, "r");
	int n = 0, c;

	assert_non_null(f);
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

static struct held held(void)
{
	return (struct held){ .fds = entries("/proc/self/fd"), .threads = entries("/proc/self/task"),
		.maps = lines("/proc/self/maps"), .heap = mallinfo2().uordblks };
}

static void check(int rc, const struct ukvmm_err *err)
{
	if (rc)
		fail_msg("%s(%s): %s", err->call, err->object, err->text);
}

static struct ukvmm_image *image(struct ukvmm_host *host, const struct tiny_code *code)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_image *image;
	int fd = tiny_image(code);

	check(ukvmm_image_open(host, fd, -1, NULL, &image, &err), &err);
	close(fd);
	return image;
}

static void place_make(struct place *p)
{
	struct ukvmm_err err = { .size = sizeof err };

	check(ukvmm_host_open(&p->host, -1, NULL, &err), &err);
	check(ukvmm_poller_new(p->host, &p->poller, &err), &err);
	p->hello = image(p->host, &tiny_code_hello);
	p->spin = image(p->host, &tiny_code_spin);
}

static void place_drop(struct place *p)
{
	ukvmm_image_unref(p->hello);
	ukvmm_image_unref(p->spin);
	assert_int_equal(ukvmm_poller_free(p->poller), 0);
	assert_int_equal(ukvmm_host_close(p->host), 0);
}

/* Half of them run to their end, a quarter is stopped in the middle, the rest destroyed while it could go on. */
static void one_life(struct place *p, uint32_t n)
{
	struct ukvmm_x86_config x86 = { .size = sizeof x86,
		.irqchip = n % FULL_EVERY ? UKVMM_X86_IRQCHIP_SPLIT : UKVMM_X86_IRQCHIP_FULL };
	struct ukvmm_vm_config c = { .size = sizeof c, .memory = 8 << 20, .vcpus = 1 + n % 3, .x86 = &x86 };
	const struct ukvmm_limits l = { .size = sizeof l, .slice_ns = 100000 };
	struct ukvmm_stop stop = { .size = sizeof stop };
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_kicker *kicker;
	struct ukvmm_vcpu *vcpu;
	struct ukvmm_vm *vm;

	check(ukvmm_vm_new(p->poller, "vm", n % 2 ? p->hello : p->spin, &c, &vm, &err), &err);
	check(ukvmm_vm_set_cmdline(vm, "a=b", &err), &err);
	check(ukvmm_vm_seal(vm, &err), &err);
	if (n % 2) {
		check(ukvmm_vm_run(vm, 0, NULL, &stop, &err), &err);
		assert_int_equal(stop.value, 7);
	} else {
		assert_int_equal(ukvmm_vm_vcpu(vm, 0, &vcpu), 0);
		kicker = ukvmm_vcpu_kicker(vcpu);
		check(ukvmm_vcpu_run(vcpu, &l, &stop, &err), &err);
		assert_int_equal(stop.reason, UKVMM_STOP_SLICE);
		if (n % 4)
			assert_int_equal(ukvmm_vm_stop(vm), 0);
		ukvmm_kicker_unref(kicker);
	}
	assert_int_equal(ukvmm_vm_destroy(vm), 0);
	ukvmm_host_work(p->host, 1);
}

/* KVM's worker thread of a VM goes when the VM is closed, but shows in /proc until it is reaped. */
static void await_threads(int n)
{
	for (int i = 0; i < 100000 && entries("/proc/self/task") > n; i++)
		poll(NULL, 0, 1);
}

static void assert_same(const struct held *a, const struct held *b)
{
	print_message("fds %d, threads %d, mappings %d, heap %zu; after: %d, %d, %d, %zu\n", a->fds, a->threads, a->maps,
		a->heap, b->fds, b->threads, b->maps, b->heap);
	assert_int_equal(b->fds, a->fds);
	assert_int_equal(b->threads, a->threads);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* their allocators map more as time passes */
	assert_int_equal(b->heap, a->heap);
	/* the C library may keep a thread's stack, and the kernel merge or split neighbours */
	assert_in_range(b->maps, 0, a->maps + 2);
#endif
}

static void nothing_is_left(void **state)
{
	struct ukvmm_vm_config kind = { .size = sizeof kind, .memory = 8 << 20, .vcpus = 2 };
	struct held before, after, bare = held();
	struct ukvmm_err err = { .size = sizeof err };
	struct place p;

	(void)state;
	place_make(&p);
	for (uint32_t i = 0; i < WARM; i++)
		one_life(&p, i);
	await_threads(bare.threads);
	before = held();
	check(ukvmm_host_prepare(p.host, &kind, SHELLS, &err), &err);
	for (uint32_t i = 0; i < VMS; i++)
		one_life(&p, i);
	check(ukvmm_host_prepare(p.host, &kind, 0, &err), &err);
	await_threads(bare.threads);
	after = held();
	/* the emptied pool itself stays with the host */
	assert_in_range(after.heap - before.heap, 0, 256);
	after.heap = before.heap;
	assert_same(&before, &after);
	place_drop(&p);
}

/* Host and all, twice over after a first time that fills the C library's caches. */
static void hosts_leave_nothing_either(void **state)
{
	struct held before, after;
	struct place p;

	(void)state;
	for (int round = 0; round < 3; round++) {
		if (round == 1)
			before = held();
		place_make(&p);
		for (uint32_t i = 0; i < WARM; i++)
			one_life(&p, i);
		place_drop(&p);
		if (!round)
			await_threads(3); /* ".", "..", this one */
	}
	await_threads(before.threads);
	after = held();
	assert_same(&before, &after);
}

/* What malloc keeps for later counts as used, so it is told to keep nothing. */
static void exact_heap(char **argv)
{
	mallopt(M_MXFAST, 0);
	if (getenv("GLIBC_TUNABLES"))
		return;
	setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1);
	execv("/proc/self/exe", argv);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_leave_nothing_either),
		cmocka_unit_test(nothing_is_left),
	};
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	(void)argc;
	exact_heap(argv);
	if (fd < 0) {
		fprintf(stderr, "SKIPPED: no usable /dev/kvm\n");
		return 77;
	}
	close(fd);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
