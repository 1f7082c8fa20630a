/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of an answer: call.c asks and reads its head, answer.c its body. */
#ifndef OUT_ANSWER_H
#define OUT_ANSWER_H

#include "parse.h"
#include "ukvmm_fn.h"

enum { ANSWER_BYTES = 2 * HTTP_HEAD_MAX };

struct answer {
	struct fn_answer told;
	struct fn_conn *conn;
	uint64_t until;
	struct http_head head;
	bool has_end;	/* `left` says how much of the body is to come, of one that is not in chunks */
	bool all;	/* in chunks: the last one was read */
	int error;	/* it has failed with it */
	uint64_t left;
	struct http_chunks chunks;
	size_t begin, at, len; /* what comes behind the head begins there; bytes[begin + at, begin + len) were not used yet */
	char *body;	/* of fn_answer_body */
	char bytes[ANSWER_BYTES];
};

/* The head is there, and len bytes from bytes on: what the body is. `to_head`: of a HEAD. */
void answer_begin(struct answer *a, size_t len, bool to_head);

#endif
