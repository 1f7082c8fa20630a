/* SPDX-License-Identifier: Apache-2.0 */
#include "relay.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "fields.h"
#include "relay_internal.h"

/* Instances that died idle, which one request may meet before we have heard of their ends. */
enum { RETRIES = 8 };

/* Nothing of the instance's answer has been given to the client: say whose fault it is. */
void relay_fail(struct relay *r, unsigned int status, const char *why)
{
	relay_let_go(r, TICKET_FINE);
	if (call_answered(r->call)) {
		r->broken = true; /* in the middle: a closed connection says so */
		call_wake(r->call);
		return;
	}
	if (status == 429 || status == 503)
		call_add(r->call, "Retry-After", "1");
	r->status = status;
	call_error(r->call, status, "%s", why);
	call_go(r->call);
}

static void on_lost(struct ticket *t, const char *why)
{
	struct relay *r = (struct relay *)((char *)t - offsetof(struct relay, ticket));

	(void)why; /* is in the log: it is not the client's business */
	if (r->ended)
		return; /* its answer was complete */
	if (r->upstream && upstream_untaken(r->upstream) && relay_again(r))
		return;
	relay_fail(r, 502, "the function's instance ended");
}

static void on_refused(struct ticket *t, unsigned int status, const char *why)
{
	relay_fail((struct relay *)((char *)t - offsetof(struct relay, ticket)), status, why);
}

static int start_upstream(struct relay *r)
{
	struct upstream_request q = { .instance = ticket_instance(&r->ticket), .method = call_method(r->call),
		.target = r->target, .body_len = r->drops_body ? 0 : call_body_len(r->call) };
	struct fields fields = { 0 };
	int rc = -1;

	q.last = ticket_spec(&r->ticket)->single_use;
	ticket_address(&r->ticket, &q.address);
	if (fields_for_instance(&fields, r->call)) {
		q.fields = (const char *const *)fields.at;
		q.n_fields = fields.n;
		rc = upstream_start(r->context->upstream, &q, &relay_upstream_ops, r, &r->upstream);
	}
	fields_free(&fields);
	return rc;
}

static void on_granted(struct ticket *t)
{
	struct relay *r = (struct relay *)((char *)t - offsetof(struct relay, ticket));

	r->asking = false;
	call_note(r->call, r->function, ticket_instance(t));
	loop_timer_in(r->context->loop, &r->timer, ticket_spec(t)->timeout_ns);
	if (start_upstream(r) < 0) {
		relay_fail(r, 431, "the request's headers are too many or too long");
		return;
	}
	call_go(r->call);
}

/* end: what it says of the instance. */
void relay_let_go(struct relay *r, enum ticket_end end)
{
	if (r->upstream)
		upstream_cancel(r->upstream);
	r->upstream = NULL;
	r->asking = false;
	loop_timer_stop(r->context->loop, &r->timer);
	ticket_done(&r->ticket, end);
}

static void ask(struct relay *r, struct function *f)
{
	r->asking = true;
	r->ticket = (struct ticket){ .granted = on_granted, .refused = on_refused, .lost = on_lost,
		.id = call_id(r->call), .again = r->retried > 0 };
	ticket_ask(f, &r->ticket);
}

/* It has died, and we have not heard of it yet: its last request is not its next one's trouble. */
bool relay_again(struct relay *r)
{
	struct function *f = dispatch_find(r->context->dispatcher, r->function);

	if (r->retried == RETRIES || r->sent || r->headed || !f)
		return false;
	r->retried++;
	relay_let_go(r, TICKET_DEAD);
	ask(r, f);
	return true;
}

static size_t on_body(struct call *call, const char *bytes, size_t len)
{
	struct relay *r = call_user(call);
	bool failed = false;
	size_t n = len;

	r->body_bytes += len;
	if (r->body_bytes > r->body_max) {
		relay_fail(r, 413, "the request's body is longer than the function takes");
		return len;
	}
	if (r->drops_body || (!r->upstream && !r->asking))
		return len;
	n = pipe_put(&r->up, bytes, len, &failed);
	r->body_bytes -= len - n;
	if (failed)
		relay_fail(r, 503, "out of memory");
	loop_defer(r->context->loop, &r->pump);
	return failed ? len : n;
}

static void on_end(struct call *call)
{
	struct relay *r = call_user(call);

	r->up_ended = true;
	loop_defer(r->context->loop, &r->pump);
}

static ssize_t on_read(struct call *call, char *to, size_t len)
{
	struct relay *r = call_user(call);
	size_t n = pipe_take(&r->down, to, len);

	if (n > 0) {
		loop_defer(r->context->loop, &r->pump);
		return (ssize_t)n;
	}
	return r->broken ? CALL_BROKEN : r->ended ? CALL_EOF : 0;
}

static void on_gone(struct call *call)
{
	struct relay *r = call_user(call);

	relay_let_go(r, r->headed || relay_whose_turn(r) ? TICKET_FINE : TICKET_LEFT);
	loop_cancel(r->context->loop, &r->pump); /* behind what may want it */
	r->context->active--;
	if (r->context->over)
		r->context->over(r->context->arg, r->function, r->status, loop_clock() - call_began(call));
	pipe_free(&r->up);
	pipe_free(&r->down);
	relay_free_answer(r);
	free(r->target);
	free(r);
}

static const struct call_ops ops = { on_body, on_end, on_read, on_gone };

void relay_begin(struct relay_context *context, struct call *call, struct function *f, const char *target)
{
	struct relay *r = calloc(1, sizeof *r);
	struct function_view view;

	dispatch_view(f, &view);
	if (!r || !(r->target = strdup(target))) {
		free(r);
		call_error(call, 503, "out of memory");
		return;
	}
	r->context = context;
	r->call = call;
	r->pump.run = relay_pump;
	r->timer.due = relay_late;
	r->drops_body = strcmp(call_method(call), "HEAD") == 0;
	r->body_max = view.spec->body_max;
	snprintf(r->function, sizeof r->function, "%s", view.spec->name);
	context->active++;
	call_take(call, &ops, r);
	call_note(call, r->function, NULL);
	if (context->begun)
		context->begun(context->arg, r->function);
	if (call_body_len(call) >= 0 && (uint64_t)call_body_len(call) > r->body_max) {
		relay_fail(r, 413, "the request's body is longer than the function takes");
		return;
	}
	call_hold(call);
	ask(r, f);
}
