/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

#include <malloc.h>

#if defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED 1
#endif

#ifdef SANITIZED
size_t __sanitizer_get_current_allocated_bytes(void);

static uint64_t heap_now(void)
{
	return __sanitizer_get_current_allocated_bytes();
}

static uint64_t resident_now(void)
{
	return 0;
}
#else
static uint64_t heap_now(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* By the page tables: statm is behind by what each CPU counts for itself, which are megabytes where there are many. */
static uint64_t resident_now(void)
{
	unsigned long long kib = 0;
	char line[256];
	FILE *f;

	if (held_without_proc)
		return 0;
	malloc_trim(0); /* what the allocator keeps of what was freed is nobody's */
	f = fopen("/proc/self/smaps_rollup", "re");
	CHECK(f);
	while (fgets(line, sizeof line, f) && sscanf(line, "Rss: %llu kB", &kib) != 1)
		;
	fclose(f);
	CHECK(kib);
	return kib << 10;
}
#endif

bool held_without_proc;

struct held held_now(struct hostile *h)
{
	struct held now = { heap_now(), resident_now() };
	uint64_t ram = mem_resident(&h->d.vm->ram) + mem_resident(&h->other.vm->ram);

	now.resident -= now.resident < ram ? now.resident : ram;
	return now;
}

void assert_held(struct hostile *h, struct held before, uint64_t bytes)
{
	struct held now = held_now(h);

	CHECK(now.heap < before.heap + bytes);
	CHECK(now.resident <= before.resident + bytes);
}
