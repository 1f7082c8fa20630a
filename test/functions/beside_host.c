/* SPDX-License-Identifier: Apache-2.0 */
/* ukvmm_fn.h in a process of the host's. */
#include "beside.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ukvmm_fn.h"

#define FUNCTIONS(one) one(noop) one(echo) one(fib) one(matmul) one(alloc) one(serve) one(readfile) one(todos) one(bubble)
#define DECLARE(f) void handle_##f(const struct fn_request *request, struct fn_response *response);
#define LIST(f)	   { #f, handle_##f },

FUNCTIONS(DECLARE)
const struct host_function host_functions[] = { FUNCTIONS(LIST) { NULL, NULL } };

static int disk = -1;

const struct host_function *host_find(const char *name)
{
	for (const struct host_function *f = host_functions; f->name; f++)
		if (!strcmp(f->name, name))
			return f;
	beside_die("no function %s", name);
}

void host_disk(const char *path)
{
	disk = open(path, O_RDONLY | O_CLOEXEC);
	if (disk < 0)
		beside_die("%s cannot be opened", path);
}

static struct fn_str text(const char *s)
{
	return (struct fn_str){ s, strlen(s) };
}

static double cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

void host_ask(const struct host_function *f, const char *method, const char *path, const void *body, size_t len,
	struct answer *a, double *us, double *cpu_us)
{
	struct fn_request request = { .method = text(method), .path = text(path), .body = body, .body_len = len };
	struct fn_response response = { .status = 200, .type = "text/plain" };
	double start = beside_us(), cpu = cpu_now();

	f->handle(&request, &response);
	*us = beside_us() - start;
	*cpu_us = cpu_now() - cpu;
	a->status = response.status;
	a->len = response.body_len;
	if (a->room)
		memcpy(a->body, response.body ? response.body : "", a->len < a->room ? a->len : a->room);
	if (response.release)
		response.release(response.arg);
}

void fn_text(struct fn_response *response, const char *fmt, ...)
{
	char *line = NULL;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(&line, fmt, args);
	va_end(args);
	if (n < 0)
		beside_die("out of memory");
	response->body = response->arg = line;
	response->body_len = (size_t)n;
	response->release = free;
}

uint64_t fn_disk_bytes(void)
{
	struct stat st;

	return disk >= 0 && !fstat(disk, &st) ? (uint64_t)st.st_size : 0;
}

int fn_disk_read(uint64_t off, void *to, size_t len)
{
	uint8_t *at = to;
	ssize_t n;

	for (; len; at += n, off += (uint64_t)n, len -= (size_t)n) {
		n = pread(disk, at, len, (off_t)off);
		if (n <= 0)
			return -1;
	}
	return 0;
}
