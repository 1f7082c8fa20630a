/* SPDX-License-Identifier: Apache-2.0 */
#include "signals.h"

#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli.h"
#include "run.h"
#include "terminal.h"

static const int ending_signals[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGXCPU, SIGTSTP,
};

/* What io reads from its signalfd. SIGCONT has done its work when we read it: it means a look at
 * the tty; so does SIGWINCH. */
static void signal_set(sigset_t *set)
{
	struct sigaction now;

	sigemptyset(set);
	sigaddset(set, SIGCONT);
	sigaddset(set, SIGWINCH);
	for (size_t i = 0; i < sizeof ending_signals / sizeof ending_signals[0]; i++)
		/* a blocked signal is queued even where it is ignored */
		if (sigaction(ending_signals[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(set, ending_signals[i]);
}

void signals_block(void)
{
	sigset_t set;

	signal_set(&set);
	/* never read: write and truncate say EPIPE and EFBIG */
	sigaddset(&set, SIGPIPE);
	sigaddset(&set, SIGXFSZ);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int signals_open(void)
{
	sigset_t set;

	signal_set(&set);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void signal_worker(const struct run *run, int sig)
{
	pid_t pid = worker_pid(run->machine.worker);

	if (pid > 0)
		kill(pid, sig);
}

static void resume(const struct run *run)
{
	signal_worker(run, SIGCONT);
	if (run->started && !run->finished)
		terminal_enter();
}

/* Ctrl-Z typed before raw mode, or sent: the guest stands still too, and the shell's terminal must be its own while we
 * are stopped. */
static void suspend(const struct run *run)
{
	terminal_leave();
	signal_worker(run, SIGSTOP);
	raise(SIGSTOP);
	resume(run);
}

static void resize(const struct run *run)
{
	uint32_t cols = 0, rows = 0;

	if (!run->options.devices.console || !run->started)
		return;
	terminal_size(&cols, &rows);
	if (cols && rows)
		worker_resize(run->machine.worker, cols, rows);
}

void signals_serve(struct run *run)
{
	struct signalfd_siginfo info;

	while (read(run->io.signals, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGTSTP)
			suspend(run);
		else if (info.ssi_signo == SIGCONT)
			resume(run);
		else if (info.ssi_signo == SIGWINCH)
			resize(run);
		else
			run_end(run, CLI_SIGNAL + (int)info.ssi_signo);
	}
}

int signals_take(int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof info) != (ssize_t)sizeof info)
		return 0;
	switch (info.ssi_signo) {
	case SIGTSTP:
	case SIGCONT:
	case SIGWINCH:
		return 0;
	default:
		return (int)info.ssi_signo;
	}
}
