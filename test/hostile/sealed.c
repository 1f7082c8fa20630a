/* SPDX-License-Identifier: Apache-2.0 */
#include "sealed.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ukvmm/sandbox.h>

#include "birth.h"
#include "filters.h"
#include "walls.h"
#include "worker.h"

const char report_program[] = "hostile";

enum { PATIENCE_MS = 120000, SKIPPED = 77, NO_WALLS = 3, NO_FILTER = 4 };

static const struct filters filters = { .on = true };

static void work_begins(struct ukvmm_host *host)
{
	if (filters_work(&filters, host, NULL) < 0)
		_exit(NO_FILTER);
}

/* A thread that does one thing at a time for the test's. */
struct servant {
	pthread_t thread;
	sem_t go, done;
	int (*enter)(struct ukvmm_host *host);
	struct ukvmm_host *host; /* the first one's; filters know no more of it than the kick signal */
	void (*body)(void *arg);
	void *arg;
};

static void *serve(void *arg)
{
	struct servant *s = arg;

	if (s->enter(s->host) < 0)
		_exit(NO_FILTER);
	for (;;) {
		while (sem_wait(&s->go) < 0)
			;
		s->body(s->arg);
		sem_post(&s->done);
	}
	return NULL;
}

static void ask(struct servant *s, struct ukvmm_host *host, void (*body)(void *arg), void *arg)
{
	if (!s->host) {
		s->host = host;
		if (sem_init(&s->go, 0, 0) < 0 || sem_init(&s->done, 0, 0) < 0 ||
			pthread_create(&s->thread, NULL, serve, s))
			_exit(NO_FILTER);
	}
	s->body = body;
	s->arg = arg;
	sem_post(&s->go);
	while (sem_wait(&s->done) < 0)
		;
}

static bool connects; /* a vsock device of the suite's does that itself, for which a worker's asks its control */

static int enter_io(struct ukvmm_host *host)
{
	const struct ukvmm_sandbox_config config = { .size = sizeof config, .role = UKVMM_ROLE_IO,
		.may = UKVMM_MAY_CONNECT };

	return connects ? ukvmm_sandbox_enter(host, &config, NULL) : filters_io(&filters, host, NULL);
}

static int enter_vcpu(struct ukvmm_host *host)
{
	return filters_vcpu(&filters, host, false, NULL);
}

static void as_io(struct ukvmm_host *host, void (*body)(void *arg), void *arg)
{
	static struct servant io = { .enter = enter_io };

	ask(&io, host, body, arg);
}

/* Devices of other hosts than the first are left to the poller, too. */
static void as_vcpu(struct ukvmm_host *host, void (*body)(void *arg), void *arg)
{
	static struct servant vcpu = { .enter = enter_vcpu };
	static struct ukvmm_host *last;
	static char code[8192];
	const struct ukvmm_sandbox_config config = { .size = sizeof config, .role = UKVMM_ROLE_VCPU };

	if (host != last)
		ukvmm_sandbox_bpf(host, &config, code, sizeof code);
	last = host;
	ask(&vcpu, host, body, arg);
}

/* Walls that are missing here are the control's to tell; those that are there have to stand. */
static void wall_in(const struct message_birth *birth)
{
	struct message_ready ready = { 0 };
	struct message m = { .ready = ready };

	if (walls_build(birth, &ready, NULL) < 0)
		_exit(NO_WALLS);
	m.ready = ready;
	message_send(BIRTH_SOCKET, MESSAGE_READY, &m.ready);
}

void sealed_main_if_worker(int argc, char **argv, const struct CMUnitTest *tests, size_t n,
	const struct subject **subject)
{
	static char room[MESSAGE_BYTES];
	static struct message m;
	int fds[MESSAGE_FDS];
	uint32_t len;

	if (argc != 2 || strcmp(argv[1], BIRTH_WORD) != 0)
		return;
	if (message_await(BIRTH_SOCKET, room, &m, fds, &len) != 1 || m.birth.memory >= n || m.birth.vcpus >= subjects_len)
		_exit(NO_WALLS);
	wall_in(&m.birth);
	*subject = subjects[m.birth.vcpus];
	drive_work_begins = work_begins;
	held_without_proc = true;
	drive_as_io = as_io;
	drive_as_vcpu = as_vcpu;
	connects = strcmp((*subject)->name, "vsock") == 0;
	_exit(_cmocka_run_group_tests("sealed", &tests[m.birth.memory], 1, NULL, NULL) != 0);
}

static uint32_t index_of(const struct subject *subject)
{
	uint32_t i = 0;

	while (subjects[i] != subject)
		i++;
	return i;
}

static struct worker_event event;

static bool next(struct worker *w)
{
	struct pollfd p = { .fd = worker_fd(w), .events = POLLIN };

	while (!worker_next(w, &event))
		if (poll(&p, 1, PATIENCE_MS) <= 0)
			return false;
	return true;
}

/* How it ended, "": well. */
static void run_one(struct worker *w, uint32_t *missing, char *text, size_t len)
{
	snprintf(text, len, "it does not end");
	*missing = 0;
	while (next(w)) {
		if (event.type == WORKER_READY)
			*missing = event.message.ready.missing;
		if (event.type != WORKER_DEAD)
			continue;
		worker_death_text(&event.death, text, len);
		if (event.death.cause == CAUSE_EXIT && event.death.number == 0)
			*text = '\0';
		return;
	}
}

int sealed_run(const struct CMUnitTest *tests, size_t n, const struct subject *subject)
{
	struct worker_config config = { .kvm_fd = open("/dev/null", O_RDWR | O_CLOEXEC), .vcpus = index_of(subject) };
	struct ukvmm_err err = { .size = sizeof err };
	uint32_t failed = 0, missing = 0;
	struct worker *w;
	char text[256];

	for (size_t i = 0; i < n; i++) {
		config.memory = i;
		if (worker_new(&config, &w, &err) < 0) {
			printf("SKIPPED: %s(%s): %s\n", err.call, err.object, err.text);
			return SKIPPED;
		}
		run_one(w, &missing, text, sizeof text);
		worker_free(w);
		failed += *text != '\0';
		printf("%sok %zu - %s%s%s\n", *text ? "not " : "", i + 1, tests[i].name, *text ? ": " : "", text);
	}
	for (uint32_t wall = 1; wall & WALL_ALL; wall <<= 1)
		if (missing & wall)
			printf("# not possible here: %s\n", worker_wall_name(wall));
	printf("1..%zu\n", n);
	close(config.kvm_fd);
	return failed != 0;
}
