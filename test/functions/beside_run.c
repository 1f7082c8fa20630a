/* SPDX-License-Identifier: Apache-2.0 */
#include "beside_run.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include "beside.h"

struct ukvmm_host *run_host;
struct ukvmm_poller *run_poller;

static struct {
	struct beside_vm *vm;
	sem_t go, runnable, out, stopped; /* out: the vCPU has returned its last stop */
} turn;

void run_need(int rc, const struct ukvmm_err *err)
{
	if (rc < 0)
		beside_die("%s(%s): %s", err->call, err->object, err->text);
}

static void *lend(void *unused)
{
	(void)unused;
	ukvmm_host_work(run_host, 0);
	return NULL;
}

static void take_output(struct beside_vm *v)
{
	char drop[512];
	int64_t n;

	do {
		size_t room = OUTPUT - v->said;

		n = ukvmm_vm_console_read(v->vm, 0, room ? v->output + v->said : drop, room ? room : sizeof drop, NULL);
		if (room && n > 0)
			v->said += (size_t)n;
	} while (n > 0);
}

static void *poll_thread(void *unused)
{
	struct pollfd p = { .fd = ukvmm_poller_fd(run_poller), .events = POLLIN };
	struct ukvmm_event ev[16];

	for (;; poll(&p, 1, -1)) {
		int n = ukvmm_poller_run(run_poller, ev, 16, 0);

		for (int i = 0; i < n; i++) {
			if (ev[i].type == UKVMM_EV_RUNNABLE)
				sem_post(&turn.runnable);
			else if (ev[i].type == UKVMM_EV_CONSOLE)
				take_output((struct beside_vm *)(uintptr_t)ev[i].cookie);
			else if (ev[i].type == UKVMM_EV_STOPPED)
				sem_post(&turn.stopped);
		}
	}
	return unused;
}

/* Until its last stop, which nobody may wait for but beside_end. */
static void run_it(struct beside_vm *v)
{
	struct ukvmm_stop stop = { .size = sizeof stop };

	for (;;) {
		int rc = ukvmm_vcpu_run(v->vcpu, NULL, &stop, &v->err);

		if (rc == 0 && (stop.reason == UKVMM_STOP_KICKED || stop.reason == UKVMM_STOP_SLICE))
			continue;
		if (rc < 0 || (stop.reason != UKVMM_STOP_IDLE && stop.reason != UKVMM_STOP_PAUSED))
			break;
		while (sem_wait(&turn.runnable))
			;
	}
	if (!__atomic_load_n(&v->ending, __ATOMIC_ACQUIRE))
		beside_die("the guest ended (reason %u, value %llu): %s", stop.reason, (unsigned long long)stop.value, v->output);
}

static void *vcpu_thread(void *unused)
{
	for (;;) {
		while (sem_wait(&turn.go))
			;
		run_it(turn.vm);
		sem_post(&turn.out);
	}
	return unused;
}

static void thread(void *(*body)(void *))
{
	pthread_t id;

	if (pthread_create(&id, NULL, body, NULL))
		beside_die("pthread_create");
	pthread_detach(id);
}

void run_open(void)
{
	struct ukvmm_err err = { .size = sizeof err };

	if (run_host)
		return;
	if (access("/dev/kvm", R_OK | W_OK))
		beside_skip("no usable /dev/kvm");
	run_need(ukvmm_host_open(&run_host, -1, NULL, &err), &err);
	run_need(ukvmm_poller_new(run_host, &run_poller, &err), &err);
	sem_init(&turn.go, 0, 0);
	sem_init(&turn.runnable, 0, 0);
	sem_init(&turn.out, 0, 0);
	sem_init(&turn.stopped, 0, 0);
	thread(lend);
	thread(poll_thread);
	thread(vcpu_thread);
}

void run_begin(struct beside_vm *v)
{
	turn.vm = v;
	sem_post(&turn.go);
}

void run_end(struct beside_vm *v)
{
	__atomic_store_n(&v->ending, 1, __ATOMIC_RELEASE);
	ukvmm_vm_stop(v->vm);
	while (sem_wait(&turn.out))
		;
	while (sem_wait(&turn.stopped))
		;
}
