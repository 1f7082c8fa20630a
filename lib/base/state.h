/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state walk: one function per stateful part, run in both directions. A walk is a sequence of named,
 * versioned sections; on a load every section must come in the same order and be consumed whole. State
 * may come from a hostile file: a load checks lengths here, and each part checks the values that it reads.
 */
#ifndef BASE_STATE_H
#define BASE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ukvmm_state {
	uint8_t *buf;
	size_t len, cap, pos;
	size_t section_end;	/* load: end of the open section; save: where its length field is */
	bool loading, in_section;
	int error;		/* first error, sticky */
	char section[32];	/* the section that was open when it happened */
};

void state_save_init(struct ukvmm_state *s);
void state_load_init(struct ukvmm_state *s, const void *buf, size_t len); /* buf is borrowed */
void state_fini(struct ukvmm_state *s);

/* Opens a section. Save: stores *version. Load: the name must match (-EINVAL); sets *version. */
int state_begin(struct ukvmm_state *s, const char *name, uint32_t *version);
/* Closes it. Load: -EINVAL if bytes are left over. */
int state_end(struct ukvmm_state *s);

/* Makes the walk fail with `error` (the first one stays) and returns it: for a bad value in a load. */
int state_fail(struct ukvmm_state *s, int error);

/* Also public (ukvmm/device.h). */
int ukvmm_state_bytes(struct ukvmm_state *s, void *p, size_t len);

#define state_field(s, lvalue) ukvmm_state_bytes((s), &(lvalue), sizeof(lvalue))

#endif
