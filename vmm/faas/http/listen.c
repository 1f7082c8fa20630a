/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "parse.h"
#include "server.h"

static int fail(struct ukvmm_err *err, const char *call, const char *where, int code, const char *text)
{
	err->code = code;
	snprintf(err->call, sizeof err->call, "%s", call);
	snprintf(err->object, sizeof err->object, "%s", where);
	snprintf(err->text, sizeof err->text, "%s", text);
	return code;
}

/* "[::1]:8080" and "127.0.0.1:8080" in two. */
static int split(const char *where, char *host, size_t host_len, const char **port)
{
	const char *colon = strrchr(where, ':');
	size_t n = colon ? (size_t)(colon - where) : 0;
	uint32_t number;

	if (!colon || !colon[1] || n == 0 || n >= host_len)
		return -EINVAL;
	if (where[0] == '[') {
		if (where[n - 1] != ']' || n < 3)
			return -EINVAL;
		where++;
		n -= 2;
	}
	memcpy(host, where, n);
	host[n] = 0;
	*port = colon + 1;
	/* getaddrinfo would take one that is too large for another one */
	return parse_u32(*port, 0, 65535, &number);
}

static int bind_to(const struct addrinfo *a, const char *where, struct ukvmm_err *err)
{
	int on = 1, rc, fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return fail(err, "socket", where, -errno, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	rc = fail(err, "bind", where, -errno, strerror(errno));
	close(fd);
	return rc;
}

int http_listen(const char *where, struct ukvmm_err *err)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	const char *port;
	char host[64];
	int rc;

	if (split(where, host, sizeof host, &port) < 0 || getaddrinfo(host, port, &hints, &found) != 0)
		return fail(err, "listen", where, -EINVAL, "not an address and a port, such as 127.0.0.1:8080");
	rc = bind_to(found, where, err);
	freeaddrinfo(found);
	return rc;
}
