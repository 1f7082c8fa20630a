/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The poller: an epoll set of an eventfd (something was queued), a timerfd (the earliest deadline) and the
 * fds that devices watch. VMs with undelivered events or work stand in one queue.
 *
 * Its lock is a leaf: it is taken with a VM's lock or board lock held, never the other way round. A VM that the
 * dispatching thread is inside of is `current`; destroying that VM waits for it (or is -EBUSY from its callback).
 */
#ifndef VM_POLLER_H
#define VM_POLLER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <ukvmm/ukvmm.h>

#include "timer.h"

struct ukvmm_device;
struct uring;

enum { NOTIFY_VALUES = 16, STOPPED_WAITS = 64 /* turns */ };

/* What waits for delivery or for the poller's thread; guarded by the poller's lock. Part of each VM. */
struct poller_entry {
	struct ukvmm_vm *vm, *next;
	bool queued, gone; /* gone: it has left, what still comes for it is dropped */
	/* undelivered events */
	bool console, paused, stopped;
	uint64_t runnable; /* a bit a vCPU */
	uint32_t broken;   /* a bit a device */
	uint64_t notify[NOTIFY_VALUES];
	uint32_t notify_head, notify_len;
	/* work: call vm_work() */
	bool work;
	bool over;	  /* STOPPED was delivered */
	uint32_t patience; /* turns for which STOPPED has waited for work to end */
	uint64_t pass; /* of the poller's, that served it last */
};

struct watch {
	struct ukvmm_device *device; /* NULL: free */
	int fd;
	uint32_t generation, events;
	uint64_t tag;
};

struct ukvmm_poller {
	struct ukvmm_host *host;
	int epoll, wake, timerfd;
	pthread_mutex_t lock;
	pthread_cond_t left; /* `current` became NULL */
	bool dispatching;
	bool will_look; /* the dispatcher will yet look at the queue: it needs no waking */
	uint64_t cpu_mark; /* its CPU clock when it last looked */
	pthread_t dispatcher;
	struct ukvmm_vm *current;
	struct ukvmm_vm *head, **tail;
	uint64_t pass; /* over the queue */
	struct timers timers;
	size_t timers_max; /* reserved */
	uint64_t armed;	   /* what the timerfd is set to */
	uint32_t vms;
	struct watch *watches;
	uint32_t watches_len;
	struct uring *ring; /* the host's, watched since a VM here has a disk on it; NULL: not yet */
};

/* A VM joins with the number of timers it may arm at once; leaves for good. poller_leave is -EBUSY from inside
 * one of the VM's own callbacks, and otherwise waits until the dispatcher is out of it. */
int poller_join(struct ukvmm_poller *p, struct ukvmm_vm *vm, uint32_t timers);
int poller_leave(struct ukvmm_poller *p, struct ukvmm_vm *vm, struct timer *const *timers, uint32_t n);

/* Room for one more timer of a VM that has joined. */
int poller_reserve(struct ukvmm_poller *p);

/* Any thread. */
void poller_post(struct ukvmm_poller *p, struct ukvmm_vm *vm, uint32_t type, uint64_t value);
void poller_work(struct ukvmm_poller *p, struct ukvmm_vm *vm);
void poller_arm(struct ukvmm_poller *p, struct timer *timer, uint64_t deadline);

/* For the dispatching thread, with the lock held. Takes one event of the VM, STOPPED last; false: it has none. */
bool poller_entry_take(struct poller_entry *e, struct ukvmm_event *ev);
bool poller_entry_has_event(const struct poller_entry *e);
/* true: nobody knows of it, write `wake`. */
bool poller_entry_queue(struct ukvmm_poller *p, struct ukvmm_vm *vm);
void poller_entry_unqueue(struct ukvmm_poller *p, struct ukvmm_vm *vm);
/* The timerfd follows the earliest deadline, but is not moved later until it has fired. */
void poller_timerfd_follow(struct ukvmm_poller *p);

/* fd watches of devices: epoll data is generation << 32 | POLLER_WATCHES + index; below are the poller's own. */
enum { POLLER_WAKE, POLLER_TIMER, POLLER_RING, POLLER_WATCHES };

/* Takes completions of the host's ring from now on: each poller that has such a disk does, for all of them. */
int poller_ring(struct ukvmm_poller *p, struct uring *ring);

int poller_watch(struct ukvmm_poller *p, struct ukvmm_device *device, int fd, uint32_t events, uint64_t tag);
/* Is it there still? For who has got the device's turn meanwhile. */
bool poller_watched(struct ukvmm_poller *p, const struct watch *w, uint32_t index);
/* Takes the device's watches out of the set while it is held, and puts them back. Also a hang-up is silent then. */
void poller_watch_hold(struct ukvmm_poller *p, const struct ukvmm_device *device, bool hold);
void poller_unwatch_all(struct ukvmm_poller *p, struct ukvmm_device *device);

#endif
