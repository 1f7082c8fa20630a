/* SPDX-License-Identifier: Apache-2.0 */
/* Pause, resume and stop while devices become quiet, or never rest. */
#include "../kvm/test.h"

#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <ukvmm/device.h>

#include "drive.h"

enum { MOST = 1000 };

struct quiet {
	struct ukvmm_device *dev;
	struct ukvmm_vm *vm;
	bool resumes, busy, restless, late; /* what it does when asked for quiet, or woken, or its time has come */
	uint32_t asked, woken, fds, timers;
};

static void no_queue(void *ctx, uint32_t q, uint32_t budget)
{
	(void)ctx;
	(void)q;
	(void)budget;
}

static int on_quiesce(void *ctx)
{
	struct quiet *q = ctx;

	if (!q->asked++ && q->resumes) {
		assert_int_equal(ukvmm_vm_resume(q->vm), 0);
		assert_int_equal(ukvmm_vm_pause(q->vm), 0);
	}
	return !q->busy;
}

static void on_woken(void *ctx)
{
	struct quiet *q = ctx;

	q->woken++;
	if (q->restless)
		ukvmm_device_wake(q->dev);
}

static void on_fd(void *ctx, uint64_t tag, uint32_t events)
{
	(void)tag;
	(void)events;
	((struct quiet *)ctx)->fds++;
}

static void on_timer(void *ctx)
{
	struct quiet *q = ctx;

	if (++q->timers < MOST && q->late)
		ukvmm_device_timer(q->dev, 1);
}

static void add(struct drive *d, const char *name, struct quiet *q)
{
	const struct ukvmm_device_ops ops = { .size = sizeof ops, .virtio_id = 63, .queues = 1, .queue_ready = no_queue,
		.quiesce = on_quiesce, .woken = on_woken, .fd_ready = on_fd, .timer = on_timer };

	q->vm = d->vm;
	assert_int_equal(ukvmm_vm_add_device(d->vm, name, &ops, q, &q->dev, NULL), 0);
}

/* Whoever was quiet in the pause before may have begun something since. */
static void every_pause_asks_every_device(void **state)
{
	struct quiet first = { 0 }, second = { .resumes = true };
	struct drive d;

	(void)state;
	drive_init(&d);
	add(&d, "first", &first);
	add(&d, "second", &second);
	drive_seal(&d);
	drive_pause(&d);
	assert_int_equal(first.asked, 2);
	assert_int_equal(second.asked, 2);
	assert_true(first.dev->held && second.dev->held);
	assert_int_equal(ukvmm_vm_resume(d.vm), 0);
	assert_false(first.dev->held || second.dev->held);
	drive_pause(&d);
	assert_int_equal(first.asked, 3);
	drive_fini(&d);
}

/* Else it might begin something, and the pause that waits for another device would find it so. */
static void a_device_that_is_quiet_is_left_alone(void **state)
{
	struct quiet first = { 0 }, second = { .busy = true };
	struct drive d;

	(void)state;
	drive_init(&d);
	add(&d, "first", &first);
	add(&d, "second", &second);
	drive_seal(&d);
	assert_int_equal(ukvmm_vm_pause(d.vm), 0);
	drive_poll(&d);
	assert_int_equal(first.asked + second.asked, 2);
	ukvmm_device_wake(first.dev);
	ukvmm_device_wake(second.dev);
	for (int i = 0; i < 3; i++)
		drive_poll(&d);
	assert_int_equal(first.woken, 0);
	assert_int_equal(second.woken, 1); /* which may be what it waits for */
	assert_false(d.paused);
	ukvmm_device_quiet(second.dev);
	for (int i = 0; i < 3; i++)
		drive_poll(&d);
	assert_true(d.paused);
	assert_int_equal(first.woken, 0);
	assert_int_equal(ukvmm_vm_resume(d.vm), 0);
	for (int i = 0; i < 3; i++)
		drive_poll(&d);
	assert_int_equal(first.woken, 1);
	drive_fini(&d);
}

/* A device that others keep busy, whose guest is long over. */
static void the_end_is_told_however_busy_a_device_is(void **state)
{
	struct quiet q = { .restless = true };
	struct ukvmm_stop stop = { .size = sizeof stop };
	struct ukvmm_event ev[4];
	struct ukvmm_vcpu *vcpu;
	struct drive d;
	uint32_t stopped = 0;

	(void)state;
	drive_init(&d);
	add(&d, "restless", &q);
	drive_seal(&d);
	ukvmm_device_wake(q.dev);
	drive_poll(&d);
	assert_int_equal(ukvmm_vm_stop(d.vm), 0);
	assert_int_equal(ukvmm_vm_vcpu(d.vm, 0, &vcpu), 0);
	assert_int_equal(ukvmm_vcpu_run(vcpu, NULL, &stop, NULL), 0);
	for (int i = 0; i < 1000; i++) {
		int n = ukvmm_poller_run(d.poller, ev, 4, 0);

		for (int e = 0; e < n; e++) {
			assert_int_equal(stopped, 0); /* it is the last */
			stopped += ev[e].type == UKVMM_EV_STOPPED;
		}
	}
	assert_int_equal(stopped, 1);
	drive_fini(&d);
}

static void a_timer_that_is_always_late_has_its_turns(void **state)
{
	struct quiet q = { .late = true };
	struct drive d;

	(void)state;
	drive_init(&d);
	add(&d, "late", &q);
	drive_seal(&d);
	ukvmm_device_timer(q.dev, 1);
	drive_poll(&d);
	assert_int_equal(q.timers, 1);
	drive_poll(&d);
	assert_int_equal(q.timers, 2);
	drive_fini(&d);
}

struct poll_once {
	struct drive *d;
	pthread_t thread;
};

static void *poll_once(void *arg)
{
	drive_poll(((struct poll_once *)arg)->d);
	return NULL;
}

static bool is_inside(struct drive *d)
{
	bool is;

	pthread_mutex_lock(&d->poller->lock);
	is = d->poller->current == d->vm;
	pthread_mutex_unlock(&d->poller->lock);
	return is;
}

/* The poller has found its fd ready, and waits for the turn of who takes the watch away: a vCPU, served inline. */
static void a_watch_that_is_gone_is_not_told(void **state)
{
	struct quiet q = { 0 };
	struct poll_once p;
	struct drive d;
	int fd = eventfd(1, EFD_CLOEXEC);

	(void)state;
	drive_init(&d);
	add(&d, "watches", &q);
	assert_int_equal(ukvmm_device_watch(q.dev, fd, EPOLLIN, 0), 0);
	drive_seal(&d);
	drive_poll(&d);
	assert_int_equal(q.fds, 1);
	pthread_mutex_lock(&q.dev->turn);
	p.d = &d;
	assert_int_equal(pthread_create(&p.thread, NULL, poll_once, &p), 0);
	while (!is_inside(&d))
		sched_yield();
	assert_int_equal(ukvmm_device_watch(q.dev, fd, 0, 0), 0);
	pthread_mutex_unlock(&q.dev->turn);
	pthread_join(p.thread, NULL);
	assert_int_equal(q.fds, 1);
	drive_fini(&d);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pause_asks_every_device),
		cmocka_unit_test(a_device_that_is_quiet_is_left_alone),
		cmocka_unit_test(the_end_is_told_however_busy_a_device_is),
		cmocka_unit_test(a_timer_that_is_always_late_has_its_turns),
		cmocka_unit_test(a_watch_that_is_gone_is_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
