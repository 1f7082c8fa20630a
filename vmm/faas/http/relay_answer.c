/* SPDX-License-Identifier: Apache-2.0 */
/* The instance's side of a relay: what it is sent, what it answers, and when the client gets that. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "call.h"
#include "relay_internal.h"

static ssize_t on_read(void *user, char *to, size_t len)
{
	struct relay *r = user;
	size_t n = pipe_take(&r->up, to, len);

	if (n > 0) {
		r->sent = true;
		loop_defer(r->context->loop, &r->pump);
		return (ssize_t)n;
	}
	return r->up_ended ? UPSTREAM_EOF : 0;
}

static bool on_field(void *user, const char *name, const char *value)
{
	struct relay *r = user;
	size_t len = strlen(name) + strlen(value) + 4;
	char *n, *v;

	if (r->n_fields == FIELDS_MAX || r->field_bytes + len > FIELDS_BYTES)
		return false;
	n = strdup(name);
	v = strdup(value);
	if (!n || !v) {
		free(n);
		free(v);
		return false;
	}
	r->field[r->n_fields].name = n;
	r->field[r->n_fields++].value = v;
	r->field_bytes += (uint32_t)len;
	return true;
}

void relay_free_answer(struct relay *r)
{
	while (r->n_fields > 0) {
		r->n_fields--;
		free(r->field[r->n_fields].name);
		free(r->field[r->n_fields].value);
	}
}

static const char *value_of(const struct relay *r, const char *name)
{
	for (uint32_t i = 0; i < r->n_fields; i++)
		if (strcasecmp(r->field[i].name, name) == 0)
			return r->field[i].value;
	return NULL;
}

static bool on_head(void *user, unsigned int status)
{
	struct relay *r = user;
	const char *length = value_of(r, "Content-Length");

	r->headed = true;
	r->answer_status = status;
	/* libcurl has checked the framing of what it reads; a body that is none (HEAD, 304) has a length, too */
	r->length = length && strspn(length, "0123456789") == strlen(length) && strlen(length) < 19 &&
			!value_of(r, "Transfer-Encoding") ? (int64_t)strtoull(length, NULL, 10) : -1;
	ticket_first_byte(&r->ticket);
	loop_defer(r->context->loop, &r->pump);
	return true;
}

static bool on_write(void *user, const char *bytes, size_t len)
{
	struct relay *r = user;
	bool failed = false;

	if (pipe_room(&r->down) < len)
		return false;
	pipe_put(&r->down, bytes, len, &failed);
	r->answer_bytes += failed ? 0 : (int64_t)len;
	loop_defer(r->context->loop, &r->pump);
	return !failed;
}

static void on_complete(void *user)
{
	struct relay *r = user;

	r->complete = true;
	loop_defer(r->context->loop, &r->pump);
}

static bool all_there(const struct relay *r)
{
	return r->headed && r->length >= 0 && r->answer_bytes == r->length;
}

/* However slow the client reads, the instance is free. */
static void answer_ends(struct relay *r)
{
	r->ended = true;
	relay_let_go(r, TICKET_FINE);
	loop_defer(r->context->loop, &r->pump);
}

static void on_done(void *user, enum upstream_end end, const char *why)
{
	struct relay *r = user;

	r->upstream = NULL;
	/* one that answers and closes without having read all of the request has answered */
	if (end == UPSTREAM_WHOLE || all_there(r)) {
		answer_ends(r);
		return;
	}
	if (r->context->problem && r->ticket.replica)
		r->context->problem(r->context->arg, r->function, ticket_instance(&r->ticket), "answer", why);
	if (end == UPSTREAM_REFUSED && relay_again(r))
		return;
	if (end == UPSTREAM_GARBAGE)
		relay_let_go(r, TICKET_SUSPECT);
	relay_fail(r, 502, end == UPSTREAM_REFUSED ? "the function's instance takes no connection" :
			end == UPSTREAM_GARBAGE	   ? "the function's instance did not answer with HTTP" :
						     "the function's instance broke off its answer");
}

const struct upstream_ops relay_upstream_ops = { on_read, on_field, on_head, on_write, on_complete, on_done };

static const char *const ours[] = { "content-length", "x-call-id", "x-start-time", "x-duration-seconds",
	"x-openfaas-internal", NULL };

static bool is_ours(const char *name)
{
	for (int i = 0; ours[i]; i++)
		if (strcasecmp(ours[i], name) == 0)
			return true;
	return false;
}

static void give_answer(struct relay *r)
{
	const char *connection = value_of(r, "Connection"), *whole;
	bool head = strcmp(call_method(r->call), "HEAD") == 0;

	for (uint32_t i = 0; i < r->n_fields; i++)
		if (!fields_hop_by_hop(r->field[i].name, connection) && !is_ours(r->field[i].name))
			call_add(r->call, r->field[i].name, r->field[i].value);
	r->status = r->answer_status;
	whole = r->ended && !head ? pipe_whole(&r->down) : NULL;
	if (whole) {
		call_reply(r->call, r->status, NULL, whole, r->down.len);
		r->down.len = 0;
	} else {
		call_stream(r->call, r->status, r->length);
	}
	relay_free_answer(r);
}

void relay_pump(struct loop_task *task)
{
	struct relay *r = (struct relay *)((char *)task - offsetof(struct relay, pump));
	bool answered;

	/* the rest of the request is not wanted */
	if (r->upstream && (r->complete || (all_there(r) && (r->up.len > 0 || !r->up_ended))))
		answer_ends(r);
	if (r->upstream && (r->up.len > 0 || r->up_ended))
		upstream_more(r->upstream);
	if (r->upstream && pipe_room(&r->down) >= RELAY_PIECE)
		upstream_room(r->upstream);
	/* an answer that began ends the client's body, as far as we are concerned */
	if (r->headed && !call_answered(r->call) && (r->up_ended || r->ended))
		give_answer(r);
	answered = call_answered(r->call);
	if (answered ? r->down.len > 0 || r->ended || r->broken : !r->up_ended && pipe_room(&r->up) >= PIPE_BYTES / 2)
		call_wake(r->call);
}
