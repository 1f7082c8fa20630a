/* SPDX-License-Identifier: Apache-2.0 */
#include "walk.h"

#include <errno.h>

#include <ukvmm/device.h>

enum { VERSION = 1 };

void walk_begin(struct ukvmm_state *s, const char *name)
{
	uint32_t version = VERSION;

	if (!state_begin(s, name, &version))
		walk_require(s, version == VERSION);
}

void walk_require(struct ukvmm_state *s, bool ok)
{
	if (s->loading && !s->error && !ok)
		state_fail(s, -EINVAL);
}

/* A bool must not hold a bad value even for a moment, hence the copy. */
void walk_flag(struct ukvmm_state *s, bool *flag)
{
	uint8_t v = *flag;

	walk_u8(s, &v, 1);
	*flag = v;
}

void walk_u8(struct ukvmm_state *s, uint8_t *v, uint8_t max)
{
	uint8_t got = *v;

	state_field(s, got);
	walk_require(s, got <= max);
	if (!s->error)
		*v = got;
}

void walk_u16(struct ukvmm_state *s, uint16_t *v)
{
	state_field(s, *v);
}

void walk_u32(struct ukvmm_state *s, uint32_t *v, uint32_t max)
{
	uint32_t got = *v;

	state_field(s, got);
	walk_require(s, got <= max);
	if (!s->error)
		*v = got;
}

void walk_u64(struct ukvmm_state *s, uint64_t *v, uint64_t max)
{
	uint64_t got = *v;

	state_field(s, got);
	walk_require(s, got <= max);
	if (!s->error)
		*v = got;
}

void walk_i64(struct ukvmm_state *s, int64_t *v, int64_t min, int64_t max)
{
	int64_t got = *v;

	state_field(s, got);
	walk_require(s, got >= min && got <= max);
	if (!s->error)
		*v = got;
}

void walk_bytes(struct ukvmm_state *s, void *p, size_t len)
{
	ukvmm_state_bytes(s, p, len);
}
