/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a function includes. It defines handle(), which is called for one request after the other; everything else here
 * is there to be called. All is on the guest's one thread: while handle() runs, nobody else is answered, but for the time
 * that it waits for others (at the end of this file).
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
	const char *type; /* read when handle() returns */
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

/*
 * Others: TCP over IPv4, and HTTP on it. Whom a function may reach is for who runs it to say; whom it asks for addresses,
 * too (dns= of the command line, else what DHCP told).
 *
 * These calls wait until what they are for is there, or until the time `until` of fn_clock(), which fn_in makes; 0 is 30 s
 * from now. While one waits its runtime serves others, and calls handle() for other requests: what a function keeps
 * beside its stack may have changed when it returns. (`http.handles=1` on the command line: one request at a time.) In a
 * function that makes such a call handle() has 128 KiB of stack; more ends the guest. They are for handle(), and what it
 * calls, only.
 *
 * They return 0 or more, or one of errno.h, negative (doc/functions.md has the bounds):
 *	-ETIMEDOUT	`until` has come, or nobody answered TCP or lookups for long before
 *	-ECONNREFUSED	nobody listens there
 *	-ECONNRESET	the other end broke it off
 *	-EHOSTUNREACH	no way there, or nobody to ask for addresses
 *	-ENOENT		the name has no address
 *	-EPROTO		it does not speak HTTP/1, or ended within what it said
 *	-EMSGSIZE	more than there may be
 *	-EMFILE		too many connections: one for each 64 KiB of memory, at most 1024
 *	-ENOMEM		no memory
 *	-EINVAL		what was given is wrong
 *	-EBUSY		another handle() waits for this connection
 *	-EPIPE		after fn_end nothing can be sent
 *	-ENETDOWN	called by fn_setup or by release()
 */
uint64_t fn_in(uint64_t ms);

/* The first address of a name, or of A.B.C.D. Answers are kept for as long as they say, at most 5 minutes. */
int fn_lookup(const char *name, uint8_t address[4], uint64_t until);

/* A connection stays, also from one request to the next, until fn_close. */
struct fn_conn;
int fn_connect(const char *host, uint16_t port, uint64_t until, struct fn_conn **conn);
/* All of it, copied: `bytes` may be used again. After an error part of it may have been sent. */
int fn_send(struct fn_conn *conn, const void *bytes, size_t len, uint64_t until);
/* What there is, up to len bytes; waits for the first. 0: the other end sends no more. What it does not take the other
 * end keeps, beyond 256 KiB. */
int64_t fn_recv(struct fn_conn *conn, void *to, size_t len, uint64_t until);
/* Nothing more will be sent; the other end reads an end of file. */
int fn_end(struct fn_conn *conn);
/* What was sent still arrives. What came and was not received is thrown away, which the other end sees as a reset. NULL is
 * fine. Nobody may be waiting for it. */
void fn_close(struct fn_conn *conn);

/* A question to an HTTP server: what is zero need not be said. A connection is made for it, and ends with it. */
struct fn_call {
	const char *url;    /* http://HOST[:PORT][/PATH][?QUERY] */
	const char *method; /* else GET, or with a body POST */
	const struct fn_header *header; /* beside Host, Content-Length and Connection, which are not for it to say */
	uint32_t n_headers;
	const void *body;
	size_t body_len;
	uint64_t until; /* for all of it: until the last of the answer was read */
};

/* What it answered: valid until fn_hang_up. */
struct fn_answer {
	int status; /* 200 to 599 */
	uint32_t n_headers; /* up to FN_HEADERS, and 16 KiB */
	const struct fn_header *header;
};

/* Returns once the head of the answer is there. It has to be given to fn_hang_up. */
int fn_call(const struct fn_call *call, struct fn_answer **answer);
/* The first header of that name. */
struct fn_str fn_answer_header(const struct fn_answer *answer, const char *name);
/* The body piece by piece: up to len bytes of it, 0: that was all. What is not read the server keeps. */
int64_t fn_answer_read(struct fn_answer *answer, void *to, size_t len);
/* The body, or what was not read of it yet, in memory: until fn_hang_up, and with a zero behind it. -EMSGSIZE: it has more
 * than `most` bytes. */
int fn_answer_body(struct fn_answer *answer, size_t most, const char **body, size_t *len);
void fn_hang_up(struct fn_answer *answer); /* NULL is fine */

#endif
