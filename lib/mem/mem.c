/* SPDX-License-Identifier: Apache-2.0 */
#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "checked.h"

/* prot over [addr, addr + len), or anywhere for addr NULL. */
static void *map(void *addr, size_t len, int prot)
{
	return mmap(addr, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (addr ? MAP_FIXED : 0), -1, 0);
}

static int reserve(struct mem *mem, uint64_t bytes, uint64_t gap_start, uint64_t gap_end, int prot)
{
	uint64_t low = bytes < gap_start ? bytes : gap_start, high_end;
	void *p;

	*mem = (struct mem){ 0 };
	if (!bytes || bytes % MEM_PAGE || bytes > SIZE_MAX / 2 || add_wraps(gap_end, bytes - low, &high_end))
		return -EINVAL;
	p = map(NULL, bytes, prot);
	if (p == MAP_FAILED)
		return -errno;
	mem->base = p;
	mem->len = bytes;
	mem->region[mem->regions++] = (struct mem_region){ 0, low, mem->base };
	if (low < bytes)
		mem->region[mem->regions++] = (struct mem_region){ gap_end, bytes - low, mem->base + low };
	return 0;
}

static int advise(struct mem *mem, enum mem_huge huge)
{
	mem->backed = true;
	/* An embedder's fork must neither copy a guest's page tables nor share its pages. */
	if (madvise(mem->base, mem->len, MADV_DONTFORK))
		return -errno;
	/* Explicit either way: hosts with THP=always would give small VMs 2 MiB pages unasked. A kernel
	 * without THP answers EINVAL, which changes nothing for us. */
	madvise(mem->base, mem->len, huge == MEM_HUGE_ON ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return 0;
}

int mem_reserve(struct mem *mem, uint64_t bytes, uint64_t gap_start, uint64_t gap_end)
{
	return reserve(mem, bytes, gap_start, gap_end, PROT_NONE);
}

int mem_back(struct mem *mem, enum mem_huge huge)
{
	return map(mem->base, mem->len, PROT_READ | PROT_WRITE) == MAP_FAILED ? -errno : advise(mem, huge);
}

int mem_map(struct mem *mem, uint64_t bytes, uint64_t gap_start, uint64_t gap_end, enum mem_huge huge)
{
	int rc = reserve(mem, bytes, gap_start, gap_end, PROT_READ | PROT_WRITE);

	if (rc)
		return rc;
	rc = advise(mem, huge);
	if (rc)
		mem_fini(mem);
	return rc;
}

int mem_protect(struct mem *mem, uint64_t gpa, uint64_t len)
{
	void *p = mem_ptr(mem, gpa, len);

	if (!p)
		return -EFAULT;
	return mprotect(p, len, PROT_READ) ? -errno : 0;
}

void mem_drop(struct mem *mem)
{
	if (mem->backed)
		madvise(mem->base, mem->len, MADV_DONTNEED);
}

void mem_fini(struct mem *mem)
{
	if (mem->base)
		munmap(mem->base, mem->len);
	*mem = (struct mem){ 0 };
}

void *mem_ptr(const struct mem *mem, uint64_t gpa, uint64_t len)
{
	for (uint32_t i = 0; i < mem->regions; i++) {
		const struct mem_region *r = &mem->region[i];

		if (gpa >= r->gpa && len && !out_of(gpa - r->gpa, len, r->len))
			return r->host + (gpa - r->gpa);
	}
	return NULL;
}

int mem_read(const struct mem *mem, uint64_t gpa, void *dst, uint64_t len)
{
	const void *p = mem_ptr(mem, gpa, len);

	if (!p)
		return -EFAULT;
	memcpy(dst, p, len);
	return 0;
}

int mem_write(struct mem *mem, uint64_t gpa, const void *src, uint64_t len)
{
	void *p = mem_ptr(mem, gpa, len);

	if (!p)
		return -EFAULT;
	memcpy(p, src, len);
	return 0;
}

int mem_zero(struct mem *mem, uint64_t gpa, uint64_t len)
{
	void *p = mem_ptr(mem, gpa, len);

	if (!p)
		return -EFAULT;
	memset(p, 0, len);
	return 0;
}

uint64_t mem_bytes(const struct mem *mem)
{
	return mem->len;
}

uint64_t mem_resident(const struct mem *mem)
{
	enum { STEP = 1 << 14 }; /* pages a call */
	unsigned char seen[STEP];
	uint64_t pages = 0;

	for (size_t off = 0; mem->backed && off < mem->len; off += (size_t)STEP * MEM_PAGE) {
		size_t left = mem->len - off, n = left / MEM_PAGE < STEP ? left / MEM_PAGE : STEP;

		if (mincore(mem->base + off, n * MEM_PAGE, seen))
			break;
		for (size_t i = 0; i < n; i++)
			pages += seen[i] & 1;
	}
	return pages * MEM_PAGE;
}
