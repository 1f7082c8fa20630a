/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a worker does, its control gets events in their order, one death, and nothing is left. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "impostor.h"
#include "worker.h"

enum { PATIENCE_MS = 100000 };

const char report_program[] = "test";

static struct worker_event event;

static int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static struct worker *begin(enum harm harm)
{
	/* any descriptor will do for /dev/kvm: nobody uses it */
	struct worker_config config = { .kvm_fd = 0, .memory = harm, .vcpus = 1 };
	struct worker *w = NULL;

	assert_int_equal(worker_new(&config, &w, NULL), 0);
	assert_true(worker_pid(w) > 0);
	return w;
}

static enum worker_event_type next(struct worker *w)
{
	struct pollfd p = { .fd = worker_fd(w), .events = POLLIN };

	while (!worker_next(w, &event))
		assert_true(poll(&p, 1, PATIENCE_MS) > 0);
	return event.type;
}

static void start(struct worker *w)
{
	struct worker_job job;

	worker_job_init(&job);
	job.config.image_fd = 0;
	assert_int_equal(next(w), WORKER_READY);
	assert_int_equal(worker_start(w, &job, NULL), 0);
	/* one job each */
	assert_int_equal(worker_start(w, &job, NULL), -EBADFD);
}

static void dies(struct worker *w, enum worker_cause cause, int number, int status)
{
	char text[128] = "";

	assert_int_equal(next(w), WORKER_DEAD);
	assert_int_equal(event.death.cause, cause);
	assert_int_equal(event.death.number, number);
	assert_int_equal(event.death.status, status);
	worker_death_text(&event.death, text, sizeof text);
	assert_true(strlen(text) > 10);
	/* once */
	assert_int_equal(worker_next(w, &event), 0);
	assert_int_equal(worker_pid(w), 0);
}

struct leaks {
	int fds;
};

static int before(void **state)
{
	static struct leaks l;

	l.fds = open_fds();
	*state = &l;
	return 0;
}

static int after(void **state)
{
	const struct leaks *l = *state;

	/* no descriptor, no child, not even a zombie */
	return open_fds() != l->fds || waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD;
}

static void a_worker_that_lies(enum harm harm, bool ready)
{
	struct worker *w = begin(harm);

	if (ready)
		assert_int_equal(next(w), WORKER_READY);
	dies(w, CAUSE_LIES, 0, 125);
	assert_false(event.death.done);
	worker_free(w);
}

static void lies_are_the_end_of_a_worker(void **state)
{
	(void)state;
	a_worker_that_lies(HARM_FLOOD, true);
	a_worker_that_lies(HARM_STOPPED, false);
	a_worker_that_lies(HARM_GARBAGE, false);
	a_worker_that_lies(HARM_LONG, false);
	a_worker_that_lies(HARM_FDS, false);
}

static void one_that_hangs_up_is_killed(void **state)
{
	struct worker *w;

	(void)state;
	w = begin(HARM_HANG_UP);
	dies(w, CAUSE_SIGNAL, SIGKILL, 128 + SIGKILL);
	worker_free(w);
	w = begin(HARM_EMPTY);
	dies(w, CAUSE_SIGNAL, SIGKILL, 128 + SIGKILL);
	worker_free(w);
}

static void an_end_is_told_with_its_cause(void **state)
{
	static const struct {
		enum harm harm;
		enum worker_cause cause;
		int number, status;
	} ends[] = {
		{ HARM_EXIT, CAUSE_EXIT, 0, 125 },
		{ HARM_EXIT_7, CAUSE_EXIT, 7, 125 },
		{ HARM_SEGV, CAUSE_SIGNAL, SIGSEGV, 128 + SIGSEGV },
		{ HARM_SYS, CAUSE_SIGNAL, SIGSYS, 128 + SIGSYS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		struct worker *w = begin(ends[i].harm);

		dies(w, ends[i].cause, ends[i].number, ends[i].status);
		worker_free(w);
	}
}

static void one_that_stalls_is_waited_for_by_nobody(void **state)
{
	struct worker *w = begin(HARM_STALL);
	struct pollfd p = { .fd = worker_fd(w), .events = POLLIN };

	(void)state;
	assert_int_equal(worker_next(w, &event), 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(worker_start(w, &(struct worker_job){ 0 }, NULL), -EBADFD);
	worker_kill(w);
	worker_kill(w);
	dies(w, CAUSE_KILLED, SIGKILL, 128 + SIGKILL);
	worker_free(w);
	/* or at once */
	worker_free(begin(HARM_STALL));
	worker_free(NULL);
}

/* It reads nothing: what we say to it fills its socket and fails, and does not wait. */
static void one_that_is_deaf_blocks_nobody(void **state)
{
	struct worker *w = begin(HARM_DEAF);
	struct worker_job job;
	int rc, told = 0;

	(void)state;
	worker_job_init(&job);
	job.config.image_fd = 0;
	assert_int_equal(next(w), WORKER_READY);
	assert_int_equal(worker_start(w, &job, NULL), 0);
	do
		rc = worker_resize(w, 80, 25);
	while (rc == 0 && ++told < 1000000);
	assert_int_equal(rc, -EAGAIN);
	assert_int_equal(worker_stop(w), -EAGAIN);
	worker_free(w);
}

static void a_flood_comes_one_by_one(void **state)
{
	struct worker *w = begin(HARM_NOTIFY), *other;

	(void)state;
	start(w);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(next(w), WORKER_NOTIFY);
	/* nobody else notices */
	other = begin(HARM_GOOD);
	start(other);
	assert_int_equal(next(other), WORKER_STOPPED);
	dies(other, CAUSE_EXIT, 0, 0);
	assert_true(event.death.done);
	worker_free(other);
	worker_kill(w);
	while (next(w) == WORKER_NOTIFY)
		;
	assert_int_equal(event.type, WORKER_DEAD);
	worker_free(w);
}

static void nothing_is_heard_after_the_end(void **state)
{
	struct worker *w = begin(HARM_STOPPED_TWICE);

	(void)state;
	start(w);
	assert_int_equal(next(w), WORKER_STOPPED);
	dies(w, CAUSE_LIES, 0, 125);
	worker_free(w);
}

/* From no room at all to just enough: it fails whole, or it works. */
static void without_descriptors_it_fails_whole(void **state)
{
	struct worker_config config = { .kvm_fd = 0, .memory = HARM_GOOD };
	struct rlimit was, is;
	struct worker *w = NULL;
	struct ukvmm_err err;
	int used = open_fds(), rc = -1, room;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	for (room = 0; room < 40 && rc < 0; room++) {
		is = (struct rlimit){ (rlim_t)(used - 3 + room), was.rlim_max };
		err = (struct ukvmm_err){ .size = sizeof err };
		setrlimit(RLIMIT_NOFILE, &is);
		rc = worker_new(&config, &w, &err);
		setrlimit(RLIMIT_NOFILE, &was);
		if (rc < 0) {
			assert_int_equal(rc, err.code);
			assert_true(err.call[0] && err.text[0]);
			assert_int_equal(open_fds(), used);
		}
	}
	/* there were ways to fail */
	assert_true(room > 3 && rc == 0);
	start(w);
	assert_int_equal(next(w), WORKER_STOPPED);
	worker_free(w);
}

static void a_signal_that_is_ignored_does_not_lose_a_death(void **state)
{
	struct worker *w;

	(void)state;
	signal(SIGCHLD, SIG_IGN);
	w = begin(HARM_EXIT_7);
	assert_int_equal(next(w), WORKER_DEAD);
	assert_int_equal(event.death.status, 125);
	worker_free(w);
	signal(SIGCHLD, SIG_DFL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, before, after)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(lies_are_the_end_of_a_worker),
		TEST(one_that_hangs_up_is_killed),
		TEST(an_end_is_told_with_its_cause),
		TEST(one_that_stalls_is_waited_for_by_nobody),
		TEST(one_that_is_deaf_blocks_nobody),
		TEST(a_flood_comes_one_by_one),
		TEST(nothing_is_heard_after_the_end),
		TEST(without_descriptors_it_fails_whole),
		TEST(a_signal_that_is_ignored_does_not_lose_a_death),
	};

	impostor_main_if_worker(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
