/* SPDX-License-Identifier: Apache-2.0 */
#include "packet.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

union control {
	char bytes[CMSG_SPACE(PACKET_FDS * sizeof(int))];
	struct cmsghdr align;
};

int packet_send(int sock, const struct iovec *iov, size_t iov_len, const int *fds, uint32_t fds_len, int flags)
{
	union control control;
	struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = iov_len };
	struct cmsghdr *c;
	ssize_t n;

	if (fds_len > PACKET_FDS)
		return -E2BIG;
	if (fds_len) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(fds_len * sizeof(int));
		memset(control.bytes, 0, msg.msg_controllen);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fds_len * sizeof(int));
		memcpy(CMSG_DATA(c), fds, fds_len * sizeof(int));
	}
	do
		n = sendmsg(sock, &msg, flags | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 0;
	return errno == ECONNRESET ? -EPIPE : -errno;
}

/* The kernel puts all into one header, of which the room is that of fds_max. */
static uint32_t take_fds(struct msghdr *msg, int *fds)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	uint32_t len;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return 0;
	len = (uint32_t)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(fds, CMSG_DATA(c), len * sizeof(int));
	return len;
}

int packet_receive(int sock, void *room, size_t bytes, int *fds, uint32_t fds_max, uint32_t *fds_len, int flags)
{
	union control control;
	struct iovec iov = { room, bytes };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	uint32_t len;
	ssize_t n;

	if (fds_max) {
		msg.msg_control = control.bytes;
		/* not rounded up: no descriptor more would fit */
		msg.msg_controllen = CMSG_LEN(fds_max * sizeof(int));
		*fds_len = 0;
	}
	do
		n = recvmsg(sock, &msg, flags | MSG_CMSG_CLOEXEC);
	/* one that ended without reading our last packet resets the connection, once; what it said is there still */
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0)
		return -errno;
	len = fds_max ? take_fds(&msg, fds) : 0;
	if (n > 0 && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		if (fds_max)
			*fds_len = len;
		return (int)n;
	}
	packet_close(fds, len);
	if (n == 0)
		return -EPIPE;
	return msg.msg_flags & MSG_CTRUNC ? -EMFILE : -EBADMSG;
}

void packet_close(const int *fds, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		close(fds[i]);
}
