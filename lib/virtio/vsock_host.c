/* SPDX-License-Identifier: Apache-2.0 */
/* The host's sockets: where the guest's connects go, and who asks for the guest. Local clients are hostile: each has
 * a line's worth of bytes, and when all places are taken the oldest gives way. */
#include "vsock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "err.h"
#include "fd.h"

enum { ACCEPTS = 16 };
#define RETRY_NS 100000000u /* when the process has no fd left */

static int unix_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

int vsock_host_connect(const struct virtio_vsock *v, uint32_t port)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd, rc, n;

	if (v->connect)
		return v->connect(v->connect_cookie, port);
	if (!v->path[0])
		return -ECONNREFUSED;
	n = snprintf(to.sun_path, sizeof to.sun_path, "%s_%u", v->path, port);
	if (n < 0 || (size_t)n >= sizeof to.sun_path)
		return -ENAMETOOLONG;
	fd = unix_socket();
	if (fd < 0)
		return fd;
	/* does not wait for an accept; a full backlog is a refusal */
	rc = connect(fd, (struct sockaddr *)&to, sizeof to) ? -errno : 0;
	if (rc) {
		fd_close(fd);
		return rc;
	}
	return fd;
}

void vsock_host_request(struct virtio_vsock *v, int fd, uint32_t port, bool announce)
{
	struct vsock_stream *s = vsock_stream_new(v, fd, VSOCK_HELD);

	if (!s)
		return;
	s->guest_port = port;
	s->announce = announce;
	vsock_want(v, s, VSOCK_REQUEST);
}

static int listen_at(struct virtio_vsock *v, const struct sockaddr_un *at, const char **call)
{
	struct stat st;

	*call = "socket";
	v->listener = unix_socket();
	if (v->listener < 0)
		return v->listener;
	atomic_fetch_add(&v->fds, 1);
	*call = "bind";
	if (bind(v->listener, (const struct sockaddr *)at, sizeof *at))
		return -errno;
	*call = "lstat";
	if (lstat(v->path, &st))
		return -errno;
	v->listener_dev = st.st_dev;
	v->listener_ino = st.st_ino;
	*call = "listen";
	return listen(v->listener, VSOCK_STREAMS) ? -errno : 0;
}

int vsock_listen(struct virtio_vsock *v, const char *object, struct ukvmm_err *err)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const char *call;
	int rc;

	memcpy(at.sun_path, v->path, sizeof at.sun_path);
	rc = listen_at(v, &at, &call);
	return rc ? err_set(err, rc, call, object, "%s: %s", v->path, strerror(-rc)) : 0;
}

int vsock_listen_given(struct virtio_vsock *v, int fd, const char *object, struct ukvmm_err *err)
{
	int on = 0, flags;
	socklen_t len = sizeof on;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) || !on)
		return err_set(err, -EINVAL, "getsockopt", object, "fd %d is not a listening socket", fd);
	v->listener = fd_dup(fd);
	if (v->listener < 0)
		return err_set(err, v->listener, "dup", object, "%s", strerror(-v->listener));
	atomic_fetch_add(&v->fds, 1);
	/* whoever else accepts must not make us wait */
	flags = fcntl(v->listener, F_GETFL);
	if (flags < 0 || fcntl(v->listener, F_SETFL, flags | O_NONBLOCK))
		return err_set(err, -errno, "F_SETFL", object, "%s", strerror(errno));
	return 0;
}

/* The name goes with the VM, but not another one's that has taken its place. */
void vsock_unlisten(struct virtio_vsock *v)
{
	struct stat st;

	if (v->listener < 0)
		return;
	if (v->listener_ino && !lstat(v->path, &st) && S_ISSOCK(st.st_mode) && st.st_dev == v->listener_dev &&
		st.st_ino == v->listener_ino)
		unlink(v->path);
	vsock_fd_close(v, &v->listener);
}

static void client_drop(struct virtio_vsock *v, struct vsock_client *c)
{
	vsock_fd_close(v, &c->fd);
}

static struct vsock_client *client_place(struct virtio_vsock *v)
{
	struct vsock_client *oldest = &v->client[0];

	for (uint32_t i = 0; i < VSOCK_CLIENTS; i++) {
		struct vsock_client *c = &v->client[i];

		if (c->fd < 0)
			return c;
		if ((int32_t)(c->since - oldest->since) < 0)
			oldest = c;
	}
	client_drop(v, oldest);
	return oldest;
}

static void client_new(struct virtio_vsock *v, int fd)
{
	struct vsock_client *c = client_place(v);

	*c = (struct vsock_client){ .fd = fd, .since = v->clock++ };
	atomic_fetch_add(&v->fds, 1);
	if (ukvmm_device_watch(v->dev, fd, EPOLLIN, VSOCK_TAG_CLIENT + (uint64_t)(c - v->client)))
		client_drop(v, c);
}

static bool out_of_fds(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

static void accept_some(struct virtio_vsock *v)
{
	for (uint32_t i = 0; i < ACCEPTS; i++) {
		int fd = accept4(v->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			client_new(v, fd);
		} else if (out_of_fds(errno)) {
			/* it stays readable: look away for a while */
			ukvmm_device_watch(v->dev, v->listener, 0, 0);
			ukvmm_device_timer(v->dev, ukvmm_now() + RETRY_NS);
			return;
		} else if (errno == EAGAIN) {
			return;
		}
	}
}

void vsock_listener_event(struct virtio_vsock *v, uint32_t events)
{
	accept_some(v);
	/* shut down by its owner: it stays readable, and nobody will ever come */
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		ukvmm_device_watch(v->dev, v->listener, 0, 0);
}

int vsock_listener_watch(struct virtio_vsock *v)
{
	return ukvmm_device_watch(v->dev, v->listener, EPOLLIN | EPOLLRDHUP, VSOCK_TAG_LISTENER);
}

void vsock_listener_timer(struct virtio_vsock *v)
{
	if (v->listener >= 0 && vsock_listener_watch(v))
		ukvmm_device_timer(v->dev, ukvmm_now() + RETRY_NS);
}

/* "CONNECT <port>", without its end of line. */
static bool line_port(const char *line, uint32_t *port)
{
	static const char word[] = "CONNECT ";
	const char *p = line + sizeof word - 1;
	uint64_t value = 0;

	if (strncasecmp(line, word, sizeof word - 1) || !*p)
		return false;
	for (; *p >= '0' && *p <= '9' && value < UINT32_MAX; p++)
		value = value * 10 + (uint64_t)(*p - '0');
	*port = (uint32_t)value;
	return !*p && value < UINT32_MAX; /* 2^32 - 1 is VMADDR_PORT_ANY */
}

static void client_line(struct virtio_vsock *v, struct vsock_client *c)
{
	uint32_t port;
	int fd = c->fd;

	c->line[c->len - 1] = '\0';
	if (c->len > 1 && c->line[c->len - 2] == '\r')
		c->line[c->len - 2] = '\0';
	if (!line_port(c->line, &port) || !vsock_reserve(v)) {
		client_drop(v, c);
		return;
	}
	c->fd = -1;
	atomic_fetch_sub(&v->fds, 1);
	/* as a stream it is watched anew, under another tag */
	ukvmm_device_watch(v->dev, fd, 0, 0);
	vsock_host_request(v, fd, port, true);
}

/* Only the line is taken: what follows is the guest's. */
void vsock_client_event(struct virtio_vsock *v, struct vsock_client *c)
{
	char *at = c->line + c->len, *end;
	ssize_t n = fd_recv(c->fd, at, sizeof c->line - c->len, MSG_PEEK);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		end = memchr(at, '\n', (size_t)n);
		n = fd_recv(c->fd, at, end ? (size_t)(end - at) + 1 : (size_t)n, 0);
	}
	if (n <= 0) {
		client_drop(v, c);
		return;
	}
	c->len += (uint32_t)n;
	if (c->line[c->len - 1] == '\n')
		client_line(v, c);
	else if (c->len == sizeof c->line)
		client_drop(v, c);
}
