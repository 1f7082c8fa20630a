/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

#include <errno.h>

#include "packet.h"

/* Padding in a structure would tell the other side what was on the stack before: all are sent as they are declared,
 * and message.h leaves none. */
static int send_one(int sock, enum message_type type, const void *body, const int *fds, uint32_t fds_len)
{
	size_t bytes = body ? message_bytes(type) : 0;
	struct message_head head = { type, (uint32_t)(sizeof head + bytes) };
	struct iovec iov[2] = { { &head, sizeof head }, { (void *)(uintptr_t)body, bytes } };

	return packet_send(sock, iov, body ? 2 : 1, fds, fds_len, MSG_DONTWAIT);
}

int message_send(int sock, enum message_type type, const void *body)
{
	return send_one(sock, type, body, NULL, 0);
}

int message_send_fd(int sock, enum message_type type, const void *body, int fd)
{
	return send_one(sock, type, body, &fd, 1);
}

int message_send_job(int sock, const struct message_job *job, const struct message_texts *texts, const int *fds,
	uint32_t fds_len)
{
	size_t bytes = sizeof(struct message_head) + sizeof *job + job->cmdline_len + job->words_len;
	struct message_head head = { MESSAGE_JOB, (uint32_t)bytes };
	struct iovec iov[4] = {
		{ &head, sizeof head },
		{ (void *)(uintptr_t)job, sizeof *job },
		{ (void *)(uintptr_t)texts->cmdline, job->cmdline_len },
		{ (void *)(uintptr_t)texts->words, job->words_len },
	};

	if (job->cmdline_len > MESSAGE_TEXT || job->words_len > MESSAGE_TEXT || bytes > MESSAGE_BYTES)
		return -EMSGSIZE;
	return packet_send(sock, iov, 4, fds, fds_len, MSG_DONTWAIT);
}

int message_receive(int sock, struct message *m)
{
	char bytes[sizeof(struct message)];
	int n = packet_receive(sock, bytes, sizeof bytes, NULL, 0, NULL, MSG_DONTWAIT);

	if (n == -EAGAIN)
		return 0;
	if (n == -EMFILE)
		return -EBADMSG;
	if (n < 0)
		return n == -EBADMSG ? n : -EPIPE;
	return message_take(MESSAGE_AT_CONTROL, bytes, (size_t)n, 0, m) < 0 ? -EBADMSG : 1;
}

int message_await(int sock, void *room, struct message *m, int fds[MESSAGE_FDS], uint32_t *fds_len)
{
	int n = packet_receive(sock, room, MESSAGE_BYTES, fds, MESSAGE_FDS, fds_len, 0), rc;

	if (n < 0)
		return n == -EMFILE ? -EBADMSG : n;
	rc = message_take(MESSAGE_AT_WORKER, room, (size_t)n, *fds_len, m);
	if (rc == 0)
		return 1;
	packet_close(fds, *fds_len);
	*fds_len = 0;
	return rc;
}
