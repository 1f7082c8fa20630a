/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes where in one guest's memory. Everything is entered here first, and refused if it lies
 * outside of RAM or on top of something else; nothing is written before the whole plan holds.
 */
#ifndef BOOT_PLAN_H
#define BOOT_PLAN_H

#include "boot.h"

enum { BOOT_PIECES = BOOT_SEGMENTS + BOOT_MODULES + 16 };

struct boot_piece {
	uint64_t gpa, len;
	const void *src; /* bytes to copy to gpa; the rest stays as it is (zero) */
	uint64_t src_len;
	const char *what; /* for errors: "segment", "the zero page" */
	int index;	  /* of a segment or module, else -1 */
};

struct boot_plan {
	const char *name; /* of the VM, for errors */
	const struct mem *mem;
	struct ukvmm_err *err;
	struct boot_piece piece[BOOT_PIECES];
	uint32_t pieces;
};

/* -ENOSPC: more RAM would make it fit; -ENOEXEC: it lies outside of what can be RAM, or overlaps.
 */
int boot_plan_add(struct boot_plan *plan, const struct boot_piece *piece);
/* The highest page-aligned free place that ends at or below `max`, as high as low RAM reaches:
 * enters it and sets *gpa. -ENOSPC. */
int boot_plan_add_high(
	struct boot_plan *plan, const struct boot_piece *piece, uint64_t max, uint64_t *gpa);
/* The lowest page-aligned free place from `min` up, the same. */
int boot_plan_add_low(
	struct boot_plan *plan, const struct boot_piece *piece, uint64_t min, uint64_t *gpa);
/* Copies everything; cannot fail. */
void boot_plan_write(const struct boot_plan *plan);

#endif
