/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of a state walk, each with its check: a load never stores a value that the chip cannot
 * hold. */
#ifndef LEGACY_WALK_H
#define LEGACY_WALK_H

#include "state.h"

/* Opens a section of version 1, the only one there is. */
void walk_begin(struct ukvmm_state *s, const char *name);
/* The value lies within [min, max]; one width per kind of number. */
void walk_flag(struct ukvmm_state *s, bool *flag);
void walk_u8(struct ukvmm_state *s, uint8_t *v, uint8_t max);
void walk_u16(struct ukvmm_state *s, uint16_t *v);
void walk_u32(struct ukvmm_state *s, uint32_t *v, uint32_t max);
void walk_u64(struct ukvmm_state *s, uint64_t *v, uint64_t max);
void walk_i64(struct ukvmm_state *s, int64_t *v, int64_t min, int64_t max);
void walk_bytes(struct ukvmm_state *s, void *p, size_t len);
/* On a load: fails it unless `ok`. */
void walk_require(struct ukvmm_state *s, bool ok);

#endif
