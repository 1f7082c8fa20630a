/* SPDX-License-Identifier: Apache-2.0 */
#include "broker_wire.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

int broker_request_take(const void *from, size_t bytes, uint32_t fds, struct broker_request *r)
{
	if (bytes != sizeof *r)
		return -EBADMSG;
	memcpy(r, from, sizeof *r);
	if (!memchr(r->name, '\0', sizeof r->name) || !printable(r->name) || r->write > 1)
		return -EBADMSG;
	switch (r->verb) {
	case BROKER_SPAWN:
		return fds == BROKER_FDS && !(r->flags & ~(WORKER_URING | WORKER_VSOCK | WORKER_INSPECT | WORKER_TRACE)) ? 0 : -EBADMSG;
	case BROKER_LIMIT:
		return fds == 0 ? 0 : -EBADMSG;
	case BROKER_OPEN:
		return fds == 0 && r->name[0] && r->folder < BROKER_FOLDERS ? 0 : -EBADMSG;
	case BROKER_TAP:
		return fds == 0 && r->name[0] ? 0 : -EBADMSG;
	default:
		return -EBADMSG;
	}
}

union control {
	char bytes[CMSG_SPACE(BROKER_FDS * sizeof(int))];
	struct cmsghdr align;
};

int broker_send(int sock, const void *body, size_t bytes, const int *fds, uint32_t fds_len, int wait)
{
	union control control = { { 0 } };
	struct iovec iov = { (void *)(uintptr_t)body, bytes };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	ssize_t n;

	if (fds_len) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(fds_len * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fds_len * sizeof(int));
		memcpy(CMSG_DATA(c), fds, fds_len * sizeof(int));
	}
	do
		n = sendmsg(sock, &msg, wait | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static void take_fds(struct msghdr *msg, int *fds, uint32_t *len)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return;
	/* the room is that of BROKER_FDS */
	*len = (uint32_t)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(fds, CMSG_DATA(c), *len * sizeof(int));
}

int broker_receive(int sock, void *body, size_t bytes, int *fds, uint32_t fds_max, uint32_t *fds_len, int wait)
{
	union control control;
	struct iovec iov = { body, bytes };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(fds_max * sizeof(int)) };
	ssize_t n;

	*fds_len = 0;
	do
		n = recvmsg(sock, &msg, wait | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (n == 0)
		return -EPIPE;
	take_fds(&msg, fds, fds_len);
	if ((size_t)n == bytes && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return 1;
	for (uint32_t i = 0; i < *fds_len; i++)
		close(fds[i]);
	*fds_len = 0;
	return msg.msg_flags & MSG_CTRUNC ? -EMFILE : -EBADMSG;
}
