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
/* A function may define it, too: called once, before the network is up and before the host is told that the guest can
 * serve. Other than 0 ends the guest. */
int fn_setup(void) __attribute__((weak));

/* Are these bytes that word? ASCII letters of either case are equal. */
bool fn_is(struct fn_str s, const char *word);
/* The first header of that name. */
struct fn_str fn_header(const struct fn_request *request, const char *name);
/* Answers with a copy of a text, or 500 when memory is short. */
void fn_text(struct fn_response *response, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The word NAME=VALUE of the command line, or NULL; the value may stand in double quotes. It stays where it is. */
const char *fn_env(const char *name);
/* A line on the console. */
void fn_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
uint64_t fn_clock(void);    /* nanoseconds since boot */
uint64_t fn_realtime(void); /* nanoseconds since 1970; 0: unknown */
/* Of the host's, where the guest has a virtio-rng; else of a generator that keeps no secrets. */
void fn_random(void *out, size_t len);

/*
 * Files, read only: of the initrd, or where that has none of the name, of the disk. Either is an archive as
 * `cpio -o -H newc` writes it. A leading "/" or "./" of a path does not count.
 */
struct fn_file {
	uint64_t at, len;  /* at: where on the disk */
	const void *bytes; /* of the initrd, where it stays; NULL: on the disk */
};
/* False: there is none. Nothing has to be closed. */
bool fn_open(const char *path, struct fn_file *file);
/* Copies what there is of [off, off + len). Returns how much, or -1: the disk failed. */
int64_t fn_read(const struct fn_file *file, uint64_t off, void *to, size_t len);
/* All of it in memory, where it stays: one of the disk is read at the first call. False: none, or no memory. */
bool fn_file(const char *path, const void **bytes, size_t *len);

/* The disk as it is. */
uint64_t fn_disk_bytes(void); /* 0: no disk */
/* Reads multiples of 512 bytes; 0 or -1. */
int fn_disk_read(uint64_t off, void *to, size_t len);

#endif
