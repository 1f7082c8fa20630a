/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handle() on stacks of its own, so that it can wait while others are served. Only a function that calls something that
 * waits is linked with it (out/task.c); the linker script has it at tasks_at then, and a zero else: handle() is called
 * as any function, and its request is parsed into a place that all requests share.
 */
#ifndef HTTP_TASK_H
#define HTTP_TASK_H

#include <stdbool.h>
#include <stddef.h>

#include "parse.h"

struct conn;
struct input_aside;
struct task;

struct tasks {
	/* Where the next request's head is to be parsed into; NULL: no further handle() can begin now. */
	struct http_head *(*head)(void);
	/* Calls handle() for the request there, or for that in `other` unless that is NULL. NULL: it has returned, with
	 * *response. Else it waits; its request's bytes are to be put into *aside. */
	struct task *(*call)(struct conn *c, struct http_head *other, struct fn_response *response,
		struct input_aside **aside);
	/* Its client has left. */
	void (*forget)(struct task *task);
	/* Those that wait no more go on. */
	void (*turn)(void);
};
extern const struct tasks tasks_at;

/* NULL: it is not linked with it. */
static inline const struct tasks *tasks(void)
{
	return tasks_at.head ? &tasks_at : NULL;
}

#endif
