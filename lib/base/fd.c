/* SPDX-License-Identifier: Apache-2.0 */
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

int fd_dup(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	return copy < 0 ? -errno : copy;
}

int fd_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return -1;
}

int fd_stat(int fd, struct stat *st)
{
	return (int)syscall(SYS_fstat, fd, st);
}

int fd_pread_full(int fd, void *dst, size_t len, uint64_t off)
{
	uint8_t *p = dst;

	while (len) {
		ssize_t n = pread(fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t fd_send(int fd, const void *buf, size_t len)
{
	struct iovec all = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };
	const struct msghdr m = { .msg_iov = &all, .msg_iovlen = 1 };

	return sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

ssize_t fd_recv(int fd, void *buf, size_t len, int flags)
{
	struct iovec all = { .iov_base = buf, .iov_len = len };
	struct msghdr m = { .msg_iov = &all, .msg_iovlen = 1 };

	return recvmsg(fd, &m, MSG_DONTWAIT | flags);
}

void fd_event_set(int fd)
{
	/* can only fail when the counter is at its maximum: it is set then */
	int rc = eventfd_write(fd, 1);

	(void)rc;
}

void fd_event_clear(int fd)
{
	eventfd_t count;
	int rc = eventfd_read(fd, &count);

	(void)rc;
}
