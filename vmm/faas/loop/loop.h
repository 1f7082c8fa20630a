/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one event loop: descriptors, timers and tasks of one thread. All calls are that thread's, and callbacks come
 * from loop_run only. The structures are the caller's, zeroed before their first use; they must be taken out of the
 * loop (unwatch, timer_stop, cancel) before they go away, which may happen in any callback.
 */
#ifndef FAAS_LOOP_H
#define FAAS_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

struct loop_fd {
	int fd;
	uint32_t events; /* EPOLL*; 0: not watched */
	void (*ready)(struct loop_fd *watch, uint32_t events);
};

struct loop_timer {
	uint64_t at; /* CLOCK_MONOTONIC, nanoseconds */
	void (*due)(struct loop_timer *timer);
	struct loop_timer *child, *next, *prev; /* of a pairing heap; prev is the parent for a first child */
	bool set;
};

struct loop_task {
	void (*run)(struct loop_task *task);
	struct loop_task *next, **link; /* link: who points here; NULL: not queued */
};

/* Before each wait: returns false if it must not wait, as there is more to do at once. */
struct loop_hook {
	bool (*before)(struct loop_hook *hook);
	struct loop_hook *next;
};

int loop_new(struct loop **out); /* 0 or negative errno */
void loop_free(struct loop *loop);

/* Watches fd for events, or changes them. 0 or negative errno. */
int loop_watch(struct loop *loop, struct loop_fd *watch, int fd, uint32_t events);
void loop_unwatch(struct loop *loop, struct loop_fd *watch);

/* Once, at a point in time; a timer that is set is moved. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t at);
void loop_timer_in(struct loop *loop, struct loop_timer *timer, uint64_t ns);
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);

/* Once, before the next wait; queued twice it runs once. */
void loop_defer(struct loop *loop, struct loop_task *task);
void loop_cancel(struct loop *loop, struct loop_task *task);

void loop_hook(struct loop *loop, struct loop_hook *hook);
void loop_unhook(struct loop *loop, struct loop_hook *hook);

/* Until loop_quit. 0, or the negative errno of epoll_wait. */
int loop_run(struct loop *loop);
void loop_quit(struct loop *loop);

/* CLOCK_MONOTONIC as it was when the current batch of events came; loop_clock reads it anew. */
uint64_t loop_now(const struct loop *loop);
uint64_t loop_clock(void);

#endif
