/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ukvmm/sandbox.h costs: entering (in a process of its own each time), and a system call afterwards, beside the
 * same without a filter and beside libseccomp compiling such a filter at run time.
 *
 *	enter_ROLE_us	  ukvmm_sandbox_enter; enter_setup_us: a thread that may create VMs and threads
 *	libseccomp_us	  20 rules, compiled and loaded
 *	getpid		  a call that every filter of the role lets through by its number alone; 1,000 of them
 *	ioctl		  one whose arguments are looked at (on no fd: the call itself is as short as can be)
 *
 * usage: sandbox [--json] [--runs N]
 */
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ukvmm/sandbox.h>

#include "bench.h"

enum { CALLS = 1000, KVM_RUN_NUMBER = 0xae80 };

/* Of one process, shared with it. */
struct figures {
	double enter_us, getpid_us, ioctl_us;
};

static struct ukvmm_host *host;
static struct figures *shared;

static double calls(long nr, long a, long b)
{
	double start = bench_now_us();

	for (int i = 0; i < CALLS; i++)
		syscall(nr, a, b, 0);
	return (bench_now_us() - start) / CALLS;
}

static void enter(uint32_t role, uint32_t may)
{
	const struct ukvmm_sandbox_config config = { .size = sizeof config, .role = role, .may = may };

	if (role && ukvmm_sandbox_enter(host, &config, NULL))
		_exit(2);
}

static void compile(void)
{
	const int names[] = { SYS_read, SYS_write, SYS_close, SYS_futex, SYS_mmap, SYS_munmap, SYS_brk, SYS_madvise,
		SYS_epoll_ctl, SYS_tgkill, SYS_getpid, SYS_exit, SYS_exit_group, SYS_clock_gettime, SYS_writev,
		SYS_recvmsg, SYS_sendmsg, SYS_timer_settime, SYS_rt_sigprocmask };
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		seccomp_rule_add(ctx, SCMP_ACT_ALLOW, names[i], 0);
	seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SYS_ioctl, 1, SCMP_A1(SCMP_CMP_EQ, KVM_RUN_NUMBER));
	if (seccomp_load(ctx))
		_exit(2);
}

static void child(uint32_t role, uint32_t may, bool by_libseccomp)
{
	double start = bench_now_us();

	if (by_libseccomp)
		compile();
	else
		enter(role, may);
	shared->enter_us = bench_now_us() - start;
	shared->getpid_us = calls(SYS_getpid, 0, 0);
	shared->ioctl_us = calls(SYS_ioctl, -1, KVM_RUN_NUMBER);
	for (;;)
		syscall(SYS_exit, 0);
}

static void once(uint32_t role, uint32_t may, bool by_libseccomp)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		child(role, may, by_libseccomp);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		bench_die("a process under a filter ended with status %#x", pid < 0 ? 0 : (unsigned)status);
}

struct figure_series {
	struct bench_series *enter, *getpid, *ioctl;
};

static const struct way {
	const char *enter, *getpid, *ioctl;
	uint32_t role, may;
	bool by_libseccomp;
} ways[] = {
	{ NULL, "plain_getpid_us", "plain_ioctl_us", 0, 0, false },
	{ "enter_vcpu_us", "vcpu_getpid_us", "vcpu_ioctl_us", UKVMM_ROLE_VCPU, 0, false },
	{ "enter_vcpu_serve_us", "vcpu_serve_getpid_us", "vcpu_serve_ioctl_us", UKVMM_ROLE_VCPU,
		UKVMM_MAY_SERVE, false },
	{ "enter_setup_us", "setup_getpid_us", "setup_ioctl_us", UKVMM_ROLE_IO,
		UKVMM_MAY_CREATE | UKVMM_MAY_THREADS, false },
	{ "libseccomp_us", "libseccomp_getpid_us", "libseccomp_ioctl_us", 0, 0, true },
};
enum { WAYS = sizeof ways / sizeof *ways };

int main(int argc, char **argv)
{
	struct bench_options options = { .runs = 200 };
	struct ukvmm_err err = { .size = sizeof err };
	struct figure_series series[WAYS];
	struct bench *b;

	bench_parse(argc, argv, "usage: sandbox [--json] [--runs N]", &options);
	if (ukvmm_host_open(&host, -1, NULL, &err))
		bench_die("%s(%s): %s", err.call, err.object, err.text);
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		bench_die("out of memory");
	b = bench_new("What leaving a thread with its role's calls costs");
	for (int w = 0; w < WAYS; w++)
		series[w] = (struct figure_series){ ways[w].enter ? bench_series(b, ways[w].enter, "us") : NULL,
			bench_series(b, ways[w].getpid, "us"), bench_series(b, ways[w].ioctl, "us") };
	for (unsigned int i = 0; i < options.runs; i++)
		for (int w = 0; w < WAYS; w++) {
			once(ways[w].role, ways[w].may, ways[w].by_libseccomp);
			if (series[w].enter)
				bench_add(series[w].enter, shared->enter_us);
			bench_add(series[w].getpid, shared->getpid_us);
			bench_add(series[w].ioctl, shared->ioctl_us);
		}
	bench_print(b, options.json);
	bench_free(b);
	return 0;
}
