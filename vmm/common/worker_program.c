/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "failure.h"
#include "worker.h"

#define PROGRAM "ukvmm-worker"

/* From the folder of this program; a program that was replaced by an update is "... (deleted)", in the same one. */
static int open_beside(const char *name)
{
	char path[PATH_MAX + 64];
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX);
	char *slash;

	if (len <= 0 || len == PATH_MAX)
		return -1;
	path[len] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return -1;
	snprintf(slash + 1, sizeof path - (size_t)(slash + 1 - path), "%s", name);
	return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

int worker_program(struct ukvmm_err *err)
{
	static const char installed[] = WORKER_FOLDER "/" PROGRAM;
	int low = open_beside(PROGRAM), fd;

	/* installed below another prefix than it was configured for */
	if (low < 0)
		low = open_beside(WORKER_FROM_BIN "/" PROGRAM);
	if (low < 0)
		low = open(installed, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (low < 0)
		return failure(err, -errno, "open", installed);
	/* 0 means another thing, and a client's streams may be closed */
	fd = fcntl(low, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (fd < 0)
		failure(err, -errno, "fcntl", installed);
	close(low);
	return fd < 0 ? -EMFILE : fd;
}
