/* SPDX-License-Identifier: Apache-2.0 */
/* The real system calls behind the seam. */
#include "kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static int sys_open(void *ctx, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	(void)ctx;
	return fd < 0 ? -errno : fd;
}

static int sys_dup(void *ctx, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	(void)ctx;
	return copy < 0 ? -errno : copy;
}

static int sys_ioctl(void *ctx, int fd, unsigned long request, uintptr_t arg)
{
	int rc = ioctl(fd, request, arg);

	(void)ctx;
	return rc < 0 ? -errno : rc;
}

static int sys_mmap(void *ctx, int fd, size_t len, void **out)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	(void)ctx;
	if (p == MAP_FAILED)
		return -errno;
	/* an embedder's fork must not inherit it */
	madvise(p, len, MADV_DONTFORK);
	*out = p;
	return 0;
}

static void sys_munmap(void *ctx, void *p, size_t len)
{
	(void)ctx;
	munmap(p, len);
}

static void sys_close(void *ctx, int fd)
{
	(void)ctx;
	close(fd);
}

const struct kvm_sys kvm_sys_linux = {
	.open = sys_open,
	.dup = sys_dup,
	.ioctl = sys_ioctl,
	.mmap = sys_mmap,
	.munmap = sys_munmap,
	.close = sys_close,
};
