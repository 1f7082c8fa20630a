/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real workers, as root and as an ordinary user in one run: what they have around them, and that nothing is left of one
 * whose control is killed at any moment of its making. Whoever is orphaned becomes our child.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "walls.h"
#include "worker.h"

enum { KILLS = 200, PATIENCE_MS = 100000, NOBODY = 65534, MEMORY = 16 << 20, SKIPPED = 77 };

const char report_program[] = "test";

static struct worker_event event;
static int tests, failed, kvm, image, program; /* program 0: this one */

static void result(bool good, const char *who, const char *what)
{
	printf("%sok %d - %s: %s\n", good ? "" : "not ", ++tests, who, what);
	fflush(stdout);
	failed |= !good;
}

static bool next(struct worker *w, enum worker_event_type type)
{
	struct pollfd p = { .fd = worker_fd(w), .events = POLLIN };
	char text[128];

	while (!worker_next(w, &event))
		if (poll(&p, 1, PATIENCE_MS) <= 0)
			return false;
	if (event.type == WORKER_DEAD && type != WORKER_DEAD) {
		worker_death_text(&event.death, text, sizeof text);
		printf("# %s\n", text);
	}
	if (event.type == WORKER_FAILED)
		printf("# %s(%s): %s\n", event.message.failed.err.call, event.message.failed.err.object,
			event.message.failed.err.text);
	return event.type == type;
}

static struct worker *begin(void)
{
	struct worker_config config = { .kvm_fd = kvm, .program = program, .memory = MEMORY, .vcpus = 1 };
	struct worker *w = NULL;

	return worker_new(&config, &w, NULL) == 0 ? w : NULL;
}

static int give(struct worker *w)
{
	struct worker_job job;

	worker_job_init(&job);
	strcpy(job.config.name, "birth");
	job.config.memory = MEMORY;
	job.config.image_fd = image;
	return worker_start(w, &job, NULL);
}

static void tell_walls(const char *who, const struct message_ready *r)
{
	for (uint32_t wall = 1; wall & WALL_ALL; wall <<= 1)
		if (!(r->walls & wall))
			printf("# %s: without %s%s\n", who, worker_wall_name(wall),
				r->missing & wall ? ", which is not possible here" : "");
}

static void lives(const char *who)
{
	struct worker *w = begin();
	bool good = w && next(w, WORKER_READY);

	result(good, who, "a worker gets ready");
	if (good)
		tell_walls(who, &event.message.ready);
	good = good && give(w) == 0 && next(w, WORKER_STOPPED);
	result(good && event.message.stopped.stop.reason == UKVMM_STOP_POWEROFF, who, "its guest runs to its end");
	result(good && event.message.stopped.stats.vcpus.exits > 0, who, "with its figures");
	good = good && next(w, WORKER_DEAD);
	result(good && event.death.done && event.death.status == 0, who, "and so does the worker");
	worker_free(w);
}

/* Makes workers and gives them jobs until it is killed. */
static void make_for_ever(void)
{
	struct worker *w;

	for (;;) {
		w = begin();
		if (w && next(w, WORKER_READY) && give(w) == 0)
			next(w, WORKER_STOPPED);
		worker_free(w);
	}
}

static bool all_gone(void)
{
	struct timespec tick = { .tv_nsec = 1000000 };
	pid_t pid;

	for (int ms = 0; ms < PATIENCE_MS; ms++) {
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (pid < 0)
			return errno == ECHILD;
		nanosleep(&tick, NULL);
	}
	return false;
}

/* From before the first system call of the making to well into the guest's life. */
static void killed(const char *who)
{
	unsigned int seed = 1;
	int i;

	for (i = 0; i < KILLS; i++) {
		struct timespec point = { .tv_nsec = rand_r(&seed) % 4000000 };
		pid_t pid = fork();

		if (pid == 0)
			make_for_ever();
		nanosleep(&point, NULL);
		kill(pid, SIGKILL);
		if (!all_gone())
			break;
	}
	result(i == KILLS, who, "200 controls were killed, and nothing is left of their workers");
}

static void all(const char *who)
{
	lives(who);
	killed(who);
}

/* Another program than this one, which is opened before and not by name. */
static bool is_small(struct worker *w)
{
	char path[32], name[512] = "";

	snprintf(path, sizeof path, "/proc/%d/exe", (int)worker_pid(w));
	return readlink(path, name, sizeof name - 1) > 0 && strcmp(name, WORKER_PROGRAM) == 0;
}

static void by_program(void)
{
	static const char who[] = "ukvmm-worker";
	struct worker *w;

	program = open(WORKER_PROGRAM, O_RDONLY | O_CLOEXEC);
	lives(who);
	w = begin();
	result(w && next(w, WORKER_READY) && is_small(w), who, "it is what runs");
	worker_free(w);
	close(program);
	program = open("/dev/null", O_RDONLY | O_CLOEXEC);
	w = begin();
	result(w && next(w, WORKER_DEAD) && event.death.cause == CAUSE_EXIT, who, "what is no program is a death");
	worker_free(w);
	close(program);
	program = 0;
}

static int as_user(void)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_CHILD_SUBREAPER, 1);
		if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
			_exit(99);
		all("ordinary user");
		fflush(stdout);
		_exit(failed ? 1 : 0);
	}
	tests += 5;
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	worker_main_if_worker(argc, argv);
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	image = open(HELLO_IMAGE, O_RDONLY | O_CLOEXEC);
	if (kvm < 0) {
		printf("1..0 # SKIP /dev/kvm: %s\n", strerror(errno));
		return SKIPPED;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	all(geteuid() == 0 ? "root" : "ordinary user");
	by_program();
	if (geteuid() == 0)
		failed |= as_user();
	printf("1..%d\n", tests);
	return failed;
}
