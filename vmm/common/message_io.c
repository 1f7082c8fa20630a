/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Padding in a structure would tell the other side what was on the stack before: all are sent as they are declared,
 * and message.h leaves none. */
static size_t size_of(enum message_type type)
{
	static const struct message *const m;

	switch (type) {
	case MESSAGE_BIRTH:
		return sizeof m->birth;
	case MESSAGE_RESIZE:
		return sizeof m->resize;
	case MESSAGE_CORE:
		return sizeof m->core;
	case MESSAGE_READY:
		return sizeof m->ready;
	case MESSAGE_NOTIFY:
		return sizeof m->notify;
	case MESSAGE_BROKEN:
		return sizeof m->broken;
	case MESSAGE_STATS:
		return sizeof m->stats;
	case MESSAGE_FAILED:
		return sizeof m->failed;
	case MESSAGE_STOPPED:
		return sizeof m->stopped;
	case MESSAGE_DEAD:
		return sizeof m->dead;
	default:
		return 0;
	}
}

static int send_all(int sock, const struct msghdr *msg)
{
	ssize_t n;

	do
		n = sendmsg(sock, msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 0;
	return errno == ECONNRESET ? -EPIPE : -errno;
}

int message_send(int sock, enum message_type type, const void *body)
{
	size_t bytes = body ? size_of(type) : 0;
	struct message_head head = { type, (uint32_t)(sizeof head + bytes) };
	struct iovec iov[2] = { { &head, sizeof head }, { (void *)(uintptr_t)body, bytes } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = body ? 2 : 1 };

	return send_all(sock, &msg);
}

int message_send_fd(int sock, enum message_type type, const void *body, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} room = { { 0 } };
	size_t bytes = size_of(type);
	struct message_head head = { type, (uint32_t)(sizeof head + bytes) };
	struct iovec iov[2] = { { &head, sizeof head }, { (void *)(uintptr_t)body, bytes } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2, .msg_control = room.bytes,
		.msg_controllen = sizeof room.bytes };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	return send_all(sock, &msg);
}

int message_send_job(int sock, const struct message_job *job, const struct message_texts *texts, const int *fds,
	uint32_t fds_len)
{
	union {
		char bytes[CMSG_SPACE(MESSAGE_FDS * sizeof(int))];
		struct cmsghdr align;
	} room = { { 0 } };
	size_t bytes = sizeof(struct message_head) + sizeof *job + job->cmdline_len + job->words_len;
	struct message_head head = { MESSAGE_JOB, (uint32_t)bytes };
	struct iovec iov[4] = {
		{ &head, sizeof head },
		{ (void *)(uintptr_t)job, sizeof *job },
		{ (void *)(uintptr_t)texts->cmdline, job->cmdline_len },
		{ (void *)(uintptr_t)texts->words, job->words_len },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 4 };
	struct cmsghdr *c;

	if (job->cmdline_len > MESSAGE_TEXT || job->words_len > MESSAGE_TEXT || bytes > MESSAGE_BYTES)
		return -EMSGSIZE;
	if (fds_len > MESSAGE_FDS)
		return -E2BIG;
	if (fds_len) {
		msg.msg_control = room.bytes;
		msg.msg_controllen = CMSG_SPACE(fds_len * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fds_len * sizeof(int));
		memcpy(CMSG_DATA(c), fds, fds_len * sizeof(int));
	}
	return send_all(sock, &msg);
}

int message_receive(int sock, struct message *m)
{
	char bytes[sizeof(struct message)];
	struct iovec iov = { bytes, sizeof bytes };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	do
		n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	/* a worker that ended without reading our last message resets the connection, once; what it said is there still */
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		/* 0 is the end, or an empty packet, which nobody sends but one who means harm */
		return -EPIPE;
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ||
		message_take(MESSAGE_AT_CONTROL, bytes, (size_t)n, 0, m) < 0)
		return -EBADMSG;
	return 1;
}

static void close_all(const int *fds, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		close(fds[i]);
}

static uint32_t take_fds(struct msghdr *msg, int fds[MESSAGE_FDS])
{
	struct cmsghdr *c;
	uint32_t len = 0;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		/* the room is that of MESSAGE_FDS, so there are no more */
		len = (uint32_t)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), len * sizeof(int));
	}
	return len;
}

int message_await(int sock, void *room, struct message *m, int fds[MESSAGE_FDS], uint32_t *fds_len)
{
	union {
		char bytes[CMSG_SPACE(MESSAGE_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { room, MESSAGE_BYTES };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = sizeof control.bytes };
	ssize_t n;
	int rc;

	*fds_len = 0;
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (n == 0)
		return -EPIPE;
	*fds_len = take_fds(&msg, fds);
	rc = msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EBADMSG
						       : message_take(MESSAGE_AT_WORKER, room, (size_t)n, *fds_len, m);
	if (rc == 0)
		return 1;
	close_all(fds, *fds_len);
	*fds_len = 0;
	return rc;
}
