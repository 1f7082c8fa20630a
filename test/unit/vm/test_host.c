/* SPDX-License-Identifier: Apache-2.0 */
/* The host's jobs, pools and counts, over the fake. */
#include "life.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine.h"
#include "host.h"
#include "kicker.h"
#include "lineage.h"

enum { MANY = 100, WAITING = 64 };

struct counted {
	struct job job;
	uint32_t *ran;
	uint32_t order;
};

static void count(struct job *job)
{
	struct counted *c = (struct counted *)job;

	c->order = (*c->ran)++;
}

static int setup(void **state)
{
	static struct life l;

	life_init(&l, &life_kinds[0]);
	*state = &l;
	return host_open_on(&l.host, &l.sys, -1, NULL, NULL);
}

static int teardown(void **state)
{
	struct life *l = *state;
	int rc = ukvmm_host_close(l->host);

	rc = rc ? rc : (int)(l->fake.live_fds + l->fake.live_maps);
	life_fini(l);
	return rc;
}

/* VMs of a child that has its host from a fork are kicked there, and those of its parent are not. */
static void a_host_from_a_fork_is_the_childs(void **state)
{
	struct life *l = *state;
	struct ukvmm_kicker *k;
	sigset_t saved;
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		k = kicker_new(l->host->kick_signal, host_process(l->host, NULL));
		kicker_enter(k, gettid(), &saved);
		ukvmm_kick(k);
		_exit(kicker_take_signals(k) && lineage_pid(k->process) == getpid() ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(lineage_pid(host_process(l->host, NULL)), getpid());
}

static uint32_t queued(struct life *l)
{
	struct ukvmm_host_info info = { .size = sizeof info };

	assert_int_equal(ukvmm_host_info(l->host, &info), 0);
	return info.queued_jobs;
}

static uint32_t pooled(struct life *l)
{
	struct ukvmm_host_info info = { .size = sizeof info };

	assert_int_equal(ukvmm_host_info(l->host, &info), 0);
	return info.pooled_shells;
}

static void jobs_wait_for_a_worker_but_not_without_bound(void **state)
{
	static struct counted job[MANY];
	struct life *l = *state;
	uint32_t ran = 0;

	for (uint32_t i = 0; i < MANY; i++) {
		job[i] = (struct counted){ .job.run = count, .ran = &ran };
		host_queue(l->host, &job[i].job);
		assert_int_equal(ran, i < WAITING ? 0 : i + 1 - WAITING);
	}
	assert_int_equal(queued(l), WAITING);
	assert_int_equal(ukvmm_host_work(l->host, 1), WAITING);
	assert_int_equal(ran, MANY);
	assert_int_equal(queued(l), 0);
	for (uint32_t i = 1; i < WAITING; i++) /* first come, first served */
		assert_int_equal(job[i].order, job[i - 1].order + 1);
}

static void *work(void *arg)
{
	struct life *l = arg;

	return (void *)(intptr_t)ukvmm_host_work(l->host, 0);
}

static void stop_ends_every_worker(void **state)
{
	struct counted job = { .job.run = count };
	struct life *l = *state;
	pthread_t worker[3];
	uint32_t ran = 0;
	intptr_t total = 0;

	job.ran = &ran;
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&worker[i], NULL, work, l), 0);
	host_queue(l->host, &job.job);
	ukvmm_host_stop(l->host);
	for (int i = 0; i < 3; i++) {
		void *n;

		pthread_join(worker[i], &n);
		total += (intptr_t)n;
	}
	host_drain(l->host); /* all workers may have seen the stop before the job */
	assert_int_equal(ran, 1);
	assert_true(total <= 1);
}

/* A disk whose guest never rests. */
struct restless {
	struct job job;
	struct ukvmm_host *host;
	uint64_t until; /* 0: ends the work by a stop instead */
	uint32_t ran;
};

static void run_again(struct job *job)
{
	enum { ENDS = 3, MOST = 1000 };
	struct restless *r = (struct restless *)job;

	r->ran++;
	if (r->ran == ENDS && !r->until)
		ukvmm_host_stop(r->host);
	while (r->ran == ENDS && ukvmm_now() < r->until)
		sched_yield();
	if (r->ran < MOST)
		host_queue(r->host, job);
}

static void work_ends_between_two_jobs(void **state)
{
	struct life *l = *state;
	struct restless r = { .job.run = run_again, .host = l->host, .until = ukvmm_now() + 20000000 };

	host_queue(l->host, &r.job);
	assert_in_range(ukvmm_host_work(l->host, r.until), 1, 3);
	r.until = 0;
	r.ran = 0;
	assert_int_equal(ukvmm_host_work(l->host, 0), 3);
	assert_int_equal(r.ran, 3);
	host_drain(l->host);
}

static void pools_grow_shrink_and_go(void **state)
{
	struct ukvmm_vm_config c = { .size = sizeof c, .memory = 4 << 20 };
	struct ukvmm_err err = { .size = sizeof err };
	struct life *l = *state;
	uint32_t bare = l->fake.live_fds;

	assert_int_equal(ukvmm_host_prepare(l->host, &c, 5, &err), 0);
	assert_int_equal(pooled(l), 5);
	assert_int_equal(l->fake.live_fds, bare + 10);
	c.memory = 8 << 20;
	c.vcpus = 3;
	assert_int_equal(ukvmm_host_prepare(l->host, &c, 2, &err), 0);
	assert_int_equal(pooled(l), 7);
	assert_int_equal(ukvmm_host_prepare(l->host, &c, 0, &err), 0);
	assert_int_equal(pooled(l), 5);
	assert_int_equal(l->fake.live_fds, bare + 10);
	c.memory = 1;
	assert_int_equal(ukvmm_host_prepare(l->host, &c, 1, &err), -EINVAL);
	assert_int_equal(pooled(l), 5);
}

struct gate {
	struct job job;
	sem_t in, out;
};

static void wait_at(struct job *job)
{
	struct gate *g = (struct gate *)job;

	sem_post(&g->in);
	sem_wait(&g->out);
}

/* The one worker is busy: what makes up for a shell that was taken waits, and is one job however many are taken. */
static void a_refill_that_waits_is_not_queued_again(void **state)
{
	const struct ukvmm_vm_config c = { .size = sizeof c, .memory = 4 << 20 };
	const struct shell_kind kind = { .memory = 4 << 20, .vcpus = 1, .irqchip = KVM_CHIP_SPLIT };
	struct gate gate = { .job.run = wait_at };
	struct life *l = *state;
	struct shell *a, *b;
	pthread_t worker;

	sem_init(&gate.in, 0, 0);
	sem_init(&gate.out, 0, 0);
	assert_int_equal(pthread_create(&worker, NULL, work, l), 0);
	host_queue(l->host, &gate.job);
	sem_wait(&gate.in);
	assert_int_equal(ukvmm_host_prepare(l->host, &c, 2, NULL), 0);
	a = shell_pool_get(l->host, &kind);
	assert_int_equal(queued(l), 1);
	assert_int_equal(ukvmm_host_prepare(l->host, &c, 2, NULL), 0);
	b = shell_pool_get(l->host, &kind);
	assert_int_equal(queued(l), 1);
	sem_post(&gate.out);
	ukvmm_host_stop(l->host);
	pthread_join(worker, NULL);
	host_drain(l->host);
	assert_int_equal(pooled(l), 2);
	shell_close(a);
	shell_close(b);
}

static void vms_are_counted_and_limited(void **state)
{
	struct life *l = *state;

	l->host->max_vms = 2;
	assert_int_equal(host_count_vm(l->host, 1), 0);
	assert_int_equal(host_count_vm(l->host, 1), 0);
	assert_int_equal(host_count_vm(l->host, 1), -EAGAIN);
	assert_int_equal(ukvmm_host_close(l->host), -EBUSY);
	host_count_vm(l->host, -1);
	assert_int_equal(host_count_vm(l->host, 1), 0);
	host_count_vm(l->host, -1);
	host_count_vm(l->host, -1);
}

static void bad_configs_are_refused(void **state)
{
	struct ukvmm_host_config c = { .size = sizeof c, .kick_signal = 65 };
	struct ukvmm_err err = { .size = sizeof err };
	struct life *l = *state;
	struct ukvmm_host *host;

	assert_int_equal(host_open_on(&host, &l->sys, -1, &c, &err), -EINVAL);
	assert_null(host);
	c.kick_signal = 0xfffffffe;
	assert_int_equal(host_open_on(&host, &l->sys, -1, &c, &err), -EINVAL);
	c.kick_signal = 0;
	c.flags = 2;
	assert_int_equal(host_open_on(&host, &l->sys, -1, &c, &err), -EINVAL);
	assert_string_equal(err.call, "ukvmm_host_open");
	assert_int_equal(ukvmm_host_close(NULL), 0);
}

/* Made at once, or never: a filter that is loaded later would end the process for trying. */
static void the_ring_is_made_now_or_never(void **state)
{
	const struct ukvmm_host_config c = { .size = sizeof c, .flags = UKVMM_HOST_URING };
	struct ukvmm_err err = { .size = sizeof err };
	struct rlimit was, none;
	struct life *l = *state;
	struct ukvmm_host *host;
	struct uring *ring = NULL;
	int rc;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	rc = host_open_on(&host, &l->sys, -1, &c, &err);
	setrlimit(RLIMIT_NOFILE, &was);
	assert_int_equal(rc, 0);
	assert_int_equal(host_ring(host, &ring, &err), -ENOTSUP);
	assert_string_equal(err.call, "io_uring_setup");
	assert_int_equal(ukvmm_host_close(host), 0);

	assert_int_equal(host_open_on(&host, &l->sys, -1, &c, &err), 0);
	rc = host_ring(host, &ring, &err);
	if (rc == 0)
		assert_non_null(ring);
	else
		assert_int_equal(rc, -ENOTSUP);
	assert_int_equal(ukvmm_host_close(host), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_host_from_a_fork_is_the_childs, setup, teardown),
		cmocka_unit_test_setup_teardown(jobs_wait_for_a_worker_but_not_without_bound, setup, teardown),
		cmocka_unit_test_setup_teardown(stop_ends_every_worker, setup, teardown),
		cmocka_unit_test_setup_teardown(pools_grow_shrink_and_go, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refill_that_waits_is_not_queued_again, setup, teardown),
		cmocka_unit_test_setup_teardown(work_ends_between_two_jobs, setup, teardown),
		cmocka_unit_test_setup_teardown(vms_are_counted_and_limited, setup, teardown),
		cmocka_unit_test_setup_teardown(the_ring_is_made_now_or_never, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_configs_are_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
