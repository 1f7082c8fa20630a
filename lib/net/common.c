/* SPDX-License-Identifier: Apache-2.0 */
#include "backend.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "err.h"
#include "fd.h"

int net_fd_dup(int fd, const char *object, struct ukvmm_err *err)
{
	int copy = fd_dup(fd), flags;

	if (copy < 0)
		return err_set(err, copy, "fcntl", object, "cannot duplicate fd %d: %s", fd, strerror(-copy));
	flags = fcntl(copy, F_GETFL);
	if (flags < 0 || fcntl(copy, F_SETFL, flags | O_NONBLOCK)) {
		int rc = -errno;

		fd_close(copy);
		return err_set(err, rc, "fcntl", object, "cannot make fd %d non-blocking: %s", fd, strerror(-rc));
	}
	return copy;
}

static int socket_option(int fd, int option)
{
	int value;
	socklen_t len = sizeof value;

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) ? -errno : value;
}

int net_socket_dup(int fd, int type, int or_type, const char *object, struct ukvmm_err *err)
{
	int is = socket_option(fd, SO_TYPE);
	struct sockaddr_storage peer;
	socklen_t len = sizeof peer;

	if (is < 0)
		return err_set(err, is, "getsockopt", object, "fd %d: %s", fd, strerror(-is));
	if ((is != type && is != or_type) || socket_option(fd, SO_DOMAIN) != AF_UNIX)
		return err_set(err, -EPROTOTYPE, "getsockopt", object, "fd %d is not an AF_UNIX socket of the right type", fd);
	if (getpeername(fd, (struct sockaddr *)&peer, &len)) {
		is = -errno;
		return err_set(err, is, "getpeername", object, "fd %d: %s", fd, strerror(-is));
	}
	return net_fd_dup(fd, object, err);
}

bool net_peer_gone(int error)
{
	return error == EPIPE || error == ECONNRESET || error == ECONNREFUSED || error == ENOTCONN || error == EBADF;
}

void net_header_plain(uint8_t *buf)
{
	memset(buf, 0, NET_HDR);
	buf[10] = 1; /* num_buffers */
}
