/* SPDX-License-Identifier: Apache-2.0 */
/* A thread a vCPU, the poller's events on this one: what ukvmm_vm_run does, with the case's script
 * in between. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "harness.h"

enum { SLICE_NS = 20000000, SHORT_NS = 2000000, SHORT = 3, EVENTS = 16, CPUS = 8 };

struct cpu {
	struct drive *d;
	struct ukvmm_vcpu *vcpu;
	uint32_t index;
	pthread_t thread;
};

/* A sealed case without a script comes here too. */
static const struct script *script_of(const struct drive *d)
{
	static const struct script none;

	return d->c->script ? d->c->script : &none;
}

static void wait_runnable(struct cpu *c)
{
	struct drive *d = c->d;

	pthread_mutex_lock(&d->lock);
	while (!d->runnable[c->index])
		pthread_cond_wait(&d->wake, &d->lock);
	d->runnable[c->index]--;
	pthread_mutex_unlock(&d->lock);
}

static void keep_trap(struct drive *d, const struct ukvmm_stop *stop)
{
	if (d->traps < sizeof d->trapped / sizeof *d->trapped) {
		uint64_t *t = d->trapped[d->traps];

		t[0] = stop->addr;
		t[1] = stop->width;
		t[2] = stop->flags & UKVMM_STOP_WRITE ? stop->value : ~0ull;
	}
	d->traps++;
}

static void answer(struct cpu *c, const struct ukvmm_stop *stop)
{
	const struct script *s = script_of(c->d);

	keep_trap(c->d, stop);
	ukvmm_vcpu_answer(c->vcpu, s->trap ? s->trap(c->d, stop) : ~0ull);
}

/* The first end counts; that another vCPU ended the VM is one only where there is no other. */
static void ended(
	struct drive *d, int rc, const struct ukvmm_stop *stop, const struct ukvmm_err *err)
{
	pthread_mutex_lock(&d->lock);
	if (!d->rc && (!d->stop.reason || d->stop.reason == UKVMM_STOP_STOPPED)) {
		d->rc = rc < 0 ? rc : 0;
		d->stop = *stop;
		d->err = *err;
	}
	pthread_mutex_unlock(&d->lock);
}

static void *cpu_main(void *arg)
{
	struct cpu *c = arg;
	const struct script *s = script_of(c->d);
	uint32_t left = s->slice ? SHORT : 0;

	drive_enter(c->d, UKVMM_ROLE_VCPU);
	for (;;) {
		const struct ukvmm_limits limits = {.size = sizeof limits, .slice_ns = left ? SHORT_NS : SLICE_NS};
		struct ukvmm_stop stop = {.size = sizeof stop};
		struct ukvmm_err err = {.size = sizeof err};
		int rc = ukvmm_vcpu_run(c->vcpu, &limits, &stop, &err);

		switch (rc < 0 ? 0 : stop.reason) {
		case UKVMM_STOP_SLICE:
			if (left) {
				left--;
				s->slice(c->d);
			}
			break;
		case UKVMM_STOP_KICKED:
			break;
		case UKVMM_STOP_IDLE:
			pthread_mutex_lock(&c->d->lock);
			c->d->idles++;
			pthread_mutex_unlock(&c->d->lock);
			if (s->idle)
				s->idle(c->d);
			wait_runnable(c);
			break;
		case UKVMM_STOP_PAUSED:
			wait_runnable(c);
			break;
		case UKVMM_STOP_TRAP:
			answer(c, &stop);
			break;
		default:
			ended(c->d, rc, &stop, &err);
			return NULL;
		}
	}
}

static void take_output(struct drive *d)
{
	uint64_t lost = 0;
	int64_t n;

	do {
		n = ukvmm_vm_console_read(
			d->vm, 0, d->output + d->used, sizeof d->output - 1 - d->used, &lost);
		d->lost += lost;
		if (n > 0)
			d->used += (uint64_t)n;
	} while (n > 0);
	d->output[d->used] = 0;
	if (script_of(d)->output)
		script_of(d)->output(d);
}

static void make_runnable(struct drive *d, uint64_t index)
{
	pthread_mutex_lock(&d->lock);
	if (index < CPUS)
		d->runnable[index]++;
	pthread_cond_broadcast(&d->wake);
	pthread_mutex_unlock(&d->lock);
}

/* 1 at the VM's last event. */
static int event(struct drive *d, const struct ukvmm_event *e)
{
	const struct script *s = script_of(d);

	switch (e->type) {
	case UKVMM_EV_RUNNABLE:
		make_runnable(d, e->value);
		break;
	case UKVMM_EV_CONSOLE:
		take_output(d);
		break;
	case UKVMM_EV_NOTIFY:
		if (s->notify)
			s->notify(d, e->value);
		break;
	case UKVMM_EV_PAUSED:
		if (s->paused)
			s->paused(d);
		break;
	case UKVMM_EV_STOPPED:
		return 1;
	}
	return 0;
}

static void serve(struct drive *d)
{
	const struct ukvmm_stop late = {.reason = UKVMM_STOP_DEADLINE};
	uint64_t deadline = ukvmm_now() + DEADLINE_S * 1000000000ull;
	struct pollfd p = {.fd = ukvmm_poller_fd(d->poller), .events = POLLIN};
	struct ukvmm_event ev[EVENTS];
	bool over = false;

	while (!over) {
		uint64_t now = ukvmm_now();
		int n;

		if (now >= deadline) {
			ended(d, 0, &late, &d->err);
			ukvmm_vm_stop(d->vm);
			deadline = ~0ull;
		}
		poll(&p, 1, deadline == ~0ull ? -1 : (int)((deadline - now) / 1000000 + 1));
		n = ukvmm_poller_run(d->poller, ev, EVENTS, 0);
		for (int i = 0; i < n; i++)
			over |= event(d, &ev[i]);
	}
	take_output(d);
}

int drive_script(struct drive *d)
{
	uint32_t n = d->c->vcpus ? d->c->vcpus : 1;
	struct cpu cpu[CPUS];

	if (d->sealed == SEALED_THREADS)
		drive_enter(d, UKVMM_ROLE_IO);

	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->wake, NULL);
	for (uint32_t i = 0; i < n; i++) {
		cpu[i] = (struct cpu){.d = d, .index = i};
		if (ukvmm_vm_vcpu(d->vm, i, &cpu[i].vcpu) ||
			pthread_create(&cpu[i].thread, NULL, cpu_main, &cpu[i]))
			return -EAGAIN;
	}
	if (d->sealed != SEALED_THREADS)
		drive_enter(d, UKVMM_ROLE_IO);
	serve(d);
	for (uint32_t i = 0; i < n; i++)
		pthread_join(cpu[i].thread, NULL);
	return d->rc;
}
