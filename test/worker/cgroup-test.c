/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where cgroups of version 2 are made for a process that shares its own with others, with nobody, with its client: with
 * whatever controller is free there, in a tree of the test's. Skipped, with the reason, where none can be had.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cgroup_files.h"

const char report_program[] = "test";

enum { SKIPPED = 77, PATIENCE_S = 60 };

static char top[32], tree[64], own[80]; /* the mount, the test's folder in it, the process's */
static char controller[64];		/* "+hugetlb" */
static bool was_off;

static char *file(const char *folder, const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static int put(const char *folder, const char *name, const char *text)
{
	int fd = open(file(folder, name), O_WRONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return -errno;
	rc = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

static const char *get(const char *folder, const char *name)
{
	static char text[4096];
	int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (cgroup_read(dir, name, text, sizeof text) < 0)
		*text = '\0';
	close(dir);
	return text;
}

static void enter(const char *folder)
{
	if (put(folder, "cgroup.procs", "0") < 0)
		_exit(2);
}

static bool is_in(const char *folder, pid_t pid)
{
	char id[16];

	snprintf(id, sizeof id, "%d\n", pid);
	return strstr(get(folder, "cgroup.procs"), id);
}

/* A process that is in `own` until it is killed. */
static pid_t stranger(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(PATIENCE_S);
		for (;;)
			pause();
	}
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* The folder of an fd, below the mount. */
static const char *folder_of(int fd)
{
	static char path[PATH_MAX];
	char link[64];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	path[n > 0 ? n : 0] = '\0';
	return path;
}

/* Asserts in a child end it: its status is what counts. */
#define MUST(condition)                                                            \
	do {                                                                       \
		if (!(condition)) {                                                \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition);    \
			_exit(1);                                                  \
		}                                                                  \
	} while (0)

/* A worker is born into a folder that was made there, which has the controller. */
static void worker_can_be_born(int seat)
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD };
	int leaf = cgroup_make_locked(seat, "ukvmm-worker");
	char path[PATH_MAX];
	long pid;

	MUST(leaf >= 0);
	snprintf(path, sizeof path, "%s", folder_of(leaf));
	MUST(strstr(get(path, "cgroup.controllers"), controller + 1));
	args.cgroup = (unsigned)leaf;
	pid = syscall(SYS_clone3, &args, sizeof args);
	if (pid == 0)
		for (;;)
			pause();
	MUST(pid > 0 && is_in(path, (pid_t)pid));
	end((pid_t)pid);
	close(leaf);
	MUST(rmdir(path) == 0);
}

static void alone(void)
{
	char leaf[PATH_MAX];
	int seat = cgroup_seat(own, strlen(top), controller, 0), again;

	MUST(seat >= 0 && strcmp(folder_of(seat), own) == 0);
	snprintf(leaf, sizeof leaf, "%s/ukvmm-self", own);
	MUST(is_in(leaf, getpid()));
	worker_can_be_born(seat);
	/* from where it is now: no deeper */
	again = cgroup_seat(leaf, strlen(top), controller, 0);
	MUST(again >= 0 && strcmp(folder_of(again), own) == 0);
	MUST(is_in(leaf, getpid()));
	worker_can_be_born(again);
}

static void with_client(void)
{
	pid_t client = stranger();
	int seat = cgroup_seat(own, strlen(top), controller, client);
	char leaf[PATH_MAX];

	MUST(seat >= 0 && strcmp(folder_of(seat), own) == 0);
	snprintf(leaf, sizeof leaf, "%s/ukvmm-self", own);
	MUST(is_in(leaf, getpid()) && is_in(leaf, client));
	worker_can_be_born(seat);
	end(client);
}

static void with_strangers(void)
{
	pid_t other = stranger();
	int seat = cgroup_seat(own, strlen(top), controller, 0);

	MUST(seat >= 0 && strcmp(folder_of(seat), tree) == 0);
	/* nobody was moved */
	MUST(is_in(own, getpid()) && is_in(own, other));
	worker_can_be_born(seat);
	end(other);
}

static void with_strangers_at_the_top(void)
{
	pid_t other = stranger();

	/* as where the mount shows no more than this: a container, whose other processes are not ours to move */
	MUST(cgroup_seat(own, strlen(own), controller, 0) == -EBUSY);
	MUST(is_in(own, getpid()) && is_in(own, other));
	end(other);
}

static void with_too_many_to_read(void)
{
	pid_t others[20];

	for (size_t i = 0; i < 20; i++)
		others[i] = stranger();
	MUST(cgroup_seat(own, strlen(own), controller, others[0]) == -EBUSY);
	for (size_t i = 0; i < 20; i++)
		end(others[i]);
}

static void without_rights(void)
{
	/* a part of the tree that is not this user's */
	MUST(setresuid(65534, 65534, 65534) == 0);
	MUST(cgroup_seat(own, strlen(top), controller, 0) == -EACCES);
}

static void what_is_none(void)
{
	MUST(cgroup_seat("/nowhere", 0, controller, 0) == -ENOENT);
	MUST(cgroup_seat(own, strlen(top), "+nonsense", 0) == -EINVAL);
}

/* In a process of its own, in a cgroup of its own. */
static void in_child(void (*body)(void))
{
	int status;
	pid_t pid;

	assert_int_equal(mkdir(own, 0755), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(PATIENCE_S);
		enter(own);
		body();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	rmdir(file(own, "ukvmm-self"));
	assert_int_equal(rmdir(own), 0);
	assert_int_equal(status, 0);
}

#define CASE(name, body)                    \
	static void name(void **state)      \
	{                                   \
		(void)state;                \
		in_child(body);             \
	}

CASE(one_who_is_alone_goes_down_a_step, alone)
CASE(a_broker_takes_its_client_along, with_client)
CASE(beside_strangers_it_is_the_parents_place, with_strangers)
CASE(strangers_are_not_moved, with_strangers_at_the_top)
CASE(many_strangers_are_not_moved, with_too_many_to_read)
CASE(without_rights_it_is_refused, without_rights)
CASE(what_is_none_is_refused, what_is_none)

static int skipped(const char *why)
{
	printf("SKIPPED: %s\n", why);
	return SKIPPED;
}

/* The first of the controllers that can be had: enabled in the root, for the test's folder. */
static bool find_controller(void)
{
	static const char *const names[] = { "pids", "memory", "io", "hugetlb", "misc", "rdma" };
	char all[4096];

	snprintf(all, sizeof all, "%s", get(top, "cgroup.controllers"));
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		/* threaded ones do not mind processes: pids is such a one, and goes last */
		const char *name = names[(i + 1) % (sizeof names / sizeof names[0])];

		if (!strstr(all, name))
			continue;
		snprintf(controller, sizeof controller, "+%s", name);
		was_off = !strstr(get(top, "cgroup.subtree_control"), name);
		if (put(top, "cgroup.subtree_control", controller) == 0)
			return strcmp(name, "pids") != 0;
	}
	return false;
}

static int run_all(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_who_is_alone_goes_down_a_step),
		cmocka_unit_test(a_broker_takes_its_client_along),
		cmocka_unit_test(beside_strangers_it_is_the_parents_place),
		cmocka_unit_test(strangers_are_not_moved),
		cmocka_unit_test(many_strangers_are_not_moved),
		cmocka_unit_test(without_rights_it_is_refused),
		cmocka_unit_test(what_is_none_is_refused),
	};
	int rc;

	snprintf(tree, sizeof tree, "%s/test-%d", top, getpid());
	snprintf(own, sizeof own, "%s/own", tree);
	if (mkdir(tree, 0755) < 0 || put(tree, "cgroup.subtree_control", controller) < 0)
		return skipped("no cgroup can be made");
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(tree);
	controller[0] = '-';
	if (was_off)
		put(top, "cgroup.subtree_control", controller);
	return rc;
}

int main(void)
{
	int rc;

	strcpy(top, "/tmp/cgroup-XXXXXX");
	if (geteuid() != 0)
		return skipped("only root may mount a cgroup tree");
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || !mkdtemp(top))
		return skipped("no mount namespace of its own");
	if (mount("none", top, "cgroup2", 0, NULL) < 0)
		rc = skipped("no cgroups of version 2 here");
	else if (!find_controller())
		rc = skipped("version 2 has no controller here that could be enabled");
	else
		rc = run_all();
	umount(top);
	rmdir(top);
	return rc;
}
