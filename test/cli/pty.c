/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal: raw while a guest runs, as it was after every kind of end, and the Ctrl-a
 * sequences. Usage: pty UKVMM GUEST. Each case runs ukvmm as the foreground job of a terminal of
 * its own, as a shell would.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { PATIENCE_MS = 100000 };

struct term {
	int master, slave;
	pid_t pid;
	struct termios before;
	char seen[65536];
	size_t len;
};

static const char *ukvmm, *guest, *option; /* one more, or NULL */
static int tests, failed;

static void check(bool ok, const char *what)
{
	printf("%sok %d - %s\n", ok ? "" : "not ", ++tests, what);
	failed |= !ok;
}

static void die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Holds the foreground until SIGUSR1, then gives it to group `to`. */
static void hold_front(int tty, pid_t to)
{
	sigset_t set;
	int sig;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	signal(SIGTTOU, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (tcsetpgrp(tty, getpgrp()) < 0)
		_exit(98);
	sigwait(&set, &sig);
	if (tcsetpgrp(tty, to) < 0)
		_exit(97);
	for (;;)
		pause();
}

/* In the child: a session of its own with the terminal, in its foreground or behind another
 * group. */
static void become(const struct term *t, const char *order, bool background)
{
	const struct rlimit no_core = { 0, 0 };
	pid_t self;

	setrlimit(RLIMIT_CORE, &no_core);
	/* whoever runs the tests may ignore these */
	signal(SIGHUP, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	setsid();
	if (ioctl(t->slave, TIOCSCTTY, 0) < 0)
		_exit(99);
	self = getpid();
	if (background && fork() == 0)
		hold_front(t->slave, self);
	while (background && tcgetpgrp(t->slave) == self)
		sched_yield();
	dup2(t->slave, 0);
	dup2(t->slave, 1);
	dup2(t->slave, 2);
	execl(ukvmm, ukvmm, "run", "--timeout", "100s", "--cmdline", order, guest, option,
		NULL);
	_exit(96);
}

static void start(struct term *t, const char *order, bool background)
{
	const struct winsize size = { .ws_col = 80, .ws_row = 24 };

	memset(t, 0, sizeof *t);
	if (openpty(&t->master, &t->slave, NULL, NULL, &size) < 0 ||
		tcgetattr(t->slave, &t->before) < 0)
		die("openpty");
	fcntl(t->master, F_SETFD, FD_CLOEXEC);
	t->pid = fork();
	if (t->pid < 0)
		die("fork");
	if (t->pid == 0)
		become(t, order, background);
}

/* Reads the terminal until `text` has been printed. */
static bool await(struct term *t, const char *text)
{
	struct pollfd p = { .fd = t->master, .events = POLLIN };
	ssize_t n;

	while (!strstr(t->seen, text)) {
		if (t->len == sizeof t->seen - 1 || poll(&p, 1, PATIENCE_MS) <= 0)
			return false;
		n = read(t->master, t->seen + t->len, sizeof t->seen - 1 - t->len);
		if (n <= 0)
			return false;
		t->len += (size_t)n;
	}
	return true;
}

static void type(const struct term *t, const char *keys, size_t len)
{
	if (write(t->master, keys, len) != (ssize_t)len)
		die("write");
}

static bool same(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_cflag == b->c_cflag &&
		a->c_lflag == b->c_lflag && memcmp(a->c_cc, b->c_cc, sizeof a->c_cc) == 0;
}

static bool restored(const struct term *t)
{
	struct termios now;

	return tcgetattr(t->slave, &now) == 0 && same(&now, &t->before);
}

static bool raw(const struct term *t)
{
	struct termios now;

	return tcgetattr(t->slave, &now) == 0 && !(now.c_lflag & (ICANON | ECHO | ISIG)) &&
		!(now.c_iflag & (ICRNL | IXON)) && (now.c_oflag & OPOST);
}

/* The exit status, or minus a signal's number. */
static int await_end(const struct term *t)
{
	int status;

	if (waitpid(t->pid, &status, 0) != t->pid)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Our own slave has been open all the time: with the last one the terminal's settings would go. */
static void finish(struct term *t, int wanted, const char *what)
{
	int status = await_end(t);
	char name[128];

	snprintf(name, sizeof name, "%s: status %d", what, wanted);
	check(status == wanted, name);
	if (status != wanted)
		printf("# status is %d; on the terminal: %.400s\n", status, t->seen);
	snprintf(name, sizeof name, "%s: the terminal is as it was", what);
	check(restored(t), name);
	close(t->master);
	close(t->slave);
}

static void plain_end(void)
{
	struct term t;

	start(&t, "echo", false);
	check(await(&t, "ready\r\n"), "output reaches the terminal, newlines as lines");
	check(raw(&t), "the terminal is raw while the guest runs");
	type(&t, "q", 1);
	finish(&t, 0, "the guest ends");
}

static void escapes(void)
{
	struct term t;

	start(&t, "echo", false);
	check(await(&t, "ready\r\n"), "the guest waits for keys");
	type(&t, "\1\1", 2);
	type(&t, "\1b", 2);
	type(&t, "\3\r", 2);
	type(&t, "q", 1);
	check(await(&t, "71\r\n"), "the guest got all keys");
	check(strstr(t.seen, "ready\r\n01\r\n01\r\n62\r\n03\r\n0d\r\n71\r\n") != NULL,
		"Ctrl-a Ctrl-a is one Ctrl-a, Ctrl-a b is both, Ctrl-c and Enter are themselves");
	finish(&t, 0, "after the keys");
}

static void quit(void)
{
	struct term t;

	start(&t, "spin", false);
	check(await(&t, "ready"), "the guest spins");
	type(&t, "\1x", 2);
	finish(&t, 130, "Ctrl-a x");
}

static void quit_unread(void)
{
	static const char keys[512] = { 'k' };
	struct term t;

	start(&t, "sleep", false);
	check(await(&t, "ready"), "the guest sleeps and reads nothing");
	for (int i = 0; i < 20; i++)
		type(&t, keys, sizeof keys);
	type(&t, "\1x", 2);
	finish(&t, 130, "Ctrl-a x after more keys than the guest's buffer holds");
}

static void signals(void)
{
	static const int list[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };
	struct term t;
	char name[32];

	for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
		start(&t, "spin", false);
		await(&t, "ready");
		kill(t.pid, list[i]);
		snprintf(name, sizeof name, "SIG%s", sigabbrev_np(list[i]));
		finish(&t, 128 + list[i], name);
	}
}

/* As after an assertion of ours that failed. */
static void crash(void)
{
	struct term t;

	start(&t, "spin", false);
	await(&t, "ready");
	kill(t.pid, SIGABRT);
	finish(&t, -SIGABRT, "a crash");
}

static void hang_up(void)
{
	struct term t;

	start(&t, "spin", false);
	await(&t, "ready");
	close(t.slave);
	close(t.master);
	check(await_end(&t) == 128 + SIGHUP, "the terminal is closed: status 129");
}

static void stop_and_continue(void)
{
	struct term t;
	int status;

	start(&t, "echo", false);
	await(&t, "ready");
	kill(t.pid, SIGTSTP);
	check(waitpid(t.pid, &status, WUNTRACED) == t.pid && WIFSTOPPED(status),
		"SIGTSTP stops it");
	check(restored(&t), "stopped: the terminal is the shell's");
	kill(t.pid, SIGCONT);
	type(&t, "r", 1);
	check(await(&t, "72\r\n"), "continued: keys reach the guest");
	check(raw(&t), "continued: the terminal is raw again");
	type(&t, "q", 1);
	finish(&t, 0, "after a stop");
}

static void background(void)
{
	struct term t;

	start(&t, "echo", true);
	check(await(&t, "ready"), "in the background: the guest runs");
	check(restored(&t), "in the background: the terminal is left alone");
	type(&t, "q\n", 2);
	kill(tcgetpgrp(t.master), SIGUSR1);
	check(await(&t, "71\r\n"), "brought to the front: keys reach the guest");
	finish(&t, 0, "brought to the front");
}

static void background_end(void)
{
	struct term t;

	start(&t, "spin", true);
	await(&t, "ready");
	kill(t.pid, SIGTERM);
	finish(&t, 128 + SIGTERM, "SIGTERM in the background");
}

/* A guest is told its console's size; keys are the console's then. */
static void console(void)
{
	const struct winsize larger = { .ws_col = 132, .ws_row = 50 };
	static const char keys[512] = { 'k' };
	struct term t;

	option = "--console";
	start(&t, "size", false);
	check(await(&t, "80x24 ready"), "a console has the terminal's size");
	if (ioctl(t.master, TIOCSWINSZ, &larger) < 0)
		die("TIOCSWINSZ");
	check(await(&t, "132x50 ready"), "a console follows the terminal's size");
	finish(&t, 0, "after a change of size");
	start(&t, "sleep", false);
	await(&t, "ready");
	for (int i = 0; i < 20; i++)
		type(&t, keys, sizeof keys);
	type(&t, "\1x", 2);
	finish(&t, 130, "Ctrl-a x with a console that nobody reads");
	option = NULL;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	if (access("/dev/kvm", R_OK | W_OK) != 0) {
		puts("1..0 # SKIP /dev/kvm cannot be opened");
		return 77;
	}
	ukvmm = argv[1];
	guest = argv[2];
	setvbuf(stdout, NULL, _IOLBF, 0);
	plain_end();
	escapes();
	quit();
	quit_unread();
	signals();
	crash();
	hang_up();
	stop_and_continue();
	background();
	background_end();
	console();
	printf("1..%d\n", tests);
	return failed;
}
