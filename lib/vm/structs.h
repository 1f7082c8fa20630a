/* SPDX-License-Identifier: Apache-2.0 */
/* Size-stamped public structures: in and out. */
#ifndef VM_STRUCTS_H
#define VM_STRUCTS_H

#include <stddef.h>

/* Copies a caller's structure into `dst` of `known` bytes, zero-filled; src NULL gives all defaults.
 * -EINVAL: size too small to be one; -E2BIG: bytes past `known` are not zero. */
int struct_take(void *dst, size_t known, const void *src);

/* Copies `src` into a caller's structure as far as its size reaches and zeroes what is past `known`.
 * -EINVAL: size too small. */
int struct_give(void *dst, const void *src, size_t known);

struct ukvmm_rate;
/* One of those, which is optional wherever it is pointed to; flags must be 0 (-EINVAL). */
int rate_struct_take(struct ukvmm_rate *dst, const struct ukvmm_rate *src);

#endif
