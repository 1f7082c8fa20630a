/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both ends of the streams in suite-vsock; prints one line a stream.
 * usage: rig-vsock guest         first a connect to CID 2 port 1000, then an echo on port 2000 for one client
 *        rig-vsock host PATH     an echo on PATH_1000 for one client, then a client of port 2000 through PATH
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

enum { TO_HOST = 1000, TO_GUEST = 2000, TOTAL = 4 << 20, TRIES = 600, WAIT_MS = 100 };

static void die(const char *what)
{
	printf("rig-vsock: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint8_t byte_at(uint32_t at)
{
	return (uint8_t)(at * 2654435761u >> 24);
}

static uint32_t send_some(int fd, uint32_t sent)
{
	uint8_t buf[20000];
	uint32_t len = TOTAL - sent < sizeof buf ? TOTAL - sent : (uint32_t)sizeof buf;
	ssize_t n;

	for (uint32_t i = 0; i < len; i++)
		buf[i] = byte_at(sent + i);
	n = send(fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN)
		die("send");
	sent += n < 0 ? 0 : (uint32_t)n;
	if (sent == TOTAL && shutdown(fd, SHUT_WR))
		die("shutdown");
	return sent;
}

/* Sends TOTAL bytes while they come back, ends its half, and wants the other's end. */
static void run_client(int fd, const char *name)
{
	uint32_t sent = 0, got = 0;
	uint8_t buf[20000];
	ssize_t n;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = (short)(POLLIN | (sent < TOTAL ? POLLOUT : 0)) };

		if (poll(&p, 1, -1) < 0)
			die("poll");
		if (sent < TOTAL && p.revents & POLLOUT)
			sent = send_some(fd, sent);
		if (!(p.revents & (POLLIN | POLLHUP | POLLERR)))
			continue;
		n = recv(fd, buf, sizeof buf, 0);
		if (n < 0)
			die("recv");
		if (!n)
			break;
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != byte_at(got++))
				die("a byte is wrong");
	}
	printf("rig-vsock: %s: %u of %u bytes came back\n", name, got, (unsigned)TOTAL);
	if (got != TOTAL)
		exit(1);
	close(fd);
}

static void run_echo(int listener, const char *name)
{
	int fd = accept(listener, NULL, NULL);
	uint32_t total = 0;
	uint8_t buf[30000];
	ssize_t n;

	if (fd < 0)
		die("accept");
	while ((n = recv(fd, buf, sizeof buf, 0)) > 0) {
		for (ssize_t at = 0, m; at < n; at += m)
			if ((m = send(fd, buf + at, (size_t)(n - at), MSG_NOSIGNAL)) < 0)
				die("echo");
		total += (uint32_t)n;
	}
	if (n < 0)
		die("recv");
	printf("rig-vsock: %s: %u bytes echoed\n", name, total);
	close(fd);
}

static void guest(void)
{
	struct sockaddr_vm to = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = TO_HOST };
	struct sockaddr_vm at = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = TO_GUEST };
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0), listener = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (fd < 0 || bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 1))
		die("listen");
	if (connect(fd, (struct sockaddr *)&to, sizeof to))
		die("connect");
	run_client(fd, "guest to host");
	run_echo(listener, "host to guest");
	fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	to.svm_port = TO_HOST + 1;
	if (!connect(fd, (struct sockaddr *)&to, sizeof to) || errno != ECONNRESET)
		die("a port that nobody listens on");
	puts("rig-vsock: refused as it should be");
}

static int unix_at(struct sockaddr_un *at, const char *path, const char *suffix)
{
	*at = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(at->sun_path, sizeof at->sun_path, "%s%s", path, suffix);
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

/* Held while the guest boots; refused while its program does not listen: again, then. */
static int connect_to_guest(const char *path)
{
	char line[64] = "";
	struct sockaddr_un to;

	for (int i = 0; i < TRIES; i++, poll(NULL, 0, WAIT_MS)) {
		int fd = unix_at(&to, path, "");

		if (!connect(fd, (struct sockaddr *)&to, sizeof to) && send(fd, "CONNECT 2000\n", 13, MSG_NOSIGNAL) == 13) {
			size_t n = 0;

			while (n + 1 < sizeof line && recv(fd, line + n, 1, 0) == 1 && line[n++] != '\n')
				;
			if (!strncmp(line, "OK ", 3)) {
				printf("rig-vsock: attempt %d: %.*s\n", i + 1, (int)n - 1, line);
				return fd;
			}
		}
		close(fd);
	}
	die("no OK from the guest");
	return -1;
}

static void host(const char *path)
{
	struct sockaddr_un at;
	int listener = unix_at(&at, path, "_1000");

	if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 1))
		die("listen");
	run_echo(listener, "guest to host");
	run_client(connect_to_guest(path), "host to guest");
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && !strcmp(argv[1], "guest"))
		guest();
	else if (argc == 3 && !strcmp(argv[1], "host"))
		host(argv[2]);
	else
		return 2;
	return 0;
}
