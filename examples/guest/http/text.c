/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <string.h>

#include "ukvmm_fn.h"

unsigned char text_lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 32) : c;
}

bool fn_is(struct fn_str s, const char *word)
{
	size_t i = 0;

	for (; i < s.len && word[i]; i++) {
		if (text_lower((unsigned char)s.at[i]) != text_lower((unsigned char)word[i]))
			return false;
	}
	return i == s.len && !word[i];
}

bool text_line(const char *bytes, size_t len, struct fn_str *line, size_t *next)
{
	const char *end = memchr(bytes, '\n', len);

	if (!end)
		return false;
	*line = (struct fn_str){ bytes, (size_t)(end - bytes) };
	*next = line->len + 1;
	if (line->len && end[-1] == '\r')
		line->len--;
	return true;
}

bool text_until(struct fn_str *s, char c, struct fn_str *out)
{
	const char *at = s->len ? memchr(s->at, c, s->len) : NULL;

	if (!at)
		return false;
	*out = (struct fn_str){ s->at, (size_t)(at - s->at) };
	s->at = at + 1;
	s->len -= out->len + 1;
	return true;
}

struct fn_str text_trim(struct fn_str s)
{
	while (s.len && (s.at[0] == ' ' || s.at[0] == '\t'))
		s = (struct fn_str){ s.at + 1, s.len - 1 };
	while (s.len && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
		s.len--;
	return s;
}
