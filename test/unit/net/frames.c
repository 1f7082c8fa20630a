/* SPDX-License-Identifier: Apache-2.0 */
#include "frames.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

size_t frame_make(uint8_t *buf, size_t len, uint8_t seed)
{
	memset(buf, 0, NET_HDR);
	for (size_t i = 0; i < len; i++)
		buf[NET_HDR + i] = (uint8_t)(seed + i * 7 + (i >> 8));
	return NET_HDR + len;
}

uint32_t frame_cut(struct iovec *iov, uint8_t *buf, size_t len, uint32_t pieces)
{
	size_t at = pieces > 1 ? NET_HDR + 14 : len, each = pieces > 1 ? (len - at) / (pieces - 1) : 0;

	iov[0] = (struct iovec){ buf, at };
	for (uint32_t i = 1; i < pieces; i++) {
		size_t n = i + 1 == pieces ? len - at : each;

		iov[i] = (struct iovec){ buf + at, n };
		at += n;
	}
	return pieces;
}

void frame_check(const uint8_t *frame, size_t len, uint8_t seed)
{
	for (size_t i = 0; i < len; i++)
		if (frame[i] != (uint8_t)(seed + i * 7 + (i >> 8)))
			fail_msg("byte %zu of %zu differs", i, len);
}

void pair(int type, int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd), 0);
}

static void wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	assert_int_equal(poll(&p, 1, 100000), 1);
}

void peer_write(int fd, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			wait_for(fd, POLLOUT);
			continue;
		}
		assert_true(n > 0);
		p += n;
		len -= (size_t)n;
	}
}

void peer_read(int fd, void *bytes, size_t len)
{
	uint8_t *p = bytes;

	while (len) {
		ssize_t n = recv(fd, p, len, 0);

		if (n < 0 && errno == EAGAIN) {
			wait_for(fd, POLLIN);
			continue;
		}
		assert_true(n > 0);
		p += n;
		len -= (size_t)n;
	}
}

void peer_frame(int fd, const uint8_t *frame, uint32_t len)
{
	uint32_t prefix = __builtin_bswap32(len);

	peer_write(fd, &prefix, sizeof prefix);
	peer_write(fd, frame, len);
}
