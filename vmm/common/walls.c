/* SPDX-License-Identifier: Apache-2.0 */
#include "walls.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ukvmm/sandbox.h>

#include "birth.h"
#include "failure.h"

enum {
	/* 16 disks with tops, 16 cards, 64 streams, what KVM and the poller hold: three times that. */
	FILES_MAX = 1024,
};

bool walls_are_soft(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
	return true;
#else
	return false;
#endif
#else
	return false;
#endif
}

void walls_note(struct message_ready *ready, uint32_t wall, int rc)
{
	if (rc == 0) {
		ready->walls |= wall;
		return;
	}
	if (!ready->missing)
		ready->error = rc;
	ready->missing |= wall;
}

/* The old root is left behind. An initramfs is one that cannot be exchanged: there we go on top of it, for good, since
 * nothing leads below a root. */
static int leave_root(void)
{
	if (syscall(SYS_pivot_root, ".", ".") == 0)
		return umount2(".", MNT_DETACH);
	if (errno != EINVAL || mount(".", "/", NULL, MS_MOVE, NULL) < 0)
		return -1;
	return chroot(".");
}

/* On top of what is there for certain: whoever made us has used it. */
static int empty_root(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("none", "/proc", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,mode=0555") < 0 ||
		chdir("/proc") < 0 || leave_root() < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

/* A mount namespace is known by who is in it, until the other end is closed, or its owner killed. */
__attribute__((noreturn)) static void show_mounts(int to)
{
	int rc = unshare(CLONE_NEWNS) < 0 ? -errno : empty_root();
	char end;

	_exit(write(to, &rc, sizeof rc) == sizeof rc && read(to, &end, 1) == 0 ? 0 : 1);
}

int walls_mounts(void)
{
	int pair[2], rc = -EIO;
	char path[64];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		show_mounts(pair[1]);
	}
	close(pair[1]);
	if (pid < 0 || read(pair[0], &rc, sizeof rc) != sizeof rc)
		rc = -EIO;
	snprintf(path, sizeof path, "/proc/%d/ns/mnt", pid);
	if (rc == 0)
		rc = open(path, O_RDONLY | O_CLOEXEC);
	rc = rc == -1 ? -errno : rc;
	close(pair[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return rc;
}

/* It belongs to all workers of a broker, who can change nothing in it. */
static int go_to_mounts(void)
{
	int rc = setns(BIRTH_MOUNTS, CLONE_NEWNS) < 0 ? -errno : 0;

	close(BIRTH_MOUNTS);
	return rc;
}

static int root_wall(const struct message_birth *birth)
{
	if (!(birth->flags & BIRTH_NAMESPACES))
		return -EPERM;
	return birth->flags & BIRTH_ROOT ? go_to_mounts() : empty_root();
}

/*
 * The rights over its namespaces stay with the user namespace that it was born in: in the one that it makes now it owns
 * nothing. -EINVAL: there is nobody else to become, as in a container of an ordinary user's, whose root is that user.
 */
static int become_nobody(const struct message_birth *birth)
{
	gid_t gid = birth->gid;
	uid_t uid = birth->uid;

	if (setgroups(0, NULL) < 0 && errno != EPERM)
		return -errno;
	return setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0 ? -errno : 0;
}

static void change_user(const struct message_birth *birth, struct message_ready *ready)
{
	int rc;

	if (birth->flags & BIRTH_USER_NS) {
		ready->walls |= WALL_USER_NS;
		return;
	}
	rc = geteuid() == 0 ? become_nobody(birth) : -EINVAL;
	if (rc != -EINVAL)
		walls_note(ready, WALL_UID, rc);
	walls_note(ready, WALL_USER_NS, unshare(CLONE_NEWUSER) < 0 ? -errno : 0);
}

static int leave_no_trace(struct message_ready *ready)
{
	struct ukvmm_sandbox_limits limits = {
		.size = sizeof limits,
		.files = FILES_MAX,
		.core_bytes = UKVMM_LIMIT_ZERO,
	};

	if (!walls_are_soft())
		walls_note(ready, WALL_LIMITS, ukvmm_sandbox_limit(&limits, NULL));
	walls_note(ready, WALL_UNDUMPABLE, ukvmm_sandbox_undumpable(NULL));
	/* a change of uid has taken it back */
	return prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ? -errno : 0;
}

static int drop(struct message_ready *ready)
{
	uint32_t abi = 0;
	int rc = ukvmm_sandbox_no_capabilities(NULL);

	/* -EPERM: only the bounding set is left, and no exec that could use it is */
	walls_note(ready, WALL_CAPABILITIES, rc == -EPERM ? 0 : rc);
	walls_note(ready, WALL_NO_NEW_PRIVS, ukvmm_sandbox_no_new_privs(NULL));
	walls_note(ready, WALL_LANDLOCK, ukvmm_sandbox_landlock(&abi, NULL));
	return leave_no_trace(ready);
}

int walls_build(const struct message_birth *birth, struct message_ready *ready, struct ukvmm_err *err)
{
	int rc;

	if (birth->flags & BIRTH_NO_SANDBOX)
		return 0;
	walls_note(ready, WALL_NAMESPACES, birth->flags & BIRTH_NAMESPACES ? 0 : -EPERM);
	walls_note(ready, WALL_ROOT, root_wall(birth));
	if (birth->flags & BIRTH_NAMESPACES)
		sethostname("ukvmm", 5);
	change_user(birth, ready);
	rc = drop(ready);
	return rc < 0 ? failure(err, rc, "prctl", "worker") : 0;
}
