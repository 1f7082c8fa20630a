/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real workers, as root and as an ordinary user in one run: what they have around them, and that nothing is left of one
 * whose control is killed at any moment of its making. Whoever is orphaned becomes our child.
 */
#include <dirent.h>
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

#include "broker.h"
#include "cgroup_find.h"
#include "walls.h"
#include "worker.h"

enum { KILLS = 200, PATIENCE_MS = 100000, NOBODY = 65534, MEMORY = 16 << 20, SKIPPED = 77, MAKERS = 6, ROUNDS = 50 };

const char report_program[] = "test";

static struct worker_event event;
static int tests, failed, kvm, image, program; /* program 0: this one */
static char ours[24]; /* cgroups of this run: another preset's may be beside it */

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

/* The same, each in a cgroup of its own. */
static void make_in_cgroups(void)
{
	struct worker_config config = { .kvm_fd = kvm, .memory = MEMORY, .vcpus = 1 };
	struct cgroup_limits limits = { .memory = MEMORY, .cpu_percent = 100, .tasks = 20 };
	struct cgroup *cgroup;
	struct worker *w;
	char name[32];

	snprintf(name, sizeof name, "%s%d", ours, getpid());
	for (;;) {
		if (cgroup_make(name, &cgroup, NULL) < 0)
			continue;
		cgroup_limit(cgroup, &limits, NULL);
		config.cgroup = cgroup;
		w = NULL;
		if (worker_new(&config, &w, NULL) == 0 && next(w, WORKER_READY) && give(w) == 0)
			next(w, WORKER_STOPPED);
		worker_free(w);
		cgroup_remove(cgroup);
	}
}

static int make_some(void)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct cgroup *cgroup;
	char name[32];

	for (int i = 0; i < ROUNDS; i++) {
		snprintf(name, sizeof name, "%s%d-%d", ours, getpid(), i);
		if (cgroup_make(name, &cgroup, &err) < 0) {
			fprintf(stderr, "%s(%s): %s\n", err.call, err.object, err.text);
			return 1;
		}
		cgroup_remove(cgroup);
	}
	return 0;
}

/* Each looks through all of them for what the dead have left. */
static void made_at_once(const char *who)
{
	int status, good = 0, n = 0;

	for (; n < MAKERS; n++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(make_some());
	}
	for (int i = 0; i < n; i++)
		good += wait(&status) > 0 && status == 0;
	result(good == MAKERS, who, "many who make cgroups at the same time do not take each other's");
}

/* The same of a broker's. */
static void make_by_broker(void)
{
	struct broker_config of_broker = { .kvm_fd = kvm };
	struct worker_config config = { .memory = MEMORY, .vcpus = 1 };
	struct cgroup_limits limits = { .memory = MEMORY, .cpu_percent = 100, .tasks = 20 };
	struct broker *b;
	struct worker *w;
	char name[32];
	uint64_t id;

	if (broker_start(&of_broker, &b, NULL) < 0)
		_exit(1);
	snprintf(name, sizeof name, "%s%d", ours, getpid());
	/* until either is killed */
	while (broker_worker(b, &config, name, &limits, &id, &w, NULL) == 0) {
		if (next(w, WORKER_READY) && give(w) == 0)
			next(w, WORKER_STOPPED);
		worker_free(w);
	}
	for (;;)
		pause();
}

/* A process's first child; 0: it has none. */
static pid_t child_of(pid_t pid)
{
	char path[64], text[32] = "";
	int fd;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, text, sizeof text - 1) < 0)
		*text = '\0';
	close(fd);
	return atoi(text);
}

/* Folders of cgroups that those have left whom nobody came after. */
static int folders_left(void)
{
	static struct cgroup_place place;
	char prefix[40];
	int left = 0;

	snprintf(prefix, sizeof prefix, "ukvmm-%s", ours);

	if (cgroup_find(&place) < 0)
		return 0;
	for (int i = 0; i < CGROUP_CONTROLLERS; i++) {
		DIR *dir = place.path[i][0] ? opendir(place.path[i]) : NULL;
		struct dirent *e;

		while (dir && (e = readdir(dir)))
			left += strncmp(e->d_name, prefix, strlen(prefix)) == 0;
		if (dir)
			closedir(dir);
	}
	return left;
}

/* kill_child: every second time it is the broker that goes first. */
static bool kill_at(struct timespec point, void (*make)(void), bool kill_child)
{
	pid_t pid = fork(), child;

	if (pid == 0) {
		/* of what becomes of its workers there is nothing to tell */
		if (freopen("/dev/null", "w", stdout))
			make();
		_exit(1);
	}
	nanosleep(&point, NULL);
	child = kill_child ? child_of(pid) : 0;
	if (child > 0)
		kill(child, SIGKILL);
	kill(pid, SIGKILL);
	return all_gone();
}

static void killed_in_cgroups(const char *who)
{
	struct cgroup *last;
	unsigned int seed = 2;
	char name[40];
	int i, k;

	snprintf(name, sizeof name, "%sends", ours);
	if (cgroup_make(name, &last, NULL) < 0) {
		printf("# %s: no cgroups to be had here\n", who);
		result(true, who, "SKIP: nobody makes cgroups");
		result(true, who, "SKIP: controls and brokers with cgroups are not killed");
		return;
	}
	cgroup_remove(last);
	made_at_once(who);
	for (i = 0, k = 0; i < KILLS; i++) {
		/* to be moved into a cgroup of version 1 takes 10 ms of it */
		struct timespec point = { .tv_nsec = rand_r(&seed) % 40000000 };

		k += kill_at(point, i % 2 ? make_by_broker : make_in_cgroups, i % 4 == 1);
	}
	/* the next one takes away what is left */
	if (cgroup_make(name, &last, NULL) == 0)
		cgroup_remove(last);
	result(k == KILLS && folders_left() == 0, who, "200 controls and brokers with cgroups were killed, and nothing is left");
}

/* From before the first system call of the making to well into the guest's life. */
static void killed(const char *who)
{
	unsigned int seed = 1;
	int i;

	for (i = 0; i < KILLS; i++) {
		struct timespec point = { .tv_nsec = rand_r(&seed) % 4000000 };

		if (!kill_at(point, make_for_ever, false))
			break;
	}
	result(i == KILLS, who, "200 controls were killed, and nothing is left of their workers");
}

static void all(const char *who)
{
	lives(who);
	killed(who);
	killed_in_cgroups(who);
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
	tests += 7;
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	worker_main_if_worker(argc, argv);
	snprintf(ours, sizeof ours, "birth-%d-", getpid());
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
