/* SPDX-License-Identifier: Apache-2.0 */
#include "vsock.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "report.h"

static bool is_socket(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* True if it is a socket whose listener is gone. */
static bool is_stale(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	bool refused;
	int fd;

	if (strlen(path) >= sizeof to.sun_path || !is_socket(path))
		return false;
	strcpy(to.sun_path, path);
	/* SOCK_NONBLOCK: a listener that is there, but busy, must not hold us */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	refused = connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno == ECONNREFUSED;
	close(fd);
	return refused;
}

int vsock_add(const struct vsock_options *o, const char *name, struct ukvmm_vm *vm)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_vsock_config config = {
		.size = sizeof config,
		.cid = o->cid,
		.path = o->path,
		.listen = o->listen,
	};

	/* failing to is the library's to tell: the path is in use then */
	if (o->listen && is_stale(o->path))
		unlink(o->path);
	if (ukvmm_vm_add_vsock(vm, name, &config, &err) == 0)
		return 0;
	report_err(&err, NULL);
	return -1;
}
