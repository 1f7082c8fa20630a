/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the header calls "any thread" is called from many at once, on a VM of the fake's whose vCPUs run and whose poller
 * is served. Most of its worth is under ThreadSanitizer; without it, that nothing hangs and each vCPU ends once.
 */
#include "life.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

#include <ukvmm/x86.h>

#include "host.h"

enum { VCPUS = 2, MEDDLERS = 3, ROUNDS = 400, DATA = 4096, SERIAL = 0x3f8, DOORBELL = 0xd0080000 };

struct crowd {
	struct life life;
	struct ukvmm_irq *irq;
	struct ukvmm_vcpu *vcpu[VCPUS];
	sem_t runnable[VCPUS], paused;
	uint32_t last[VCPUS]; /* how often it returned its last stop */
	atomic_uint stops;
};

/* Prints, rings the doorbell, or runs on until a signal; never ends by itself. */
static int guest(void *arg, struct fake_vcpu *vcpu, struct kvm_run *run)
{
	atomic_uint *turn = arg;
	uint32_t n = atomic_fetch_add(turn, 1);

	if (n % 3 == 0) {
		run->exit_reason = KVM_EXIT_INTR;
		return -EINTR;
	}
	if (n % 3 == 1) {
		run->exit_reason = KVM_EXIT_MMIO;
		run->mmio.phys_addr = DOORBELL;
		run->mmio.len = 4;
		run->mmio.is_write = 1;
		memcpy(run->mmio.data, &n, sizeof n);
		return 0;
	}
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = vcpu->index ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.port = SERIAL;
	run->io.size = 1;
	run->io.count = 1;
	run->io.data_offset = DATA;
	((uint8_t *)run)[DATA] = 'x';
	return 0;
}

static void make(struct crowd *c, atomic_uint *turn)
{
	struct ukvmm_vm_config config = { .size = sizeof config, .memory = 4 << 20, .vcpus = VCPUS };
	struct life *l = &c->life;

	life_init(l, &life_kinds[0]);
	l->fake.run = guest;
	l->fake.run_arg = turn;
	assert_int_equal(host_open_on(&l->host, &l->sys, -1, NULL, NULL), 0);
	assert_int_equal(ukvmm_poller_new(l->host, &l->poller, NULL), 0);
	assert_int_equal(ukvmm_image_open(l->host, l->image_fd, -1, NULL, &l->image, NULL), 0);
	assert_int_equal(ukvmm_vm_new(l->poller, "vm", l->image, &config, &l->vm, NULL), 0);
	assert_int_equal(ukvmm_vm_irq(l->vm, "line", &c->irq, NULL), 0);
	assert_int_equal(ukvmm_vm_seal(l->vm, NULL), 0);
	sem_init(&c->paused, 0, 0);
	for (uint32_t i = 0; i < VCPUS; i++) {
		assert_int_equal(ukvmm_vm_vcpu(l->vm, i, &c->vcpu[i]), 0);
		sem_init(&c->runnable[i], 0, 0);
	}
}

static void drop(struct crowd *c)
{
	struct life *l = &c->life;

	assert_int_equal(ukvmm_vm_destroy(l->vm), 0);
	ukvmm_image_unref(l->image);
	assert_int_equal(ukvmm_poller_free(l->poller), 0);
	assert_int_equal(ukvmm_host_close(l->host), 0);
	assert_int_equal(l->fake.live_fds + l->fake.live_maps, 0);
	life_fini(l);
	for (uint32_t i = 0; i < VCPUS; i++)
		sem_destroy(&c->runnable[i]);
	sem_destroy(&c->paused);
}

struct seat {
	struct crowd *crowd;
	uint32_t index;
	pthread_t thread;
};

static void *run_vcpu(void *arg)
{
	const struct ukvmm_limits l = { .size = sizeof l, .slice_ns = 200000 };
	struct seat *seat = arg;
	struct crowd *c = seat->crowd;

	while (!c->last[seat->index]) {
		struct ukvmm_stop stop = { .size = sizeof stop };

		if (ukvmm_vcpu_run(c->vcpu[seat->index], &l, &stop, NULL))
			break;
		if (stop.reason == UKVMM_STOP_STOPPED)
			c->last[seat->index]++;
		else if (stop.reason == UKVMM_STOP_PAUSED)
			sem_wait(&c->runnable[seat->index]);
	}
	return NULL;
}

static void *serve(void *arg)
{
	struct crowd *c = arg;
	struct pollfd p = { .fd = ukvmm_poller_fd(c->life.poller), .events = POLLIN };
	struct ukvmm_event ev[4];

	while (!atomic_load(&c->stops)) {
		int n;

		poll(&p, 1, -1);
		n = ukvmm_poller_run(c->life.poller, ev, 4, 0);
		for (int i = 0; i < n; i++) {
			if (ev[i].type == UKVMM_EV_RUNNABLE)
				sem_post(&c->runnable[ev[i].value]);
			else if (ev[i].type == UKVMM_EV_PAUSED)
				sem_post(&c->paused);
			else if (ev[i].type == UKVMM_EV_STOPPED)
				atomic_fetch_add(&c->stops, 1);
		}
	}
	return NULL;
}

static void look(struct crowd *c)
{
	struct ukvmm_vcpu_stats vcpu = { .size = sizeof vcpu };
	struct ukvmm_host_info host = { .size = sizeof host };
	struct ukvmm_vm_stats vm = { .size = sizeof vm };

	assert_int_equal(ukvmm_vm_stats(c->life.vm, &vm), 0);
	assert_int_equal(ukvmm_vcpu_stats(c->vcpu[0], &vcpu), 0);
	assert_int_equal(ukvmm_vcpu_stats(c->vcpu[1], &vcpu), 0);
	assert_int_equal(ukvmm_host_info(c->life.host, &host), 0);
	assert_int_equal(host.live_vms, 1);
	assert_int_equal(ukvmm_vm_fds(c->life.vm), 1 + VCPUS);
}

/* One thread does, so that what it waits for is not undone by another. `hasty`: before it is reached. */
static void pause_and_resume(struct crowd *c, bool hasty)
{
	assert_int_equal(ukvmm_vm_pause(c->life.vm), 0);
	if (!hasty)
		sem_wait(&c->paused);
	assert_int_equal(ukvmm_vm_resume(c->life.vm), 0);
}

static void *meddle(void *arg)
{
	struct seat *seat = arg;
	struct crowd *c = seat->crowd;
	struct ukvmm_vm *vm = c->life.vm;
	struct ukvmm_kicker *kicker = ukvmm_vcpu_kicker(c->vcpu[seat->index % VCPUS]);
	char buf[64];
	uint64_t lost;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		look(c);
		ukvmm_kick(kicker);
		assert_true(ukvmm_vm_console_read(vm, 0, buf, sizeof buf, &lost) >= 0);
		assert_true(ukvmm_vm_console_write(vm, 0, "in", 2) >= 0);
		assert_int_equal(ukvmm_irq_pulse(c->irq), 0);
		if (!seat->index)
			pause_and_resume(c, i % 8);
	}
	ukvmm_kicker_unref(kicker);
	return NULL;
}

static void all_at_once(void **state)
{
	static struct crowd crowd;
	struct seat vcpu[VCPUS], meddler[MEDDLERS];
	atomic_uint turn = 0;
	pthread_t server;

	(void)state;
	make(&crowd, &turn);
	assert_int_equal(pthread_create(&server, NULL, serve, &crowd), 0);
	for (uint32_t i = 0; i < VCPUS; i++) {
		vcpu[i] = (struct seat){ .crowd = &crowd, .index = i };
		assert_int_equal(pthread_create(&vcpu[i].thread, NULL, run_vcpu, &vcpu[i]), 0);
	}
	for (uint32_t i = 0; i < MEDDLERS; i++) {
		meddler[i] = (struct seat){ .crowd = &crowd, .index = i };
		assert_int_equal(pthread_create(&meddler[i].thread, NULL, meddle, &meddler[i]), 0);
	}
	for (uint32_t i = 0; i < MEDDLERS; i++)
		pthread_join(meddler[i].thread, NULL);
	assert_int_equal(ukvmm_vm_stop(crowd.life.vm), 0);
	for (uint32_t i = 0; i < VCPUS; i++)
		pthread_join(vcpu[i].thread, NULL);
	pthread_join(server, NULL);
	for (uint32_t i = 0; i < VCPUS; i++)
		assert_int_equal(crowd.last[i], 1);
	assert_int_equal(crowd.stops, 1);
	print_message("%u runs of the guest\n", turn);
	drop(&crowd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
