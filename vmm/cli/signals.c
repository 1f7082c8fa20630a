/* SPDX-License-Identifier: Apache-2.0 */
#include "signals.h"

#include <pthread.h>
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

/* Ctrl-Z typed before raw mode, or sent: the shell's terminal must be its own while we are
 * stopped. */
static void suspend(struct io *io)
{
	if (pthread_mutex_trylock(&io->lock))
		return;
	terminal_leave();
	/* to this thread: a process's signal may find another one, and we would not stop here */
	raise(SIGSTOP);
	terminal_enter();
	pthread_mutex_unlock(&io->lock);
}

/* A guest is ended politely once; whoever asks again wants the terminal back now. */
static void end_for_signal(struct run *run, int sig)
{
	if (atomic_load(&run->cause) == 0) {
		run_end(run, CLI_SIGNAL + sig);
		return;
	}
	terminal_leave();
	_exit(CLI_SIGNAL + sig);
}

static void resume(struct io *io)
{
	if (pthread_mutex_trylock(&io->lock))
		return;
	terminal_enter();
	pthread_mutex_unlock(&io->lock);
}

static void resize(struct run *run)
{
	uint32_t cols = 0, rows = 0;

	if (!run->options.devices.console || pthread_mutex_trylock(&run->io.lock))
		return;
	terminal_size(&cols, &rows);
	if (cols && rows)
		ukvmm_vm_console_resize(run->machine.vm, cols, rows);
	pthread_mutex_unlock(&run->io.lock);
}

void signals_serve(struct run *run)
{
	struct signalfd_siginfo info;

	while (read(run->io.signals, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGTSTP)
			suspend(&run->io);
		else if (info.ssi_signo == SIGCONT)
			resume(&run->io);
		else if (info.ssi_signo == SIGWINCH)
			resize(run);
		else
			end_for_signal(run, (int)info.ssi_signo);
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
