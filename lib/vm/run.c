/* SPDX-License-Identifier: Apache-2.0 */
/* The convenience above the library: public calls only, and the only threads. */
#include <ukvmm/run.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "export.h"
#include "structs.h"
#include "vm.h"

/* How often a vCPU is looked at for a halt that nothing will end. */
#define SLICE_NS 20000000u

struct runner {
	struct ukvmm_vm *vm;
	pthread_mutex_t lock;
	pthread_cond_t again;
	uint64_t runnable; /* a bit a vCPU */
	struct ukvmm_stop first; /* what ended the VM; reason 0: nothing yet */
	struct ukvmm_err err;
	int rc;
};

struct runner_cpu {
	struct runner *runner;
	struct ukvmm_vcpu *vcpu;
	uint32_t index;
	pthread_t thread;
};

static void wait_runnable(struct runner_cpu *c)
{
	struct runner *r = c->runner;

	pthread_mutex_lock(&r->lock);
	while (!(r->runnable >> c->index & 1))
		pthread_cond_wait(&r->again, &r->lock);
	r->runnable &= ~(1ull << c->index);
	pthread_mutex_unlock(&r->lock);
}

/* The first one that is not merely "another vCPU ended it" counts. */
static void note(struct runner *r, int rc, const struct ukvmm_stop *stop, const struct ukvmm_err *err)
{
	pthread_mutex_lock(&r->lock);
	if (!r->first.reason && !r->rc && (rc < 0 || stop->reason != UKVMM_STOP_STOPPED)) {
		r->rc = rc < 0 ? rc : 0;
		r->first = *stop;
		r->err = *err;
	}
	pthread_mutex_unlock(&r->lock);
}

static void *cpu_thread(void *arg)
{
	const struct ukvmm_limits limits = { .size = sizeof limits, .slice_ns = SLICE_NS };
	struct runner_cpu *c = arg;
	struct runner *r = c->runner;

	for (;;) {
		struct ukvmm_stop stop = { .size = sizeof stop };
		struct ukvmm_err err = { .size = sizeof err };
		int rc = ukvmm_vcpu_run(c->vcpu, &limits, &stop, &err);

		switch (rc < 0 ? 0 : stop.reason) {
		case UKVMM_STOP_SLICE:
		case UKVMM_STOP_KICKED:
			break;
		case UKVMM_STOP_IDLE:
		case UKVMM_STOP_PAUSED:
			wait_runnable(c);
			break;
		case UKVMM_STOP_TRAP: /* nobody here who could answer it */
			note(r, 0, &stop, &err);
			ukvmm_vcpu_answer(c->vcpu, ~0ull);
			ukvmm_vm_stop(r->vm);
			break;
		default:
			note(r, rc, &stop, &err);
			return NULL;
		}
	}
}

static void take_output(struct ukvmm_vm *vm, struct ukvmm_capture *cap)
{
	char drop[4096];
	uint64_t lost;
	int64_t n;

	do {
		bool room = cap->buf && cap->used < cap->len;

		n = ukvmm_vm_console_read(vm, 0, room ? cap->buf + cap->used : drop,
			room ? cap->len - cap->used : sizeof drop, &lost);
		cap->lost += lost;
		if (n > 0 && room)
			cap->used += (uint64_t)n;
		else if (n > 0)
			cap->lost += (uint64_t)n;
	} while (n > 0);
}

/* Rounded up: a deadline must not be missed by waking before it. */
static int wait_ms(uint64_t deadline)
{
	uint64_t now = ukvmm_now(), ms;

	if (!deadline)
		return -1;
	if (deadline <= now)
		return 0;
	ms = (deadline - now + 999999) / 1000000;
	return ms < 1000000 ? (int)ms : 1000000;
}

static void runnable(struct runner *r, uint64_t index)
{
	pthread_mutex_lock(&r->lock);
	r->runnable |= 1ull << index;
	pthread_cond_broadcast(&r->again);
	pthread_mutex_unlock(&r->lock);
}

static void poll_until_stopped(struct runner *r, uint64_t deadline, struct ukvmm_capture *cap)
{
	const struct ukvmm_stop late = { .reason = UKVMM_STOP_DEADLINE };
	struct pollfd p = { .fd = ukvmm_poller_fd(r->vm->poller), .events = POLLIN };
	struct ukvmm_event ev[16];

	for (;;) {
		int n;

		poll(&p, 1, wait_ms(deadline));
		if (deadline && ukvmm_now() >= deadline) {
			note(r, 0, &late, &r->err);
			ukvmm_vm_stop(r->vm);
			deadline = 0;
		}
		n = ukvmm_poller_run(r->vm->poller, ev, 16, 0);
		for (int i = 0; i < n; i++) {
			if (ev[i].type == UKVMM_EV_RUNNABLE)
				runnable(r, ev[i].value);
			else if (ev[i].type == UKVMM_EV_CONSOLE)
				take_output(r->vm, cap);
			else if (ev[i].type == UKVMM_EV_STOPPED)
				return;
		}
	}
}

/* With all signals blocked in the new threads. Returns how many run; *rc says why not all. */
static uint32_t start(struct runner *r, struct runner_cpu *cpu, int *rc)
{
	sigset_t all, mask;
	uint32_t i;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &mask);
	for (i = 0; i < r->vm->vcpus; i++) {
		cpu[i] = (struct runner_cpu){ .runner = r, .index = i, .vcpu = &r->vm->vcpu[i] };
		*rc = -pthread_create(&cpu[i].thread, NULL, cpu_thread, &cpu[i]);
		if (*rc)
			break;
	}
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	return i;
}

static void run_all(struct runner *r, struct runner_cpu *cpu, uint64_t deadline, struct ukvmm_capture *cap)
{
	const struct ukvmm_stop none = { 0 };
	struct ukvmm_err err = { .size = sizeof err };
	int rc = 0;
	uint32_t started = start(r, cpu, &rc);

	if (started < r->vm->vcpus) {
		err_set(&err, rc, "pthread_create", r->vm->name, "%s", strerror(-rc));
		note(r, rc, &none, &err);
		ukvmm_vm_stop(r->vm);
		/* those without a thread come back through this one */
		for (uint32_t i = started; i < r->vm->vcpus; i++)
			cpu_thread(&cpu[i]);
	}
	poll_until_stopped(r, deadline, cap);
	for (uint32_t i = 0; i < started; i++)
		pthread_join(cpu[i].thread, NULL);
	take_output(r->vm, cap);
}

/* One that has ended tells nobody so again: whoever waited for it would wait for ever. */
static const char *not_runnable(struct ukvmm_vm *vm)
{
	enum vm_state state;

	pthread_mutex_lock(&vm->lock);
	state = vm->state;
	pthread_mutex_unlock(&vm->lock);
	return state == VM_NEW ? "the VM is not sealed" : state == VM_ENDED ? "the VM has ended" : NULL;
}

UKVMM_API int ukvmm_vm_run(struct ukvmm_vm *vm, uint64_t deadline, struct ukvmm_capture *capture,
	struct ukvmm_stop *stop, struct ukvmm_err *err)
{
	struct runner r = { .vm = vm, .err = { .size = sizeof r.err } };
	struct ukvmm_capture cap;
	struct runner_cpu *cpu;
	int rc = struct_take(&cap, sizeof cap, capture);

	if (rc)
		return err_set(err, rc, "ukvmm_vm_run", vm->name, "bad ukvmm_capture");
	if (not_runnable(vm))
		return err_set(err, -EBADFD, "ukvmm_vm_run", vm->name, "%s", not_runnable(vm));
	cap.used = cap.lost = 0;
	cpu = calloc(vm->vcpus, sizeof *cpu);
	if (!cpu)
		return err_set(err, -ENOMEM, "calloc", vm->name, "out of memory");
	pthread_mutex_init(&r.lock, NULL);
	pthread_cond_init(&r.again, NULL);
	run_all(&r, cpu, deadline, &cap);
	pthread_cond_destroy(&r.again);
	pthread_mutex_destroy(&r.lock);
	free(cpu);
	if (capture)
		struct_give(capture, &cap, sizeof cap);
	if (r.err.code)
		err_set(err, r.err.code, r.err.call, r.err.object, "%s", r.err.text);
	if (r.rc)
		return r.rc;
	return struct_give(stop, &r.first, sizeof r.first);
}
