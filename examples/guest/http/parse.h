/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 requests, and answers to our own, out of bytes. It allocates nothing, refuses what two readers could understand differently
 * (RFC 9112 §11.2), and needs no more of a C library than memchr and memmove. */
#ifndef HTTP_PARSE_H
#define HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ukvmm_fn.h"

enum {
	HTTP_HEAD_MAX = 16384,
	HTTP_BODY_MAX = 8 << 20,
};

struct http_head {
	struct fn_request request; /* points into the bytes that were parsed; without body */
	const char *bytes;	   /* those */
	size_t length;		   /* bytes of the head */
	uint64_t body;		   /* Content-Length */
	bool chunked, keep_alive, is_1_0, expects_continue;
	bool has_length; /* there was a Content-Length */
	int status;	 /* of an answer; 0: it is a request */
};

/* Reads the head at `bytes`. 1: it is complete; 0: more bytes are needed; negative: minus the status to refuse with. */
int http_parse_head(const char *bytes, size_t len, struct http_head *head);

/* The same for an answer's: 1, 0, or -1: it is none. Its method, path and query are none; its body has any length. */
int http_parse_answer(const char *bytes, size_t len, struct http_head *head);

/* Could s be a method or a header's name; a header's value? */
bool http_is_token(struct fn_str s);
bool http_is_value(struct fn_str s);

struct http_chunks {
	size_t read, body; /* encoded bytes taken, bytes of the body they gave */
	uint64_t left;	   /* of the current chunk */
	int state;
	bool pieces; /* a body of any length: who uses it sets `read` and `body` to 0 once it has taken what is there */
};

/* Decodes chunks in place: what is new in bytes[read, len) is added to the body at bytes[0, body). 1: the last chunk
 * and the trailer were read; 0: more bytes are needed; negative: minus the status. Begin with a zeroed `chunks`. */
int http_decode_chunks(struct http_chunks *chunks, char *bytes, size_t len);

#endif
