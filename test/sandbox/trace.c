/* SPDX-License-Identifier: Apache-2.0 */
#include "trace.h"

#include <errno.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* glibc's <sys/ptrace.h> and the kernel's do not go together */
extern long ptrace(int request, ...);

enum { TASKS = 256, OPTIONS = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
	PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL };

struct task {
	pid_t tid, pid;
	uint16_t grants, wanted; /* wanted: by the seccomp call that it is in */
};

struct trace {
	struct task task[TASKS];
	trace_seen *seen;
	void *arg;
	pid_t first;
	int status;
};

static struct task *task_of(struct trace *t, pid_t tid)
{
	struct task *free = NULL;

	for (int i = 0; i < TASKS; i++) {
		if (t->task[i].tid == tid)
			return &t->task[i];
		if (!free && !t->task[i].tid)
			free = &t->task[i];
	}
	if (!free)
		abort();
	*free = (struct task){ .tid = tid, .pid = tid };
	return free;
}

static bool same(const struct sandbox_filter *f, const struct sock_filter *code)
{
	for (uint16_t i = 0; i < f->len; i++) {
		const struct sock_filter *a = &f->code[i], *b = &code[i];
		bool filled_in = (BPF_CLASS(a->code) == BPF_JMP && (a->k == SANDBOX_PID || a->k == SANDBOX_SIGNAL));

		if (a->code != b->code || a->jt != b->jt || a->jf != b->jf || (a->k != b->k && !filled_in))
			return false;
	}
	return true;
}

/* Which of the library's filters is it that the task is about to load? 0: none. */
static uint16_t grants_of(pid_t tid, uint64_t prog_at)
{
	static struct sock_filter code[SANDBOX_LONGEST];
	struct sock_fprog prog;
	struct iovec to = { &prog, sizeof prog }, from = { (void *)(uintptr_t)prog_at, sizeof prog };

	if (process_vm_readv(tid, &to, 1, &from, 1, 0) != sizeof prog || prog.len > SANDBOX_LONGEST)
		return 0;
	to = (struct iovec){ code, prog.len * sizeof *code };
	from = (struct iovec){ prog.filter, prog.len * sizeof *code };
	if (process_vm_readv(tid, &to, 1, &from, 1, 0) != (ssize_t)to.iov_len)
		return 0;
	for (const struct sandbox_filter *f = sandbox_filters; f->grants; f++)
		if (f->len == prog.len && same(f, code))
			return f->grants;
	return 0;
}

static void on_entry(struct trace *t, struct task *task, const struct ptrace_syscall_info *info)
{
	const struct probe_who who = { .pid = task->pid, .signal = SIGRTMAX - 1 };
	struct probe_call call = { .nr = (long)info->entry.nr };

	memcpy(call.arg, info->entry.args, sizeof call.arg);
	if (task->grants)
		t->seen(t->arg, task->grants, &call, &who);
	task->wanted = 0;
	if (call.nr == SYS_seccomp && call.arg[0] == SECCOMP_SET_MODE_FILTER)
		task->wanted = grants_of(task->tid, call.arg[2]);
}

static void on_call(struct trace *t, struct task *task)
{
	struct ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, task->tid, sizeof info, &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		on_entry(t, task, &info);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT && task->wanted && info.exit.rval == 0)
		task->grants = task->wanted;
}

/* A thread or process that this one made has its filter; a thread has its process. */
static void on_child(struct trace *t, struct task *task, int event)
{
	unsigned long tid = 0;
	struct task *child;

	ptrace(PTRACE_GETEVENTMSG, task->tid, 0, &tid);
	child = task_of(t, (pid_t)tid);
	child->grants = task->grants;
	if (event == PTRACE_EVENT_CLONE)
		child->pid = task->pid;
}

/* What the task goes on with: a signal, or 0. */
static int on_stop(struct trace *t, struct task *task, int status)
{
	int signal = WSTOPSIG(status), event = status >> 16;

	if (signal == (SIGTRAP | 0x80))
		on_call(t, task);
	else if (event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK)
		on_child(t, task, event);
	/* SIGSTOP is a new task's first stop */
	return event || signal == SIGSTOP || signal == SIGTRAP || signal == (SIGTRAP | 0x80) ? 0 : signal;
}

static void follow(struct trace *t)
{
	for (;;) {
		int status, signal;
		pid_t tid = waitpid(-1, &status, __WALL);
		struct task *task;

		if (tid < 0 && errno == EINTR)
			continue;
		if (tid < 0)
			return;
		task = task_of(t, tid);
		if (!WIFSTOPPED(status)) {
			task->tid = 0;
			if (tid == t->first)
				t->status = status;
			continue;
		}
		signal = on_stop(t, task, status);
		ptrace(PTRACE_SYSCALL, tid, 0, signal);
	}
}

int trace_run(char *const argv[], trace_seen *seen, void *arg)
{
	static struct trace t;
	pid_t pid = fork();
	int status;

	if (pid < 0)
		abort();
	if (!pid) {
		raise(SIGSTOP);
		execv(argv[0], argv);
		_exit(127);
	}
	waitpid(pid, &status, WUNTRACED);
	if (ptrace(PTRACE_SEIZE, pid, 0, OPTIONS)) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return -1;
	}
	t = (struct trace){ .seen = seen, .arg = arg, .first = pid, .status = -1 };
	kill(pid, SIGCONT);
	follow(&t);
	return t.status;
}
