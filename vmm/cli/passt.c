/* SPDX-License-Identifier: Apache-2.0 */
#include "passt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "report.h"
#include "signals.h"

enum {
	CHILD_FD = 3, /* the guest's socket in the child */
	WORDS_MAX = 16 + 2 * 2 * FORWARDS_MAX,
	SAID_MAX = 4096,
};

struct words {
	const char *word[WORDS_MAX];
	uint32_t len;
	char fd[12], mtu[12];
};

static void add(struct words *w, const char *option, const char *value)
{
	w->word[w->len++] = option;
	if (value)
		w->word[w->len++] = value;
}

static void add_all(struct words *w, const char *option, const char *const *list, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		add(w, option, list[i]);
	/* said outright: left alone, UDP follows TCP's ports */
	if (len == 0)
		add(w, option, "none");
}

static void command(struct words *w, const struct net_options *o)
{
	w->len = 0;
	snprintf(w->fd, sizeof w->fd, "%d", CHILD_FD);
	snprintf(w->mtu, sizeof w->mtu, "%u", o->mtu);
	add(w, "passt", NULL);
	add(w, "--quiet", NULL);
	add(w, "--fd", w->fd);
	if (o->mtu)
		add(w, "--mtu", w->mtu);
	add_all(w, "--tcp-ports", o->tcp, o->tcp_len);
	add_all(w, "--udp-ports", o->udp, o->udp_len);
	w->word[w->len] = NULL;
}

/* It gets its socket and nothing else of ours; the order matters, as ours may have any number but
 * 0, 1, 2. */
static int set_files(posix_spawn_file_actions_t *files, int socket, int words)
{
	int rc = posix_spawn_file_actions_adddup2(files, words, STDOUT_FILENO);

	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(files, words, STDERR_FILENO);
	if (rc == 0)
		rc = posix_spawn_file_actions_addopen(
			files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(files, socket, CHILD_FD);
	if (rc == 0)
		rc = posix_spawn_file_actions_addclosefrom_np(files, CHILD_FD + 1);
	return rc;
}

/* 0, or an errno value. */
static int spawn(struct passt *p, int socket, const struct words *w)
{
	extern char **environ;
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none;
	int rc;

	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawn_file_actions_init(&files);
	/* ours are blocked */
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	rc = set_files(&files, socket, p->words);
	if (rc == 0)
		rc = posix_spawnp(
			&p->pid, w->word[0], &files, &attr, (char *const *)w->word, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return rc;
}

int passt_start(struct passt *p, const struct net_options *o, const char *name)
{
	struct words words;
	int pair[2], rc;

	p->name = name;
	p->words = memfd_create("passt", MFD_CLOEXEC);
	if (p->words < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		report_errno(p->words < 0 ? "memfd_create" : "socketpair", name, errno);
		return -1;
	}
	p->fd = pair[0];
	command(&words, o);
	/* ignored, which is inherited, it would lose us the child's status */
	signal(SIGCHLD, SIG_DFL);
	rc = spawn(p, pair[1], &words);
	close(pair[1]);
	if (rc == 0)
		return 0;
	if (rc == ENOENT)
		report("posix_spawn", "passt",
			"it is not installed; Debian has it in the package passt");
	else
		report_errno("posix_spawn", "passt", rc);
	return -1;
}

/* Its log, without what is no news: where there is no syslog, and that it drops root. */
static bool is_news(const char *line)
{
	return *line && strncmp(line, "Failed to send ", 15) != 0 &&
	       strncmp(line, "Don't run as root.", 18) != 0;
}

static int failed(const struct passt *p, int status)
{
	char said[SAID_MAX], *at = said, *line;
	ssize_t len = pread(p->words, said, sizeof said - 1, 0);
	bool told = false;

	said[len > 0 ? len : 0] = '\0';
	while ((line = strsep(&at, "\n"))) {
		if (!is_news(line))
			continue;
		report("passt", p->name, "%s", line);
		told = true;
	}
	if (WIFSIGNALED(status))
		report("passt", p->name, "it died of signal %d", WTERMSIG(status));
	else if (!told)
		report("passt", p->name, "it ended with status %d", WEXITSTATUS(status));
	return -1;
}

/* Until the child has ended: 0. Our signals are blocked: one that comes must still end us, and it: its number. */
static int await_end(pid_t pid)
{
	struct pollfd fds[2] = {
		{ .fd = pidfd_open(pid, 0), .events = POLLIN },
		{ .fd = signals_open(), .events = POLLIN },
	};
	int sig = 0;

	while (fds[0].fd >= 0 && fds[1].fd >= 0 && !fds[0].revents && !sig)
		if (poll(fds, 2, -1) > 0 && fds[1].revents)
			sig = signals_take(fds[1].fd);
	if (sig)
		kill(pid, SIGKILL);
	close(fds[0].fd);
	close(fds[1].fd);
	return sig;
}

int passt_await(struct passt *p)
{
	int status = 0, sig = await_end(p->pid);
	pid_t got;

	do
		got = waitpid(p->pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (sig)
		return CLI_SIGNAL + sig;
	if (got < 0) {
		report_errno("waitpid", "passt", errno);
		return -1;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return failed(p, status);
	close(p->words);
	return 0;
}
