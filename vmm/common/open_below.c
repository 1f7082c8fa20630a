/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "open_below.h"

enum { TRIES = 1000 };

/* One name, one file: a second name of a file may have been planted to have us write somebody else's. */
static int check(int fd)
{
	struct stat st;
	int flags;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if (st.st_nlink != 1)
		return -EMLINK;
	flags = fcntl(fd, F_GETFL);
	return flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0 ? -errno : 0;
}

int open_below(int folder, const char *name, bool write)
{
	struct open_how how = {
		/* O_NONBLOCK: a fifo must not hang us */
		.flags = (uint64_t)(write ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW,
		.mode = write ? 0600 : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};
	long fd;
	int rc, tries = 0;

	/* openat2(2): where something was renamed or mounted meanwhile, anywhere, ".." cannot be told to stay below */
	do
		fd = syscall(SYS_openat2, folder, name, &how, sizeof how);
	while (fd < 0 && errno == EAGAIN && ++tries < TRIES);
	if (fd < 0)
		return -errno;
	rc = check((int)fd);
	if (rc == 0)
		return (int)fd;
	close((int)fd);
	return rc;
}
