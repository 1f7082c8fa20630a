/* SPDX-License-Identifier: Apache-2.0 */
/* A driver that stops the device in the middle of a copy. */
#include "machine.h"

#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

enum { COPY = 0x4000, STOPPED_AT = 0x2000, PATIENCE = 2000 };

static struct {
	sem_t reached, go;
	uint8_t *page;
} halt;

/* The device's copy has come to the page without access: it waits here, in the middle. */
static void on_fault(int signo, siginfo_t *info, void *context)
{
	(void)context;
	if ((uintptr_t)info->si_addr / MEM_PAGE != (uintptr_t)halt.page / MEM_PAGE) {
		signal(signo, SIG_DFL);
		return;
	}
	sem_post(&halt.reached);
	while (sem_wait(&halt.go))
		;
	mprotect(halt.page, MEM_PAGE, PROT_READ | PROT_WRITE);
}

static void *copying_thread(void *arg)
{
	struct machine *m = arg;
	uint8_t bytes[COPY];

	memset(bytes, 0xee, sizeof bytes);
	while (!atomic_load(&m->over)) {
		struct ukvmm_chain *chain;

		hear(m, &m->kicked);
		if (atomic_exchange(&m->resetting, false))
			virtio_dev_reset_done(m->g.dev);
		chain = pop(&m->g, 0);
		if (!chain)
			continue;
		assert_int_equal(ukvmm_chain_write(chain, bytes, COPY), COPY);
		push(&m->g, 0, chain);
	}
	return NULL;
}

struct stopper {
	struct machine *m;
	uint64_t reg;
	_Atomic bool answered;
	uint8_t last; /* the last byte that the copy reaches, when the register's write returned */
};

static void *stopping_thread(void *arg)
{
	struct stopper *s = arg;

	reg_set(&s->m->g, s->reg, 0);
	s->last = *(uint8_t *)guest_at(&s->m->g, BUFFERS + COPY - 1, 1);
	atomic_store(&s->answered, true);
	return NULL;
}

/* By STATUS or QUEUE_READY: others see at once that the device has stopped, but the one who stopped it
 * goes on only when the copy is over. */
static void stop_in_the_middle(struct machine *m, uint64_t reg)
{
	struct stopper s = { .m = m, .reg = reg };
	pthread_t stopping;

	memset(guest_at(&m->g, BUFFERS, COPY), 0, COPY);
	reg_set(&m->g, REG_QUEUE_SEL, 0);
	halt.page = guest_at(&m->g, BUFFERS + STOPPED_AT, MEM_PAGE);
	assert_int_equal(mprotect(halt.page, MEM_PAGE, PROT_NONE), 0);
	guest_desc(&m->g, 0, 0, BUFFERS, COPY, DESC_WRITE, 0);
	guest_offer(&m->g, 0, 0);
	guest_notify(&m->g, 0);
	while (sem_wait(&halt.reached))
		;
	assert_int_equal(pthread_create(&stopping, NULL, stopping_thread, &s), 0);
	while (reg_get(&m->g, reg))
		sched_yield();
	for (uint32_t i = 0; i < PATIENCE && !atomic_load(&s.answered); i++)
		sched_yield(); /* time to be wrong in */
	sem_post(&halt.go);
	pthread_join(stopping, NULL);
	assert_int_equal(s.last, 0xee);
}

static void memory_is_still_after_a_stop(void **state)
{
	static struct machine m;
	struct sigaction catch = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO }, old;
	pthread_t device;

	(void)state;
	sem_init(&halt.reached, 0, 0);
	sem_init(&halt.go, 0, 0);
	sigaction(SIGSEGV, &catch, &old);
	machine_init(&m, FEATURES_ALL);
	assert_int_equal(pthread_create(&device, NULL, copying_thread, &m), 0);
	for (uint32_t i = 0; i < 8; i++) {
		stop_in_the_middle(&m, i & 1 ? REG_STATUS : REG_QUEUE_READY);
		guest_up(&m.g, 1, SIZE, FEATURES_ALL);
	}
	machine_over(&m, device);
	sigaction(SIGSEGV, &old, NULL);
	machine_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_still_after_a_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
