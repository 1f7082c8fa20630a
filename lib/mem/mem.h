/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest-physical memory: a few regions of RAM in one host reservation, and the one checked function that
 * turns a guest address into a pointer. Regions do not change once a VM runs, so lookups need no lock.
 * The guest writes to this memory at any moment: copy what you check, then use the copy.
 */
#ifndef MEM_H
#define MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MEM_REGIONS = 2, MEM_PAGE = 4096 };

struct mem_region {
	uint64_t gpa, len;
	uint8_t *host;
};

struct mem {
	struct mem_region region[MEM_REGIONS];
	uint32_t regions;
	uint8_t *base; /* the reservation */
	size_t len;
	bool backed;
};

enum mem_huge { MEM_HUGE_OFF, MEM_HUGE_ON };

/*
 * Reserves address space (PROT_NONE) for `bytes` of RAM: [0, gap_start) and, for what does not fit there,
 * from gap_end up. bytes: a multiple of MEM_PAGE, not 0. -EINVAL, -ENOMEM.
 */
int mem_reserve(struct mem *mem, uint64_t bytes, uint64_t gap_start, uint64_t gap_end);
/* Maps zeroed private memory over the reservation, not inherited by fork. */
int mem_back(struct mem *mem, enum mem_huge huge);
/* Both in one, which costs a mapping less. On failure nothing is left. */
int mem_map(struct mem *mem, uint64_t bytes, uint64_t gap_start, uint64_t gap_end, enum mem_huge huge);
/* [gpa, gpa + len), whole pages, can be written by nobody from here on: a guest that tries makes KVM_RUN fail with
 * -EFAULT. It does not change mem_ptr: who writes for a guest asks elsewhere. -EFAULT, -ENOMEM. */
int mem_protect(struct mem *mem, uint64_t gpa, uint64_t len);
/* Gives the memory back to the system at once; what is read afterwards is zero. */
void mem_drop(struct mem *mem);
void mem_fini(struct mem *mem);

/* A pointer to [gpa, gpa + len), or NULL unless that is not empty and wholly inside one region. */
void *mem_ptr(const struct mem *mem, uint64_t gpa, uint64_t len);

/* Copies; 0 or -EFAULT. len 0 is -EFAULT. Writes by devices go through mem_write. */
int mem_read(const struct mem *mem, uint64_t gpa, void *dst, uint64_t len);
int mem_write(struct mem *mem, uint64_t gpa, const void *src, uint64_t len);
int mem_zero(struct mem *mem, uint64_t gpa, uint64_t len);

uint64_t mem_bytes(const struct mem *mem);
/* Bytes of it that are in host memory now (mincore: slow). */
uint64_t mem_resident(const struct mem *mem);

#endif
