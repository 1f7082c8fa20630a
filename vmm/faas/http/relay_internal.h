/* SPDX-License-Identifier: Apache-2.0 */
/* What relay.c (the client's side) and relay_answer.c (the instance's) share. */
#ifndef FAAS_RELAY_INTERNAL_H
#define FAAS_RELAY_INTERNAL_H

#include "fields.h"
#include "pipe.h"
#include "relay.h"

struct relay {
	struct relay_context *context;
	struct call *call;
	struct ticket ticket;
	struct upstream_call *upstream; /* NULL: not yet, or over */
	struct loop_task pump;
	struct loop_timer timer; /* the function's deadline */
	char function[SPEC_NAME + 1];
	char *target;
	struct pipe_ring up, down;
	uint64_t body_bytes, body_max;
	bool asking;	 /* for an instance: what comes of the body meanwhile is kept for it */
	bool up_ended;	 /* the client's body is complete */
	bool drops_body; /* no instance gets it */
	bool headed;	 /* the head of the instance's answer is complete */
	bool complete;	 /* no more of its body comes from libcurl */
	bool ended;	 /* and its body */
	bool broken;
	bool sent;    /* something of the client's body was taken for an instance */
	uint32_t retried; /* how often another instance was asked, as none of the request had been taken */
	unsigned int status;
	/* the answer's head */
	unsigned int answer_status;
	struct {
		char *name, *value;
	} field[FIELDS_MAX];
	uint32_t n_fields, field_bytes;
	char *connection; /* its Connection headers */
	int64_t length;	  /* -1: none */
	int64_t answer_bytes; /* of its body so far */
};

enum {
	/* libcurl gives at most so much at once (CURL_MAX_WRITE_SIZE) */
	RELAY_PIECE = 16 << 10,
};

extern const struct upstream_ops relay_upstream_ops;
void relay_pump(struct loop_task *task);
void relay_let_go(struct relay *r, enum ticket_end end);
/* relay_late.c */
void relay_late(struct loop_timer *timer); /* the deadline is here */
/* What has been waited for, if that is not the instance. NULL: it is. */
const char *relay_whose_turn(const struct relay *r);
void relay_free_answer(struct relay *r);
/* Asks for another instance; false: it did so too often, or the body is gone. */
bool relay_again(struct relay *r);
/* Gives the client an error, or closes its connection where an answer has begun. */
void relay_fail(struct relay *r, unsigned int status, const char *why);

#endif
