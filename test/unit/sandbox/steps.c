/* SPDX-License-Identifier: Apache-2.0 */
/* Each step of ukvmm/sandbox.h in a process of its own, and what that process can do no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/securebits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ukvmm/sandbox.h>

enum { NOBODY = 65534, NOT_HERE = 77 };

#define CHECK(what)                                                              \
	do {                                                                     \
		if (!(what)) {                                                   \
			print_error("%s:%d: %s\n", __func__, __LINE__, #what);   \
			_exit(1);                                                \
		}                                                                \
	} while (0)

static struct ukvmm_err err = { .size = sizeof err };

static int status_of(void (*body)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		body();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void run(void (*body)(void))
{
	int status = status_of(body);

	if (status == NOT_HERE)
		skip();
	assert_int_equal(status, 0);
}

/* The number behind a name in /proc/self/status. */
static unsigned long long status_field(const char *name, int base)
{
	static char text[8192];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof text - 1);
	const char *at;

	close(fd);
	CHECK(n > 0);
	text[n] = 0;
	at = strstr(text, name);
	CHECK(at);
	return strtoull(at + strlen(name) + 1, NULL, base);
}

static void no_new_privs(void)
{
	CHECK(!ukvmm_sandbox_no_new_privs(&err));
	CHECK(status_field("NoNewPrivs", 10) == 1);
}

static void undumpable(void)
{
	CHECK(!ukvmm_sandbox_undumpable(&err));
	CHECK(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
}

static void check_no_capability(void)
{
	CHECK(!status_field("CapInh", 16) && !status_field("CapPrm", 16) && !status_field("CapEff", 16));
	CHECK(!status_field("CapAmb", 16));
}

static void no_capabilities(void)
{
	if (geteuid())
		_exit(NOT_HERE);
	CHECK(!ukvmm_sandbox_no_capabilities(&err));
	check_no_capability();
	CHECK(!status_field("CapBnd", 16));
	CHECK((prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) & SECURE_ALL_BITS) == SECURE_ALL_BITS);
	/* root in name only */
	CHECK(chroot("/") < 0 && errno == EPERM);
	CHECK(setuid(NOBODY) < 0 && errno == EPERM);
	/* and it can be said again */
	CHECK(!ukvmm_sandbox_no_capabilities(&err));
}

static void no_capabilities_of_a_user(void)
{
	if (!geteuid())
		CHECK(!setgroups(0, NULL) && !setgid(NOBODY) && !setuid(NOBODY));
	/* neither the bounding set nor the secure bits are a user's to change */
	CHECK(ukvmm_sandbox_no_capabilities(&err) == -EPERM && err.code == -EPERM);
	check_no_capability();
}

static void limits(void)
{
	struct ukvmm_sandbox_limits l = { .size = sizeof l, .files = 64, .file_bytes = 1 << 20, .processes = 50,
		.core_bytes = UKVMM_LIMIT_ZERO };
	struct rlimit memlock, is;

	getrlimit(RLIMIT_MEMLOCK, &memlock);
	CHECK(!ukvmm_sandbox_limit(&l, &err));
	CHECK(!getrlimit(RLIMIT_NOFILE, &is) && is.rlim_cur == 64 && is.rlim_max == 64);
	CHECK(!getrlimit(RLIMIT_FSIZE, &is) && is.rlim_cur == 1 << 20 && is.rlim_max == 1 << 20);
	CHECK(!getrlimit(RLIMIT_NPROC, &is) && is.rlim_cur == 50);
	CHECK(!getrlimit(RLIMIT_CORE, &is) && is.rlim_cur == 0 && is.rlim_max == 0);
	CHECK(!getrlimit(RLIMIT_MEMLOCK, &is) && is.rlim_cur == memlock.rlim_cur);
	/* never raised, not even by root */
	l = (struct ukvmm_sandbox_limits){ .size = sizeof l, .files = 1000, .core_bytes = 1000 };
	CHECK(!ukvmm_sandbox_limit(&l, &err));
	CHECK(!getrlimit(RLIMIT_NOFILE, &is) && is.rlim_max == 64);
	CHECK(!getrlimit(RLIMIT_CORE, &is) && is.rlim_max == 0);
}

static void limits_that_are_none(void)
{
	struct {
		struct ukvmm_sandbox_limits known;
		uint64_t later;
	} l = { .known = { .size = sizeof l, .files = 64 }, .later = 1 };
	struct ukvmm_sandbox_limits none = { 0 };
	struct rlimit before, is;

	getrlimit(RLIMIT_NOFILE, &before);
	CHECK(ukvmm_sandbox_limit(NULL, &err) == -EINVAL);
	CHECK(ukvmm_sandbox_limit(&none, &err) == -EINVAL && !strcmp(err.call, "ukvmm_sandbox_limit"));
	CHECK(ukvmm_sandbox_limit(&l.known, &err) == -E2BIG);
	CHECK(!getrlimit(RLIMIT_NOFILE, &is) && is.rlim_cur == before.rlim_cur);
	l.later = 0;
	CHECK(!ukvmm_sandbox_limit(&l.known, &err));
	CHECK(!getrlimit(RLIMIT_NOFILE, &is) && is.rlim_cur == 64);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void close_fds(void)
{
	const int32_t keep[] = { 120, -1, 2, 100, 100, 1, 121 };

	for (int fd = 90; fd < 130; fd++)
		CHECK(dup2(1, fd) == fd);
	CHECK(!ukvmm_sandbox_close_fds(keep, sizeof keep / sizeof *keep, &err));
	for (int fd = 0; fd < 200; fd++)
		CHECK(is_open(fd) == (fd == 1 || fd == 2 || fd == 100 || fd == 120 || fd == 121));
}

static void close_all_fds(void)
{
	CHECK(!ukvmm_sandbox_close_fds(NULL, 0, &err));
	for (int fd = 0; fd < 200; fd++)
		CHECK(!is_open(fd));
}

static int connect_to(uint16_t port)
{
	const struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

	CHECK(fd >= 0);
	rc = connect(fd, (const struct sockaddr *)&to, sizeof to) ? -errno : 0;
	close(fd);
	return rc;
}

static void landlock(void)
{
	uint32_t abi = 99;
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	int rc = ukvmm_sandbox_landlock(&abi, &err);
	char byte;

	if (rc == -ENOSYS || rc == -EOPNOTSUPP) { /* and nothing has changed */
		CHECK(abi == 0 && err.code == rc && strstr(err.text, "Landlock"));
		CHECK(open("/proc/self/status", O_RDONLY | O_CLOEXEC) >= 0);
		_exit(NOT_HERE);
	}
	CHECK(!rc && abi >= 1);
	CHECK(open("/proc/self/status", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES);
	CHECK(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0 && errno == EACCES);
	CHECK(mkdir("/tmp/landlock-test", 0700) < 0 && errno == EACCES);
	CHECK(execl("/bin/true", "true", (char *)NULL) < 0 && errno == EACCES);
	CHECK(read(fd, &byte, 1) == 1);
	CHECK(abi < 4 || connect_to(9) == -EACCES);
	CHECK(abi < 6 || (kill(getppid(), 0) < 0 && errno == EPERM));
}

static atomic_int entered;

static void *stays(void *arg)
{
	(void)arg;
	while (!atomic_load(&entered))
		;
	_exit(getppid() > 0 && access("/", F_OK) == 0 ? 0 : 1);
}

/* Only the thread that asks: another one goes on as before, and ends the process. */
static void others_are_not_touched(void)
{
	const struct ukvmm_sandbox_config config = { .size = sizeof config, .role = UKVMM_ROLE_VCPU };
	struct ukvmm_host *host;
	pthread_t thread;

	if (ukvmm_host_open(&host, -1, NULL, &err))
		_exit(NOT_HERE);
	CHECK(!pthread_create(&thread, NULL, stays, NULL));
	CHECK(!ukvmm_sandbox_enter(host, &config, &err));
	atomic_store(&entered, 1);
	for (;;)
		;
}

static void the_bytes_are_the_filter(void)
{
	struct ukvmm_sandbox_config config = { .size = sizeof config, .role = UKVMM_ROLE_IO };
	struct ukvmm_host *host;
	uint8_t bytes[8192], guard[8192];
	int64_t need;

	if (ukvmm_host_open(&host, -1, NULL, &err))
		_exit(NOT_HERE);
	need = ukvmm_sandbox_bpf(host, &config, NULL, 0);
	CHECK(need > 0 && need % 8 == 0 && (size_t)need < sizeof bytes);
	memset(bytes, 0xa5, sizeof bytes);
	memset(guard, 0xa5, sizeof guard);
	CHECK(ukvmm_sandbox_bpf(host, &config, bytes, (size_t)need - 1) == need && !memcmp(bytes, guard, sizeof bytes));
	CHECK(ukvmm_sandbox_bpf(host, &config, bytes, sizeof bytes) == need);
	CHECK(memcmp(bytes, guard, (size_t)need) && !memcmp(bytes + need, guard, sizeof bytes - (size_t)need));
	config.role = 9;
	CHECK(ukvmm_sandbox_bpf(host, &config, NULL, 0) == -EINVAL);
	CHECK(ukvmm_sandbox_enter(host, &config, &err) == -EINVAL && !strcmp(err.call, "ukvmm_sandbox_enter"));
	CHECK(ukvmm_sandbox_enter(host, NULL, &err) == -EINVAL);
	CHECK(!ukvmm_host_close(host));
}

#define STEP(name) static void test_##name(void **state) { (void)state; run(name); }
STEP(no_new_privs)
STEP(undumpable)
STEP(no_capabilities)
STEP(no_capabilities_of_a_user)
STEP(limits)
STEP(limits_that_are_none)
STEP(close_fds)
STEP(close_all_fds)
STEP(landlock)
STEP(others_are_not_touched)
STEP(the_bytes_are_the_filter)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_new_privs),
		cmocka_unit_test(test_undumpable),
		cmocka_unit_test(test_no_capabilities),
		cmocka_unit_test(test_no_capabilities_of_a_user),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_limits_that_are_none),
		cmocka_unit_test(test_close_fds),
		cmocka_unit_test(test_close_all_fds),
		cmocka_unit_test(test_landlock),
		cmocka_unit_test(test_others_are_not_touched),
		cmocka_unit_test(test_the_bytes_are_the_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
