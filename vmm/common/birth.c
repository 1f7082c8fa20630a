/* SPDX-License-Identifier: Apache-2.0 */
#include "birth.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "birth_clone.h"
#include "cgroup.h"
#include "failure.h"
#include "walls.h"

enum { EXEC_FAILED = 125 };

#define NAMESPACES (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

/* What the child needs to know; nothing in it may allocate: the parent may have threads, whose locks it inherits. */
struct child {
	const struct worker_config *config;
	int sock, kvm, null, program; /* program -1: this one */
	int net;		      /* 0: it has one already */
	int mounts;		      /* -1: none */
	char uid_map[32], gid_map[32];
	cpu_set_t cpus;
	bool user_ns, keeps_stderr;
	bool shares_fds; /* they are its parent's, who waits */
};

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return good;
}

/* Root of its own user namespace, which an execve keeps; whoever it was is what it is outside. */
static bool become_root_inside(const struct child *c)
{
	/* a parent that has changed its uid has lost these files to root */
	prctl(PR_SET_DUMPABLE, 1);
	/* without the first, an ordinary user may not write the last; root has no need of it */
	put("/proc/self/setgroups", "deny");
	return put("/proc/self/uid_map", c->uid_map) && put("/proc/self/gid_map", c->gid_map);
}

static int highest(const struct child *c)
{
	int most = c->null > c->sock ? c->null : c->sock;

	most = most > c->kvm ? most : c->kvm;
	most = most > c->mounts ? most : c->mounts;
	return most > c->program ? most : c->program;
}

/* The sources are 7 or more: none is overwritten before it is used. */
static bool place_fds(const struct child *c)
{
	/* a copy of those up to the last one that is needed: whoever has many has low ones for this */
	if (c->shares_fds && close_range((unsigned)highest(c) + 1, ~0u, CLOSE_RANGE_UNSHARE) < 0)
		return false;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if ((fd != STDERR_FILENO || !c->keeps_stderr) && dup2(c->null, fd) < 0)
			return false;
	if (dup2(c->sock, BIRTH_SOCKET) < 0 || dup2(c->kvm, BIRTH_KVM) < 0)
		return false;
	if (c->mounts < 0)
		close(BIRTH_MOUNTS);
	else if (dup2(c->mounts, BIRTH_MOUNTS) < 0)
		return false;
	/* the program's goes with the exec */
	if (c->program >= 0 && c->program != BIRTH_FDS && dup3(c->program, BIRTH_FDS, O_CLOEXEC) < 0)
		return false;
	return close_range(BIRTH_FDS + (c->program >= 0), ~0u, 0) == 0;
}

static char **environment(void)
{
	static char *none[] = { NULL };

	extern char **environ;
	/* a sanitizer's options come by it */
	return walls_are_soft() ? environ : none;
}

__attribute__((noreturn)) static void be_born(const struct child *c)
{
	static char name[] = "ukvmm", word[] = BIRTH_WORD;
	char *argv[] = { name, word, NULL };
	sigset_t none;

	sigemptyset(&none);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	if (c->user_ns && !become_root_inside(c))
		_exit(EXEC_FAILED);
	if (c->net && setns(c->net, CLONE_NEWNET) < 0)
		_exit(EXEC_FAILED);
	if (c->config->cpus_len && sched_setaffinity(0, sizeof c->cpus, &c->cpus) < 0)
		_exit(EXEC_FAILED);
	if (!place_fds(c))
		_exit(EXEC_FAILED);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (c->program >= 0)
		execveat(BIRTH_FDS, "", argv, environment(), AT_EMPTY_PATH);
	else
		execve("/proc/self/exe", argv, environment());
	_exit(EXEC_FAILED);
}

static void run_child(void *arg)
{
	be_born(arg);
}

/*
 * A copy of us, for an instant, costs more than what is done in it. Not where the child is root of its own: it changes what is
 * said of its memory (PR_SET_DUMPABLE), and that is ours. Nor where it is to become ourselves: its parent has better
 * things to do than to wait.
 */
static long clone_without_copy(struct clone_args *args, struct child *c)
{
	struct clone_args again = *args;

	c->shares_fds = true;
	again.flags |= CLONE_FILES;
	return c->user_ns || c->program < 0 ? -ENOSYS : birth_clone(&again, run_child, c);
}

static pid_t clone_with(uint64_t namespaces, struct child *c, int *pidfd)
{
	struct clone_args args = {
		.flags = namespaces | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uint64_t)(uintptr_t)pidfd,
		.exit_signal = SIGCHLD,
	};
	int cgroup = c->config->cgroup ? cgroup_birth_fd(c->config->cgroup) : -1;
	long pid;

	if (cgroup >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned)cgroup;
	}
	pid = clone_without_copy(&args, c);
	if (pid != -ENOSYS)
		return (pid_t)pid;
	c->shares_fds = false;
	pid = syscall(SYS_clone3, &args, sizeof args);
	if (pid == 0)
		be_born(c);
	return pid < 0 ? -errno : (pid_t)pid;
}

/* A birth that is refused late, at a limit of tasks, has left us the number of a descriptor that is not there. */
static pid_t clone_or_none(uint64_t namespaces, struct child *c, int *pidfd)
{
	pid_t pid = clone_with(namespaces, c, pidfd);

	if (pid < 0)
		*pidfd = -1;
	return pid;
}

static bool not_allowed(pid_t rc)
{
	return rc == -EPERM || rc == -EACCES || rc == -ENOSPC || rc == -EUSERS || rc == -EINVAL;
}

static bool is_moved(const struct worker_config *config)
{
	return config->cgroup && cgroup_birth_fd(config->cgroup) < 0;
}

/* What it is to become is in its socket before it lives. */
static int announce(const struct child *c, int to, uint32_t flags)
{
	const struct worker_config *config = c->config;
	struct message_birth m = {
		.flags = flags | (c->mounts >= 0 ? BIRTH_ROOT : 0),
		.uid = config->uid ? config->uid : 65534,
		.gid = config->gid ? config->gid : 65534,
		.vcpus = config->vcpus,
		.irqchip = config->irqchip,
		.memory = config->memory,
	};

	snprintf(m.version, sizeof m.version, "%s", ukvmm_version());

	if (config->flags & WORKER_NO_SANDBOX)
		m.flags |= BIRTH_NO_SANDBOX;
	if (config->flags & WORKER_URING)
		m.flags |= BIRTH_URING;
	if (config->flags & WORKER_VSOCK)
		m.flags |= BIRTH_VSOCK;
	if (config->flags & WORKER_INSPECT)
		m.flags |= BIRTH_INSPECT;
	if (config->flags & WORKER_TRACE)
		m.flags |= BIRTH_TRACE;
	if (is_moved(config))
		m.flags |= BIRTH_PLACED;
	return message_send(to, MESSAGE_BIRTH, &m);
}

/* Root needs no user namespace to make the others, and gives its worker another uid instead. */
static const struct attempt {
	uint64_t namespaces;
	uint32_t flags;
	bool for_root;
} attempts[] = {
	{ NAMESPACES, BIRTH_NAMESPACES, true },
	{ NAMESPACES | CLONE_NEWUSER, BIRTH_NAMESPACES | BIRTH_USER_NS, false },
	{ 0, 0, false },
};

/* Namespaces that need not be made. */
static uint64_t given(const struct child *c)
{
	return (c->net ? CLONE_NEWNET : 0) | (c->mounts >= 0 ? CLONE_NEWNS : 0);
}

static int try_all(struct child *c, int mounts, int to, struct birth *b, struct ukvmm_err *err)
{
	bool bare = c->config->flags & WORKER_NO_SANDBOX;
	int rc;

	for (size_t i = bare ? 2 : 0; i < sizeof attempts / sizeof attempts[0]; i++) {
		if (attempts[i].for_root && geteuid() != 0)
			continue;
		c->user_ns = attempts[i].flags & BIRTH_USER_NS;
		c->net = attempts[i].for_root ? c->config->net : 0;
		c->mounts = attempts[i].for_root ? mounts : -1;
		b->pid = clone_or_none(attempts[i].namespaces & ~given(c), c, &b->pidfd);
		if (b->pid < 0 && not_allowed(b->pid))
			continue;
		if (b->pid < 0)
			break;
		/* it waits for this; if it cannot be told it ends with the socket */
		rc = announce(c, to, attempts[i].flags);
		return rc < 0 ? failure(err, rc, "sendmsg", "worker") : 0;
	}
	return failure(err, (int)b->pid, "clone3", "worker");
}

static int spare(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, BIRTH_FDS + 1);
}

int birth_give(const struct worker_config *config, int to, int sock, int kvm, struct birth *b, struct ukvmm_err *err)
{
	struct child c = { .config = config, .keeps_stderr = walls_are_soft() || config->flags & WORKER_NO_SANDBOX };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), mounts = config->mounts ? spare(config->mounts) : -1, rc;

	c.null = null >= 0 ? spare(null) : -1;
	c.sock = spare(sock);
	c.kvm = spare(kvm);
	c.program = config->program ? spare(config->program) : -1;
	snprintf(c.uid_map, sizeof c.uid_map, "0 %u 1", geteuid());
	snprintf(c.gid_map, sizeof c.gid_map, "0 %u 1", getegid());
	CPU_ZERO(&c.cpus);
	for (uint32_t i = 0; i < config->cpus_len; i++)
		CPU_SET(config->cpus[i], &c.cpus);
	if (c.null < 0 || c.sock < 0 || c.kvm < 0 || (config->program && c.program < 0) || (config->mounts && mounts < 0))
		rc = failure(err, -errno, c.null < 0 ? "open" : "fcntl", c.null < 0 ? "/dev/null" : "worker");
	else
		rc = try_all(&c, mounts, to, b, err);
	close(null);
	close(c.null);
	close(c.sock);
	close(c.kvm);
	if (c.program >= 0)
		close(c.program);
	if (mounts >= 0)
		close(mounts);
	return rc;
}

int birth_place(const struct worker_config *config, int to, pid_t pid, struct ukvmm_err *err)
{
	int rc = is_moved(config) ? cgroup_place(config->cgroup, pid, err) : 0;

	/* one that is gone already is told of otherwise */
	if (rc == 0 && is_moved(config))
		message_send(to, MESSAGE_PLACED, NULL);
	return rc;
}
