/* SPDX-License-Identifier: Apache-2.0 */
/* What births have of births before: which cgroup and which network namespace a worker is in, by /proc. */
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
#include <unistd.h>

#include <cmocka.h>

#include "broker.h"
#include "impostor.h"

enum { PATIENCE_MS = 60000, TEXT = 8192 };

const char report_program[] = "test";

static struct worker_event event;

/* A worker that waits for its job, or "" where no cgroup can be had. */
struct born {
	struct worker *worker;
	uint64_t id;
	pid_t pid;
	char net[64], cgroup[TEXT];
};

static struct broker *begin(void)
{
	struct broker_config config = { .kvm_fd = 0 };
	struct broker *b = NULL;

	assert_int_equal(broker_start(&config, &b, NULL), 0);
	return b;
}

static void next(struct worker *w, enum worker_event_type wanted)
{
	struct pollfd p = { .fd = worker_fd(w), .events = POLLIN };

	while (!worker_next(w, &event))
		assert_true(poll(&p, 1, PATIENCE_MS) > 0);
	assert_int_equal(event.type, wanted);
}

static void read_proc(pid_t pid, const char *file, char *text)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = read(fd, text, TEXT - 1);
	text[n > 0 ? n : 0] = '\0';
	close(fd);
}

/* The youngest. */
static pid_t last_child(pid_t pid)
{
	char path[64], text[TEXT], *at;

	snprintf(path, sizeof path, "task/%d/children", pid);
	read_proc(pid, path, text);
	text[strcspn(text, "\n")] = '\0';
	while ((at = strrchr(text, ' ')) && !at[1])
		*at = '\0';
	return (pid_t)atoi(at ? at + 1 : text);
}

static struct born bear(struct broker *b, const char *cgroup, const struct cgroup_limits *limits)
{
	struct worker_config config = { .memory = HARM_GOOD, .vcpus = 1 };
	struct born w = { .net = "" };
	char path[64];
	ssize_t n;

	assert_int_equal(broker_worker(b, &config, cgroup, limits, &w.id, &w.worker, NULL), 0);
	next(w.worker, WORKER_READY);
	w.pid = last_child(last_child(getpid()));
	snprintf(path, sizeof path, "/proc/%d/ns/net", w.pid);
	n = readlink(path, w.net, sizeof w.net - 1);
	assert_true(n > 0);
	w.net[n] = '\0';
	read_proc(w.pid, "cgroup", w.cgroup);
	return w;
}

/* By itself. */
static void ends(struct born *w)
{
	struct worker_job job;

	worker_job_init(&job);
	job.config.image_fd = 0;
	assert_int_equal(worker_start(w->worker, &job, NULL), 0);
	next(w->worker, WORKER_STOPPED);
	next(w->worker, WORKER_DEAD);
	worker_free(w->worker);
}

static void is_killed(struct born *w)
{
	kill(w->pid, SIGKILL);
	next(w->worker, WORKER_DEAD);
	worker_free(w->worker);
}

/* Of this run: another preset's may be beside it. */
static const char *ours(const char *what)
{
	static char names[4][40];
	static unsigned int n;
	char *name = names[n++ % 4];

	snprintf(name, sizeof names[0], "reuse-%d-%s", (int)getpid(), what);
	return name;
}

static bool cgroups_here(void)
{
	struct cgroup *c;

	if (cgroup_make(ours("test"), &c, NULL) < 0)
		return false;
	cgroup_remove(c);
	return true;
}

static void a_network_of_its_own_that_was_another_ones(void **state)
{
	struct broker *b = begin();
	struct born first, second, third;
	char own[64] = "";

	(void)state;
	if (geteuid() != 0) {
		broker_stop(b);
		skip();
	}
	assert_true(readlink("/proc/self/ns/net", own, sizeof own - 1) > 0);
	first = bear(b, NULL, NULL);
	second = bear(b, NULL, NULL);
	assert_string_not_equal(first.net, own);
	assert_string_not_equal(first.net, second.net);
	ends(&first);
	third = bear(b, NULL, NULL);
	assert_string_equal(third.net, first.net);
	first = bear(b, NULL, NULL);
	assert_string_not_equal(first.net, second.net);
	assert_string_not_equal(first.net, third.net);
	is_killed(&second);
	is_killed(&first);
	ends(&third);
	broker_stop(b);
}

static void a_cgroup_of_its_own_that_was_another_ones(void **state)
{
	const struct cgroup_limits small = { .memory = 32 << 20, .tasks = 9 }, large = { .memory = 64 << 20, .tasks = 9 };
	const struct cgroup_limits more = { .tasks = 12 };
	struct broker *b;
	struct born w[4];

	(void)state;
	if (!cgroups_here())
		skip();
	b = begin();
	w[0] = bear(b, ours("0"), &small);
	w[1] = bear(b, ours("1"), &small);
	assert_string_not_equal(w[0].cgroup, w[1].cgroup);
	assert_non_null(strstr(w[0].cgroup, ours("0")));
	assert_non_null(strstr(w[1].cgroup, ours("1")));
	ends(&w[0]);
	w[2] = bear(b, ours("2"), &large);
	assert_non_null(strstr(w[2].cgroup, ours("2")));
	w[3] = bear(b, ours("3"), &small);
	assert_string_equal(w[3].cgroup, w[0].cgroup);
	/* what was killed may have been for its memory, what was changed is not what it was made for */
	is_killed(&w[3]);
	assert_int_equal(broker_limit(b, w[1].id, &more, NULL), 0);
	ends(&w[1]);
	w[3] = bear(b, ours("4"), &small);
	assert_non_null(strstr(w[3].cgroup, ours("4")));
	ends(&w[2]);
	w[2] = bear(b, ours("5"), &large);
	assert_non_null(strstr(w[2].cgroup, ours("2")));
	ends(&w[2]);
	ends(&w[3]);
	broker_stop(b);
}

/* What is kept goes with the broker: names are free again. */
static void nothing_is_left(void **state)
{
	const struct cgroup_limits limits = { .tasks = 9 };
	struct broker *b;
	struct cgroup *c;
	struct born w;

	(void)state;
	if (!cgroups_here())
		skip();
	b = begin();
	w = bear(b, ours("6"), &limits);
	ends(&w);
	assert_int_equal(cgroup_make(ours("6"), &c, NULL), -EBUSY);
	broker_stop(b);
	assert_int_equal(cgroup_make(ours("6"), &c, NULL), 0);
	cgroup_remove(c);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_of_its_own_that_was_another_ones),
		cmocka_unit_test(a_cgroup_of_its_own_that_was_another_ones),
		cmocka_unit_test(nothing_is_left),
	};

	impostor_main_if_worker(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
