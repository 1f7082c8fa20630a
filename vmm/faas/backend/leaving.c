/* SPDX-License-Identifier: Apache-2.0 */
/* Instances that are to end wait while others begin, for a while: nobody waits for an end. */
#include <stddef.h>

#include "internal.h"

#define LATEST_NS 100000000u
#define BEGINNING_NS 50000000u /* one that takes longer does not keep others */

bool backend_quiet(const struct backend *b)
{
	return !b->waiting && (b->beginning == 0 || loop_now(b->loop) > b->last_begin + BEGINNING_NS);
}

static void unlink_it(struct instance *i)
{
	*i->leaving_link = i->leaving_next;
	if (i->leaving_next)
		i->leaving_next->leaving_link = i->leaving_link;
	else
		i->b->leaving_end = i->leaving_link;
	i->leaving_link = NULL;
}

static void look(struct backend *b)
{
	uint64_t now = loop_now(b->loop);

	while (b->leaving && (backend_quiet(b) || b->leaving->leave_by <= now)) {
		struct instance *i = b->leaving;

		unlink_it(i);
		vm_ask_end(i);
	}
	loop_timer_stop(b->loop, &b->leave);
	if (b->leaving)
		loop_timer_set(b->loop, &b->leave, b->leaving->leave_by);
}

static void on_leave(struct loop_timer *timer)
{
	look((struct backend *)((char *)timer - offsetof(struct backend, leave)));
}

static void on_turn(struct loop_task *task)
{
	look((struct backend *)((char *)task - offsetof(struct backend, leave_now)));
}

void leaving_add(struct instance *i)
{
	struct backend *b = i->b;

	i->leave_by = loop_now(b->loop) + LATEST_NS;
	i->leaving_next = NULL;
	i->leaving_link = b->leaving_end;
	*b->leaving_end = i;
	b->leaving_end = &i->leaving_next;
	leaving_look(b);
}

void leaving_remove(struct instance *i)
{
	if (i->leaving_link)
		unlink_it(i);
}

/* Not from inside of a call of the dispatcher's. */
void leaving_look(struct backend *b)
{
	b->leave.due = on_leave;
	b->leave_now.run = on_turn;
	if (b->leaving)
		loop_defer(b->loop, &b->leave_now);
}

void leaving_stop(struct backend *b)
{
	loop_timer_stop(b->loop, &b->leave);
	loop_cancel(b->loop, &b->leave_now);
}

void instance_begins(struct instance *i)
{
	if (i->begins)
		return;
	i->begins = true;
	i->b->beginning++;
	i->b->last_begin = loop_now(i->b->loop);
}

void instance_begun(struct instance *i)
{
	if (!i->begins)
		return;
	i->begins = false;
	if (--i->b->beginning == 0)
		leaving_look(i->b);
}
