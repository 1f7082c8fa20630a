/* SPDX-License-Identifier: Apache-2.0 */
/* A request's deadline: whose fault it is that the answer is not complete. */
#include <stddef.h>

#include "relay_internal.h"

static const char conversation[] = "the function answers while it is still being sent the request, and more than 64 KiB: "
	"here an answer begins once the request is whole";

const char *relay_whose_turn(const struct relay *r)
{
	bool full = pipe_room(&r->down) < RELAY_PIECE;

	if (full && !r->up_ended)
		return conversation;
	if (full)
		return "the client did not take the answer in time";
	if (!r->up_ended && !r->headed && r->up.len == 0)
		return "the request's body was not complete in time";
	return NULL;
}

/* An instance that waits for somebody else is as good as before: it sees a connection that ends. */
void relay_late(struct loop_timer *timer)
{
	struct relay *r = (struct relay *)((char *)timer - offsetof(struct relay, timer));
	const char *why = relay_whose_turn(r);

	if (why && r->context->problem && r->ticket.replica)
		r->context->problem(r->context->arg, r->function, ticket_instance(&r->ticket), "late", why);
	relay_let_go(r, why ? TICKET_FINE : TICKET_LATE);
	relay_fail(r, 504, why ? why : "the function did not answer in time");
}
