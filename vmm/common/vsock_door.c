/* SPDX-License-Identifier: Apache-2.0 */
#include "vsock_door.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "packet.h"

enum { TURN = 16 };

int vsock_door_ask(uint64_t cookie, uint32_t port)
{
	int sock = (int)cookie, fd, n;
	uint32_t fds;
	int32_t rc;

	if (write(sock, &port, sizeof port) != sizeof port)
		return -ECONNREFUSED;
	n = packet_receive(sock, &rc, sizeof rc, &fd, 1, &fds, 0);
	if (n < 0)
		return -ECONNREFUSED;
	if (n == sizeof rc && rc == 0 && fds == 1)
		return fd;
	packet_close(&fd, fds);
	return n == sizeof rc && rc < 0 ? rc : -ECONNREFUSED;
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
	int32_t rc = fd < 0 ? fd : 0;

	/* one who does not read its answers has asked too often */
	return packet_send(sock, &(struct iovec){ &rc, sizeof rc }, 1, &fd, fd >= 0, MSG_DONTWAIT) < 0 ? -EPIPE : 0;
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
