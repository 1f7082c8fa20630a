/* SPDX-License-Identifier: Apache-2.0 */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void sink_init(struct sink *s, uint32_t ports)
{
	s->ports = ports;
	s->port = 0;
	s->fd = -1;
	s->socket = false;
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

/* Ports take turns: a guest that floods one must not silence the other. As ukvmm_vm_console_read;
 * 0: all are empty. */
static int64_t refill(struct sink *s, struct ukvmm_vm *vm)
{
	uint64_t lost;
	int64_t n = 0;

	for (uint32_t i = 0; i < s->ports && n == 0; i++) {
		lost = 0;
		s->port = (s->port + 1) % s->ports;
		n = ukvmm_vm_console_read(vm, s->port, s->buf, sizeof s->buf, &lost);
		s->lost += lost;
	}
	return n;
}

int sink_pump(struct sink *s, struct ukvmm_vm *vm)
{
	int64_t n;
	int rc;

	if (s->fd < 0)
		open_sink(s);
	for (;;) {
		rc = flush(s);
		if (rc != 0)
			return rc;
		n = refill(s, vm);
		if (n <= 0)
			return (int)n;
		s->at = 0;
		s->len = (size_t)n;
	}
}

int sink_fd(const struct sink *s)
{
	return s->fd;
}
