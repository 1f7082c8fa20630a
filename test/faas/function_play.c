/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /play/ID/STEP,STEP...: an answer made of steps, for the storm (storm.test.py). Who was asked is noted in the journal.
 *	sum		reads the body, answers with its length and its Adler-32
 *	mirror, pieces	read it and answer with it; in chunks
 *	big:N, chunks:N	N bytes, 0 to 250 again and again; in chunks
 *	half:N		the head of an answer of 2N bytes, and N of them
 *	now:STATUS	an answer at once, of which the body is the status; nothing is read
 *	read:N		of the body, N bytes at most
 *	stall, close, die, deaf, garbage
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "function.h"

enum { MOST = 8 << 20, PERIOD = 251 };

static void note(const struct request *r)
{
	const char *id = r->path + strlen("/play/"), *path = word("journal");
	int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
	char line[512];
	int n = snprintf(line, sizeof line, "%.*s %s %d\n", (int)strcspn(id, "/"), id, word("name"), getpid());

	if (fd < 0)
		return;
	if (write(fd, line, (size_t)n) != n)
		_exit(6);
	close(fd);
}

static void sum(struct request *r)
{
	uint32_t a = 1, b = 0;
	char bytes[65536], text[64];
	size_t n, all = 0;

	while ((n = body(r, bytes, sizeof bytes)))
		for (size_t i = 0; i < n; i++, all++) {
			a = (a + (unsigned char)bytes[i]) % 65521;
			b = (b + a) % 65521;
		}
	snprintf(text, sizeof text, "%zu %u", all, b << 16 | a);
	say(r->fd, 200, text);
}

static void begin(int fd, long long length)
{
	char text[128];
	int n = length < 0 ? snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") :
		snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %lld\r\n\r\n", length);

	put(fd, text, (size_t)n);
}

/* In chunks of a size that fits nowhere. */
static void chunks(int fd, const char *bytes, size_t len)
{
	char size[16];
	size_t n;

	for (; len > 0; bytes += n, len -= n) {
		n = len < 7001 ? len : 7001;
		put(fd, size, (size_t)snprintf(size, sizeof size, "%zx\r\n", n));
		put(fd, bytes, n);
		put(fd, "\r\n", 2);
	}
}

static void give(struct request *r, const char *all, size_t len, bool in_chunks)
{
	begin(r->fd, in_chunks ? -1 : (long long)len);
	if (r->head_only)
		return;
	if (!in_chunks) {
		put(r->fd, all, len);
		return;
	}
	chunks(r->fd, all, len);
	put(r->fd, "0\r\n\r\n", 5);
}

static void mirror(struct request *r, bool in_chunks)
{
	char *all = malloc(MOST);
	size_t len = 0, n;

	pthread_cleanup_push(free, all);
	while ((n = body(r, all + len, MOST - len)))
		len += n;
	give(r, all, len, in_chunks);
	pthread_cleanup_pop(1);
}

static void pattern(int fd, long long len, bool in_chunks)
{
	char block[PERIOD * 256];
	size_t n;

	for (size_t i = 0; i < sizeof block; i++)
		block[i] = (char)(i % PERIOD);
	for (; len > 0; len -= (long long)n) {
		n = len < (long long)sizeof block ? (size_t)len : sizeof block;
		if (in_chunks)
			chunks(fd, block, n);
		else
			put(fd, block, n);
	}
	if (in_chunks)
		put(fd, "0\r\n\r\n", 5);
}

static void big(struct request *r, long long len, bool in_chunks)
{
	drain(r);
	begin(r->fd, in_chunks ? -1 : len);
	if (!r->head_only)
		pattern(r->fd, len, in_chunks);
}

static void half(struct request *r, long long len)
{
	begin(r->fd, 2 * len);
	pattern(r->fd, len, false);
}

static void now(struct request *r, long long status)
{
	char text[16];

	snprintf(text, sizeof text, "%lld", status);
	say(r->fd, (int)status, text);
}

static void read_some(struct request *r, long long most)
{
	char bytes[4096];
	size_t n = 1;

	for (; most > 0 && n > 0; most -= (long long)n)
		n = body(r, bytes, most < (long long)sizeof bytes ? (size_t)most : sizeof bytes);
}

/* False: there is no such step. */
static bool step(struct request *r, const char *name, long long n)
{
	static const struct {
		const char *name;
		void (*act)(struct request *r);
	} plain[] = { { "sum", sum }, { "stall", stall }, { "close", close_early }, { "die", die }, { "deaf", deaf },
		{ "garbage", garbage } };

	for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
		if (strcmp(plain[i].name, name) == 0) {
			plain[i].act(r);
			return true;
		}
	if (strcmp(name, "mirror") == 0 || strcmp(name, "pieces") == 0)
		mirror(r, *name == 'p');
	else if (strcmp(name, "big") == 0 || strcmp(name, "chunks") == 0)
		big(r, n, *name == 'c');
	else if (strcmp(name, "half") == 0)
		half(r, n);
	else if (strcmp(name, "now") == 0)
		now(r, n);
	else if (strcmp(name, "read") == 0)
		read_some(r, n);
	else
		return false;
	return true;
}

void play(struct request *r)
{
	char *at = strchr(r->path + strlen("/play/"), '/'), *next, *number;

	note(r);
	for (at = at ? at + 1 : NULL; at; at = next) {
		next = strchr(at, ',');
		if (next)
			*next++ = 0;
		number = strchr(at, ':');
		if (number)
			*number++ = 0;
		if (!step(r, at, number ? atoll(number) : 0))
			say(r->fd, 404, "no such step");
	}
}
