/* SPDX-License-Identifier: Apache-2.0 */
#include "vsock_door.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { TURN = 16 };

union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static int taken_fd(struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int fd;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof fd))
		return -ECONNREFUSED;
	memcpy(&fd, CMSG_DATA(c), sizeof fd);
	return fd;
}

int vsock_door_ask(uint64_t cookie, uint32_t port)
{
	int sock = (int)cookie;
	union control control;
	int32_t rc = 0;
	struct iovec iov = { &rc, sizeof rc };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = sizeof control };
	ssize_t n;

	if (write(sock, &port, sizeof port) != sizeof port)
		return -ECONNREFUSED;
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != sizeof rc)
		return -ECONNREFUSED;
	if (rc < 0)
		return rc;
	return taken_fd(&msg);
}

/* As the library does it for itself (doc/devices.md). */
static int connect_to(const char *path, uint32_t port)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int n = snprintf(to.sun_path, sizeof to.sun_path, "%s_%u", path, port), fd, rc;

	if (n < 0 || (size_t)n >= sizeof to.sun_path)
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* does not wait for an accept; a full backlog is a refusal */
	if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static int answer(int sock, int fd)
{
	union control control = { { 0 } };
	int32_t rc = fd < 0 ? fd : 0;
	struct iovec iov = { &rc, sizeof rc };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (fd >= 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof control;
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	/* one who does not read its answers has asked too often */
	return sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -EPIPE : 0;
}

int vsock_door_answer(int sock, const char *path)
{
	uint32_t port;
	ssize_t n;
	int fd, rc = 0;

	for (int i = 0; i < TURN && rc == 0; i++) {
		n = recv(sock, &port, sizeof port, MSG_DONTWAIT | MSG_TRUNC);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0)
			return -EPIPE;
		if (n != sizeof port)
			return -EBADMSG;
		fd = connect_to(path, port);
		rc = answer(sock, fd);
		if (fd >= 0)
			close(fd);
	}
	return rc;
}
