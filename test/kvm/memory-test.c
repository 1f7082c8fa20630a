/* SPDX-License-Identifier: Apache-2.0 */
/* How guest RAM stands in the embedder's address space: huge pages as asked for, nothing for a forked child. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

/* The VmFlags line of the mapping that holds `p` ("" where the kernel tells none); false: no such mapping. */
static int flags_of(const void *p, char *flags, size_t len)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long from, to;
	char line[512];
	int inside = 0, found = 0;

	*flags = 0;
	while (f && fgets(line, sizeof line, f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2 && strchr(line, '-') < strchr(line, ' ')) {
			inside = (unsigned long)p >= from && (unsigned long)p < to;
			found |= inside;
		} else if (inside && !strncmp(line, "VmFlags:", 8)) {
			snprintf(flags, len, "%.*s", (int)len - 1, line + 8);
		}
	}
	if (f)
		fclose(f);
	return found;
}

static void huge_pages_are_explicit(void **state)
{
	struct fixture *f = *state;
	const struct {
		uint32_t hugepages;
		uint64_t memory;
		const char *has, *lacks;
	} c[] = {
		{ UKVMM_HUGEPAGES_AUTO, 16 << 20, " nh", " hg" },
		{ UKVMM_HUGEPAGES_ON, 16 << 20, " hg", " nh" },
		{ UKVMM_HUGEPAGES_OFF, 2ull << 30, " nh", " hg" },
		{ UKVMM_HUGEPAGES_AUTO, 2ull << 30, " hg", " nh" },
	};

	for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
		const struct ukvmm_vm_config config = { .size = sizeof config, .memory = c[i].memory,
			.hugepages = c[i].hugepages };
		struct ukvmm_vm *vm = sealed_vm(f, guest_exit42, &config);
		char flags[256];

		assert_int_equal(flags_of(vm->ram.base, flags, sizeof flags), 1);
		assert_non_null(strstr(flags, c[i].has));
		assert_null(strstr(flags, c[i].lacks));
		assert_non_null(strstr(flags, " dc")); /* not for a forked child */
		ukvmm_vm_destroy(vm);
	}
}

/* Where an image says so, and only where nobody has decided otherwise. A lie does no harm. */
static void an_image_says_where_it_is_dense(void **state)
{
	struct fixture *f = *state;
	const struct {
		uint64_t from;
		uint32_t hugepages;
		const char *below, *above;
	} c[] = {
		{ 4 << 20, UKVMM_HUGEPAGES_AUTO, " nh", " hg" },
		{ 4 << 20, UKVMM_HUGEPAGES_OFF, " nh", " nh" },
		{ 4 << 20, UKVMM_HUGEPAGES_ON, " hg", " hg" },
		{ (4 << 20) + 1, UKVMM_HUGEPAGES_AUTO, " nh", " nh" },
		{ ~4095ull, UKVMM_HUGEPAGES_AUTO, " nh", " nh" },
	};

	for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
		const struct ukvmm_vm_config config = { .size = sizeof config, .memory = 16 << 20, .hugepages = c[i].hugepages };
		struct ukvmm_vm *vm = make_vm(f, guest_exit42, &config);
		char flags[256];

		((struct ukvmm_image *)(uintptr_t)vm->image)->boot.dense_from = c[i].from;
		assert_int_equal(ukvmm_vm_seal(vm, NULL), 0);
		assert_int_equal(flags_of(vm->ram.base + (2 << 20), flags, sizeof flags), 1);
		assert_non_null(strstr(flags, c[i].below));
		assert_int_equal(flags_of(vm->ram.base + (8 << 20), flags, sizeof flags), 1);
		assert_non_null(strstr(flags, c[i].above));
		assert_non_null(strstr(flags, " dc"));
		assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).value, 42);
		ukvmm_vm_destroy(vm);
	}
}

static void a_child_has_no_guest_memory(void **state)
{
	struct fixture *f = *state;
	struct ukvmm_vm *vm = sealed_vm(f, guest_exit42, NULL);
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		char flags[256];

		_exit(flags_of(vm->ram.base, flags, sizeof flags) ? 1 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).value, 42); /* the parent's is whole */
	ukvmm_vm_destroy(vm);
}

/* 5 GiB: RAM on both sides of the gap, and not paid for until touched. */
static void large_memory_is_in_two_parts(void **state)
{
	struct fixture *f = *state;
	const struct ukvmm_vm_config config = { .size = sizeof config, .memory = 5ull << 30 };
	struct ukvmm_vm *vm = sealed_vm(f, guest_exit42, &config);
	struct ukvmm_vm_stats s = { .size = sizeof s };

	assert_int_equal(vm->ram.regions, 2);
	assert_non_null(mem_ptr(&vm->ram, X86_RAM_GAP_END, 2ull << 30));
	assert_null(mem_ptr(&vm->ram, X86_RAM_GAP_START, 1));
	ukvmm_vm_stats(vm, &s);
	assert_true(s.resident_bytes < 16 << 20);
	assert_int_equal(run_vcpu(vcpu_of(vm, 0), NULL).value, 42);
	ukvmm_vm_destroy(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fixture_test(huge_pages_are_explicit),
		fixture_test(an_image_says_where_it_is_dense),
		fixture_test(a_child_has_no_guest_memory),
		fixture_test(large_memory_is_in_two_parts),
	};

	return FIXTURE_RUN(tests);
}
