/* SPDX-License-Identifier: Apache-2.0 */
/* What malloc takes from. */
#ifndef RT_HEAP_H
#define RT_HEAP_H

#include <stddef.h>
#include <stdint.h>

/* Memory from `start` to `end`, which is zero. Once, before malloc. */
void heap_init(uintptr_t start, uintptr_t end, uint64_t secret);
/* Bytes that malloc could still give as one block behind all others. */
size_t heap_left(void);

#endif
