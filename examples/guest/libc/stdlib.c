/* SPDX-License-Identifier: Apache-2.0 */
/* How a C library ends and finds things, on the platform. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "../arch/arch.h"
#include "heap.h"

enum { TOP = 3u << 30 }; /* where devices begin */

extern uint8_t image_end[];

void rt_heap_init(void)
{
	uint64_t top = rt_boot.ram_end < TOP ? rt_boot.ram_end : TOP;
	uint32_t lo, hi;

	/* A loader puts the initrd at the top. */
	if (rt_boot.initrd_bytes && rt_boot.initrd >= (uintptr_t)image_end && rt_boot.initrd < top)
		top = rt_boot.initrd;
	if (top < (uintptr_t)image_end)
		rt_panic("too little memory: it ends at %lu MiB", top >> 20);
	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	heap_init((uintptr_t)image_end, top, ((uint64_t)hi << 32 | lo) * 0x9e3779b97f4a7c15u);
}

int *__errno_location(void)
{
	static int value;

	return &value;
}

void abort(void)
{
	rt_panic("abort");
}

void exit(int status)
{
	rt_exit(status);
}

char *getenv(const char *name)
{
	return (char *)(uintptr_t)rt_arg(name);
}

void __assert_fail(const char *what, const char *file, int line, const char *function)
{
	rt_panic("%s:%d: %s: not so: %s", file, line, function, what);
}
