/* SPDX-License-Identifier: Apache-2.0 */
#include "console.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_DEFAULT = 64 << 10, BYTES_MAX = 64 << 20 };

int console_init(struct console *c, uint32_t bytes)
{
	uint32_t size = 256;

	memset(c, 0, sizeof *c);
	if (bytes > BYTES_MAX)
		return -EINVAL;
	while (size < (bytes ? bytes : BYTES_DEFAULT))
		size *= 2;
	c->ring = malloc(size);
	if (!c->ring)
		return -ENOMEM;
	c->size = size;
	pthread_mutex_init(&c->lock, NULL);
	return 0;
}

void console_fini(struct console *c)
{
	if (!c->ring)
		return;
	pthread_mutex_destroy(&c->lock);
	free(c->ring);
	c->ring = NULL;
}

void console_put(struct console *c, const uint8_t *bytes, size_t len)
{
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < len; i++) {
		if (c->tail - c->head == c->size) {
			c->lost += len - i;
			c->lost_total += len - i;
			break;
		}
		c->ring[c->tail++ & (c->size - 1)] = bytes[i];
	}
	pthread_mutex_unlock(&c->lock);
}

size_t console_take(struct console *c, void *buf, size_t len, uint64_t *lost)
{
	uint8_t *dst = buf;
	size_t n = 0;

	pthread_mutex_lock(&c->lock);
	while (n < len && c->head != c->tail) {
		size_t at = (size_t)(c->head & (c->size - 1)), run = c->size - at;

		if (run > c->tail - c->head)
			run = (size_t)(c->tail - c->head);
		if (run > len - n)
			run = len - n;
		memcpy(dst + n, c->ring + at, run);
		c->head += run;
		n += run;
	}
	if (lost) {
		*lost = c->lost;
		c->lost = 0;
	}
	pthread_mutex_unlock(&c->lock);
	return n;
}

uint64_t console_waiting(struct console *c)
{
	uint64_t n;

	pthread_mutex_lock(&c->lock);
	n = c->tail - c->head;
	pthread_mutex_unlock(&c->lock);
	return n;
}

void console_totals(struct console *c, uint64_t *bytes, uint64_t *lost)
{
	pthread_mutex_lock(&c->lock);
	*bytes = c->tail;
	*lost = c->lost_total;
	pthread_mutex_unlock(&c->lock);
}
