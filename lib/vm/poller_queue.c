/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for the poller: joining and leaving, events and work from any thread, deadlines. */
#include "poller.h"

#include <errno.h>
#include <sys/timerfd.h>

#include "console_port.h"
#include "fd.h"
#include "vm.h"

int poller_join(struct ukvmm_poller *p, struct ukvmm_vm *vm, uint32_t timers)
{
	int rc;

	vm->entry.vm = vm;
	pthread_mutex_lock(&p->lock);
	rc = timers_reserve(&p->timers, p->timers_max + timers);
	if (!rc) {
		p->timers_max += timers;
		p->vms++;
	}
	pthread_mutex_unlock(&p->lock);
	return rc;
}

int poller_reserve(struct ukvmm_poller *p)
{
	int rc;

	pthread_mutex_lock(&p->lock);
	rc = timers_reserve(&p->timers, p->timers_max + 1);
	if (!rc)
		p->timers_max++;
	pthread_mutex_unlock(&p->lock);
	return rc;
}

void poller_entry_unqueue(struct ukvmm_poller *p, struct ukvmm_vm *vm)
{
	struct ukvmm_vm **at = &p->head;

	if (!vm->entry.queued)
		return;
	while (*at != vm)
		at = &(*at)->entry.next;
	*at = vm->entry.next;
	if (!*at)
		p->tail = at;
	vm->entry.queued = false;
}

int poller_leave(struct ukvmm_poller *p, struct ukvmm_vm *vm, struct timer *const *timers, uint32_t n)
{
	pthread_mutex_lock(&p->lock);
	if (p->current == vm && p->dispatching && pthread_equal(p->dispatcher, pthread_self())) {
		pthread_mutex_unlock(&p->lock);
		return -EBUSY;
	}
	while (p->current == vm)
		pthread_cond_wait(&p->left, &p->lock);
	poller_entry_unqueue(p, vm);
	vm->entry.gone = true;
	for (uint32_t i = 0; i < n; i++)
		timers_set(&p->timers, timers[i], 0);
	p->timers_max -= n;
	p->vms--;
	pthread_mutex_unlock(&p->lock);
	return 0;
}

bool poller_entry_queue(struct ukvmm_poller *p, struct ukvmm_vm *vm)
{
	bool wake = !p->head && !p->will_look;

	if (vm->entry.queued || vm->entry.gone)
		return false;
	vm->entry.queued = true;
	vm->entry.next = NULL;
	*p->tail = vm;
	p->tail = &vm->entry.next;
	return wake;
}

/* Ends a locked section. The eventfd is written after it, or who wakes by it runs into the lock. */
static void queue_unlock(struct ukvmm_poller *p, struct ukvmm_vm *vm)
{
	bool wake = poller_entry_queue(p, vm);

	pthread_mutex_unlock(&p->lock);
	if (wake)
		fd_event_set(p->wake);
}

void poller_post(struct ukvmm_poller *p, struct ukvmm_vm *vm, uint32_t type, uint64_t value)
{
	struct poller_entry *e = &vm->entry;

	pthread_mutex_lock(&p->lock);
	if (e->over) { /* nothing comes behind it */
		pthread_mutex_unlock(&p->lock);
		return;
	}
	switch (type) {
	case UKVMM_EV_CONSOLE:
		e->console = true;
		break;
	case UKVMM_EV_RUNNABLE:
		e->runnable |= 1ull << value;
		break;
	case UKVMM_EV_NOTIFY:
		/* A guest that writes faster than anybody listens loses its newest values. */
		if (e->notify_len < NOTIFY_VALUES)
			e->notify[(e->notify_head + e->notify_len++) % NOTIFY_VALUES] = value;
		break;
	case UKVMM_EV_PAUSED:
		e->paused = true;
		break;
	case UKVMM_EV_STOPPED:
		e->stopped = true;
		break;
	case UKVMM_EV_DEVICE_BROKEN:
		e->broken |= 1u << value;
		break;
	}
	queue_unlock(p, vm);
}

void poller_work(struct ukvmm_poller *p, struct ukvmm_vm *vm)
{
	pthread_mutex_lock(&p->lock);
	vm->entry.work = true;
	queue_unlock(p, vm);
}

void poller_timerfd_follow(struct ukvmm_poller *p)
{
	uint64_t next = timers_next(&p->timers);
	struct itimerspec t = { .it_value = { .tv_sec = (time_t)(next / 1000000000u),
					.tv_nsec = (long)(next % 1000000000u) } };

	if (!next || (p->armed && p->armed <= next))
		return;
	p->armed = next;
	timerfd_settime(p->timerfd, TFD_TIMER_ABSTIME, &t, NULL);
}

void poller_arm(struct ukvmm_poller *p, struct timer *timer, uint64_t deadline)
{
	const struct ukvmm_vm *vm = timer->owner;

	pthread_mutex_lock(&p->lock);
	timers_set(&p->timers, timer, vm->entry.gone ? 0 : deadline);
	poller_timerfd_follow(p);
	pthread_mutex_unlock(&p->lock);
}

bool poller_entry_take(struct poller_entry *e, struct ukvmm_event *ev)
{
	*ev = (struct ukvmm_event){ .vm = e->vm, .cookie = e->vm->config.cookie };
	if (e->runnable) {
		ev->type = UKVMM_EV_RUNNABLE;
		ev->value = (uint64_t)__builtin_ctzll(e->runnable);
		e->runnable &= e->runnable - 1;
	} else if (e->notify_len) {
		ev->type = UKVMM_EV_NOTIFY;
		ev->value = e->notify[e->notify_head];
		e->notify_head = (e->notify_head + 1) % NOTIFY_VALUES;
		e->notify_len--;
	} else if (e->console) {
		ev->type = UKVMM_EV_CONSOLE;
		ev->value = console_waiting(&e->vm->console);
		if (e->vm->port1)
			ev->value += console_waiting(&e->vm->port1->out);
		e->console = false;
	} else if (e->broken) {
		ev->type = UKVMM_EV_DEVICE_BROKEN;
		ev->value = (uint64_t)__builtin_ctz(e->broken);
		e->broken &= e->broken - 1;
	} else if (e->paused) {
		ev->type = UKVMM_EV_PAUSED;
		e->paused = false;
	} else if (e->stopped && (!e->work || e->patience++ == STOPPED_WAITS)) {
		/* what the guest left is dealt with first, but others may keep its devices busy for ever */
		ev->type = UKVMM_EV_STOPPED;
		e->stopped = false;
		e->over = true;
	} else {
		return false;
	}
	return true;
}

bool poller_entry_has_event(const struct poller_entry *e)
{
	return e->runnable || e->notify_len || e->console || e->broken || e->paused || e->stopped;
}
