/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a function includes. It defines handle(), which is called for one request after the other; everything else here
 * is there to be called. All is on the guest's one thread: while handle() runs, nobody else is answered.
 */
#ifndef UKVMM_FN_H
#define UKVMM_FN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FN_HEADERS = 64 };

/* Bytes that do not end with a zero. */
struct fn_str {
	const char *at; /* NULL: there is none */
	size_t len;
};

struct fn_header {
	struct fn_str name, value;
};

/* Valid until handle() returns. */
struct fn_request {
	struct fn_str method, path, query; /* query: what follows '?' */
	struct fn_header header[FN_HEADERS];
	uint32_t n_headers;
	const void *body; /* up to 8 MiB, chunks put together */
	size_t body_len;
};

/* Comes as 200 with an empty body of type text/plain. */
struct fn_response {
	int status;
	const char *type; /* a constant */
	const void *body; /* stays as it is until release(arg), which is called once the peer has acknowledged it all */
	size_t body_len;
	void (*release)(void *arg); /* NULL: the body stays for good */
	void *arg;
};

void handle(const struct fn_request *request, struct fn_response *response);

/* Are these bytes that word? ASCII letters of either case are equal. */
bool fn_is(struct fn_str s, const char *word);
/* The first header of that name. */
struct fn_str fn_header(const struct fn_request *request, const char *name);
/* Answers with a copy of a text, or 500 when memory is short. */
void fn_text(struct fn_response *response, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

const char *fn_env(const char *name); /* word of the command line, or NULL */
void fn_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
uint64_t fn_clock(void);    /* nanoseconds since boot */
uint64_t fn_realtime(void); /* nanoseconds since 1970; 0: unknown */
void fn_random(void *out, size_t len);

/* A file of the initrd (cpio, newc); it stays where it is. False: there is none. */
bool fn_file(const char *path, const void **bytes, size_t *len);
uint64_t fn_disk_bytes(void); /* 0: no disk */
/* Reads multiples of 512 bytes; 0 or -1. */
int fn_disk_read(uint64_t off, void *to, size_t len);

#endif
