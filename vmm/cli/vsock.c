/* SPDX-License-Identifier: Apache-2.0 */
#include "vsock.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "again.h"
#include "report.h"

enum { STREAMS = 64, PORT_DIGITS = 11 /* "_4294967295" */ };

static bool is_socket(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* True if it is a socket whose listener is gone. */
static bool is_stale(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	bool refused;
	int fd;

	if (strlen(path) >= sizeof to.sun_path || !is_socket(path))
		return false;
	strcpy(to.sun_path, path);
	/* SOCK_NONBLOCK: a listener that is there, but busy, must not hold us */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	refused = connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno == ECONNREFUSED;
	close(fd);
	return refused;
}

static int listen_at(struct vsock *v, const struct sockaddr_un *at, const char **call)
{
	struct stat st;

	*call = "socket";
	v->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (v->listener < 0)
		return -1;
	*call = "bind";
	if (bind(v->listener, (const struct sockaddr *)at, sizeof *at) < 0)
		return -1;
	*call = "lstat";
	if (lstat(v->path, &st) < 0)
		return -1;
	v->dev = st.st_dev;
	v->ino = st.st_ino;
	*call = "listen";
	return listen(v->listener, STREAMS);
}

static int open_listener(struct vsock *v, const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	uint64_t since = 0;
	const char *call;

	strcpy(at.sun_path, v->path);
	while (is_socket(v->path) && !is_stale(v->path) && again(&since))
		;
	if (is_stale(v->path))
		unlink(v->path);
	if (listen_at(v, &at, &call) == 0)
		return 0;
	report(call, name, "%s: %s", v->path, strerror(errno));
	return -1;
}

int vsock_open(struct vsock *v, const struct vsock_options *o, const char *name)
{
	int pair[2];

	if (strlen(o->path) + PORT_DIGITS >= sizeof((struct sockaddr_un *)0)->sun_path) {
		report("vsock", name, "%s: the path of a socket, with _PORT behind it, has at most 107 bytes", o->path);
		return -1;
	}
	v->path = o->path;
	if (o->listen && open_listener(v, name) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		report_errno("socketpair", name, errno);
		return -1;
	}
	v->door = pair[0];
	v->worker_door = pair[1];
	return 0;
}

void vsock_close(struct vsock *v)
{
	struct stat st;

	if (v->ino && lstat(v->path, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_dev == v->dev && st.st_ino == v->ino)
		unlink(v->path);
	v->ino = 0;
}
