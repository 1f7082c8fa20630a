/* SPDX-License-Identifier: Apache-2.0 */
#include "systemd.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "parse.h"

enum { FIRST = 3 };

void systemd_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	static int fd = -1;

	if (!path || strlen(path) < 2 || strlen(path) >= sizeof to.sun_path)
		return;
	if (fd < 0)
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || !state)
		return;
	strcpy(to.sun_path, path);
	if (to.sun_path[0] == '@') /* an abstract one */
		to.sun_path[0] = 0;
	sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
}

int systemd_socket(int n)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint32_t who, count;
	int fd = FIRST + n;

	if (!pid || !fds || parse_u32(pid, 1, UINT32_MAX, &who) < 0 || parse_u32(fds, 1, 64, &count) < 0)
		return -1;
	if (who != (uint32_t)getpid() || (uint32_t)n >= count)
		return -1;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return -1;
	return fd;
}
