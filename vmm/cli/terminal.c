/* SPDX-License-Identifier: Apache-2.0 */
#include "terminal.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum { CTRL_A = 1 };

static struct termios saved;
static atomic_bool have_saved, is_raw;

static void crashed(int sig)
{
	terminal_leave();
	/* SA_RESETHAND: the default action, core dump included, is next */
	raise(sig);
}

static void watch_crashes(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS };
	struct sigaction act = { .sa_handler = crashed, .sa_flags = (int)SA_RESETHAND };
	struct sigaction old;

	sigemptyset(&act.sa_mask);
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
		/* a sanitizer's own handler has more to say */
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
			sigaction(signals[i], &act, NULL);
	}
}

bool terminal_enter(void)
{
	struct termios raw;

	/* not a terminal, or another job's: changing it from here would stop us (SIGTTOU) */
	if (tcgetpgrp(STDIN_FILENO) != getpgrp())
		return false;
	if (!atomic_load(&have_saved)) {
		if (tcgetattr(STDIN_FILENO, &saved) < 0)
			return false;
		watch_crashes();
		atomic_store(&have_saved, true);
	}
	raw = saved;
	cfmakeraw(&raw);
	raw.c_oflag = saved.c_oflag;
	atomic_store(&is_raw, true);
	return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

void terminal_leave(void)
{
	if (atomic_load(&is_raw))
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	atomic_store(&is_raw, false);
}

void terminal_size(uint32_t *cols, uint32_t *rows)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
		return;
	*cols = size.ws_col;
	*rows = size.ws_row;
}

size_t terminal_decode(struct terminal_escape *e, const uint8_t *in, size_t len, uint8_t *out,
	bool *quit)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (!e->pending && in[i] == CTRL_A) {
			e->pending = true;
			continue;
		}
		if (e->pending && in[i] == 'x') {
			*quit = true;
			return n;
		}
		if (e->pending && in[i] != CTRL_A)
			out[n++] = CTRL_A;
		e->pending = false;
		out[n++] = in[i];
	}
	return n;
}
