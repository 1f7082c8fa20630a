/* SPDX-License-Identifier: Apache-2.0 */
#include "pipe.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 1024 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t pipe_room(const struct pipe_ring *p)
{
	return PIPE_BYTES - p->len;
}

/* Most bodies are short; a large block costs more than the rest of what is done for one. */
static bool grow(struct pipe_ring *p, size_t need)
{
	size_t size = p->size ? p->size : FIRST_BYTES, len = p->len;
	char *more;

	while (size < need)
		size *= 2;
	if (size == p->size)
		return true;
	more = malloc(size);
	if (!more)
		return false;
	pipe_take(p, more, len);
	free(p->at);
	*p = (struct pipe_ring){ .at = more, .size = size, .len = len };
	return true;
}

size_t pipe_put(struct pipe_ring *p, const char *bytes, size_t len, bool *failed)
{
	size_t n = least(len, pipe_room(p)), end, first;

	if (n == 0)
		return 0;
	if (!grow(p, p->len + n)) {
		*failed = true;
		return 0;
	}
	end = (p->begin + p->len) % p->size;
	first = least(n, p->size - end);
	memcpy(p->at + end, bytes, first);
	memcpy(p->at, bytes + first, n - first);
	p->len += n;
	return n;
}

size_t pipe_take(struct pipe_ring *p, char *to, size_t len)
{
	size_t n = least(len, p->len), first = least(n, p->size - p->begin);

	if (n == 0)
		return 0;
	memcpy(to, p->at + p->begin, first);
	memcpy(to + first, p->at, n - first);
	p->begin = (p->begin + n) % p->size;
	p->len -= n;
	if (p->len == 0)
		p->begin = 0;
	return n;
}

const char *pipe_whole(const struct pipe_ring *p)
{
	if (p->len == 0)
		return "";
	return p->begin + p->len <= p->size ? p->at + p->begin : NULL;
}

void pipe_free(struct pipe_ring *p)
{
	free(p->at);
	*p = (struct pipe_ring){ 0 };
}
