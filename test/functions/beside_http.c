/* SPDX-License-Identifier: Apache-2.0 */
#include "beside.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { HEAD = 4096, CHUNK = 1 << 20, SKIPPED = 77, FAILED = 2 };

void beside_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(FAILED);
}

void beside_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("SKIPPED: ");
	vprintf(fmt, ap);
	putchar('\n');
	va_end(ap);
	exit(SKIPPED);
}

double beside_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void give(int fd, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	ssize_t n;

	for (; len; at += n, len -= (size_t)n) {
		n = send(fd, at, len, MSG_NOSIGNAL);
		if (n <= 0)
			beside_die("send: %s", strerror(errno));
	}
}

static size_t take(int fd, void *to, size_t room)
{
	ssize_t n = recv(fd, to, room, 0);

	if (n <= 0)
		beside_die("the answer ended: %s", n ? strerror(errno) : "closed");
	return (size_t)n;
}

/* Into the caller's room, and what exceeds it nowhere. */
static void keep(struct answer *a, size_t at, const void *bytes, size_t n)
{
	if (at >= a->room)
		return;
	memcpy(a->body + at, bytes, n < a->room - at ? n : a->room - at);
}

static void rest(int fd, struct answer *a, size_t have)
{
	static uint8_t chunk[CHUNK];

	while (have < a->len) {
		size_t left = a->len - have, n = take(fd, chunk, left < CHUNK ? left : CHUNK);

		keep(a, have, chunk, n);
		have += n;
	}
}

void http_ask(int fd, const char *method, const char *path, const void *body, size_t len, struct answer *a)
{
	char head[HEAD + 1], *end, *field;
	size_t n = 0, over;
	double start;
	int words = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: guest\r\nContent-Length: %zu\r\n\r\n", method, path, len);

	start = beside_us();
	give(fd, head, (size_t)words);
	give(fd, body, len);
	a->first = 0;
	do {
		if (n == HEAD)
			beside_die("the answer's head is too long");
		n += take(fd, head + n, HEAD - n);
		if (!a->first)
			a->first = beside_us() - start;
		head[n] = 0;
		end = strstr(head, "\r\n\r\n");
	} while (!end);
	field = strcasestr(head, "\r\nContent-Length:");
	if (sscanf(head, "HTTP/1.1 %d", &a->status) != 1 || !field || field > end)
		beside_die("not an answer: %s", head);
	a->len = strtoull(field + 17, NULL, 10);
	over = n - (size_t)(end + 4 - head);
	if (over > a->len)
		beside_die("more than an answer");
	keep(a, 0, end + 4, over);
	rest(fd, a, over);
	a->all = beside_us() - start;
}
