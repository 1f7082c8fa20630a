/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ukvmm/device.h>

#include "checked.h"
#include "export.h"

/* On the wire: name[32], version u32, length u32, bytes. */
enum { NAME_BYTES = 32 };

void state_save_init(struct ukvmm_state *s)
{
	*s = (struct ukvmm_state){ 0 };
}

void state_load_init(struct ukvmm_state *s, const void *buf, size_t len)
{
	*s = (struct ukvmm_state){ .buf = (uint8_t *)(uintptr_t)buf, .len = len, .loading = true };
}

void state_fini(struct ukvmm_state *s)
{
	if (!s->loading)
		free(s->buf);
	*s = (struct ukvmm_state){ 0 };
}

int state_fail(struct ukvmm_state *s, int error)
{
	if (!s->error)
		s->error = error;
	return s->error;
}

static int state_append(struct ukvmm_state *s, const void *p, size_t len)
{
	if (len > s->cap - s->len) {
		size_t cap = s->cap ? s->cap : 4096;
		uint8_t *buf;

		while (cap - s->len < len)
			cap *= 2;
		buf = realloc(s->buf, cap);
		if (!buf)
			return state_fail(s, -ENOMEM);
		s->buf = buf;
		s->cap = cap;
	}
	memcpy(s->buf + s->len, p, len);
	s->len += len;
	return 0;
}

static int state_raw(struct ukvmm_state *s, void *p, size_t len, size_t limit)
{
	if (s->error)
		return s->error;
	if (!s->loading)
		return state_append(s, p, len);
	if (out_of(s->pos, len, limit))
		return state_fail(s, -EINVAL);
	memcpy(p, s->buf + s->pos, len);
	s->pos += len;
	return 0;
}

int state_begin(struct ukvmm_state *s, const char *name, uint32_t *version)
{
	char wire[NAME_BYTES] = { 0 };
	uint32_t length = 0;

	if (s->error)
		return s->error;
	if (s->in_section)
		return state_fail(s, -EBADFD);
	snprintf(wire, sizeof wire, "%s", name);
	memcpy(s->section, wire, sizeof wire);
	if (state_raw(s, wire, sizeof wire, s->len) || state_raw(s, version, sizeof *version, s->len) ||
		state_raw(s, &length, sizeof length, s->len))
		return s->error;
	if (s->loading) {
		if (memcmp(wire, s->section, sizeof wire) || out_of(s->pos, length, s->len))
			return state_fail(s, -EINVAL);
		s->section_end = s->pos + length;
	} else {
		s->section_end = s->len - sizeof length;
	}
	s->in_section = true;
	return 0;
}

int state_end(struct ukvmm_state *s)
{
	uint32_t length;

	if (s->error)
		return s->error;
	if (!s->in_section)
		return state_fail(s, -EBADFD);
	s->in_section = false;
	if (s->loading)
		return s->pos == s->section_end ? 0 : state_fail(s, -EINVAL);
	length = (uint32_t)(s->len - s->section_end - sizeof length);
	memcpy(s->buf + s->section_end, &length, sizeof length);
	return 0;
}

UKVMM_API int ukvmm_state_bytes(struct ukvmm_state *s, void *p, size_t len)
{
	if (!s->in_section)
		return state_fail(s, -EBADFD);
	return state_raw(s, p, len, s->loading ? s->section_end : s->len);
}
