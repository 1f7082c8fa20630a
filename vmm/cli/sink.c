/* SPDX-License-Identifier: Apache-2.0 */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TURN = 64 };

void sink_init(struct sink *s)
{
	s->fd = -1;
	s->socket = s->ended = false;
	s->at = s->len = 0;
	s->lost = 0;
}

/*
 * O_NONBLOCK belongs to the open file, which we share with the shell and with the programs beside
 * us: a description of our own is the only polite one to change. Where there is none to be had (no
 * /proc, a terminal of another user's), a blocking stdout is what is left.
 */
static void open_sink(struct sink *s)
{
	int own = -1, mode = fcntl(STDOUT_FILENO, F_GETFL);
	struct stat st;

	s->fd = STDOUT_FILENO;
	if (mode < 0 || (mode & O_ACCMODE) == O_RDONLY || fstat(STDOUT_FILENO, &st) < 0)
		return;
	s->socket = S_ISSOCK(st.st_mode);
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
		own = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (own >= 0)
		s->fd = own;
}

static ssize_t put(const struct sink *s, const char *bytes, size_t len)
{
	if (s->socket)
		return send(s->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(s->fd, bytes, len);
}

static int flush(struct sink *s)
{
	ssize_t n;

	if (s->fd < 0)
		open_sink(s);
	while (s->at < s->len) {
		n = put(s, s->buf + s->at, s->len - s->at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 1 : -errno;
		s->at += (size_t)n;
	}
	return 0;
}

/* How much it was; 0: nothing is there now, or ever again. */
static size_t refill(struct sink *s, int console)
{
	ssize_t n;

	do
		n = s->ended ? 0 : recv(console, s->buf, sizeof s->buf, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		s->ended = true;
	s->at = 0;
	s->len = n > 0 ? (size_t)n : 0;
	return s->len;
}

int sink_pump(struct sink *s, int console)
{
	int rc;

	for (int turn = 0; turn < TURN; turn++) {
		rc = s->len > s->at ? flush(s) : 0;
		if (rc != 0)
			return rc;
		if (refill(s, console) == 0)
			return 0;
	}
	return flush(s);
}

int sink_drop(struct sink *s, int console)
{
	for (int turn = 0; turn < TURN && refill(s, console) > 0; turn++)
		;
	s->len = s->at = 0;
	return 0;
}

int sink_fd(const struct sink *s)
{
	return s->fd;
}
