/* SPDX-License-Identifier: Apache-2.0 */
/* ukvmm-faas where the kernel has no room to watch one more worker, for as long as the file $NO_ROOM is there. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "backend/vm.h"
#include "faas.h"

int __real_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);

/* What is watched of a worker is a set of its own. */
static int is_worker(int fd)
{
	char path[32], what[64] = "";

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return readlink(path, what, sizeof what - 1) > 0 && strstr(what, "[eventpoll]") != NULL;
}

int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	const char *sign = getenv("NO_ROOM");

	if (op == EPOLL_CTL_ADD && sign && access(sign, F_OK) == 0 && is_worker(fd)) {
		errno = ENOSPC;
		return -1;
	}
	return __real_epoll_ctl(epoll, op, fd, event);
}

int main(int argc, char **argv)
{
	return faas_main(argc, argv, &vm_backend);
}
