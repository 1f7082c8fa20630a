/* SPDX-License-Identifier: Apache-2.0 */
#include "broker_wire.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "packet.h"

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

int broker_send(int sock, const void *body, size_t bytes, const int *fds, uint32_t fds_len, int wait)
{
	return packet_send(sock, &(struct iovec){ (void *)(uintptr_t)body, bytes }, 1, fds, fds_len, wait);
}

int broker_receive(int sock, void *body, size_t bytes, int *fds, uint32_t fds_max, uint32_t *fds_len, int wait)
{
	int n = packet_receive(sock, body, bytes, fds, fds_max, fds_len, wait);

	if (n < 0)
		return n;
	if ((size_t)n == bytes)
		return 1;
	packet_close(fds, *fds_len);
	*fds_len = 0;
	return -EBADMSG;
}
