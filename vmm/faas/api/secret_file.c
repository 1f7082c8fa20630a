/* SPDX-License-Identifier: Apache-2.0 */
/* What an instance is given of its secrets. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "secrets.h"
#include "secrets_internal.h"

static int put(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;
	ssize_t n;

	for (; len > 0; at += n, len -= (size_t)n) {
		n = write(fd, at, len);
		if (n <= 0)
			return -errno;
	}
	return 0;
}

static int pad(int fd, size_t to)
{
	static const char zeros[512];
	off_t at = lseek(fd, 0, SEEK_CUR);
	size_t over = (size_t)at % to;

	return over ? put(fd, zeros, to - over) : 0;
}

/* cpio(5), "New ASCII Format" */
static int put_file(int fd, unsigned int inode, const char *name, const void *bytes, size_t len, unsigned int mode)
{
	char head[128];
	int rc, n = snprintf(head, sizeof head, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", inode, mode, 0, 0,
		1, 0, (unsigned int)len, 0, 0, 0, 0, (unsigned int)strlen(name) + 1, 0);

	rc = put(fd, head, (size_t)n);
	if (rc == 0)
		rc = put(fd, name, strlen(name) + 1);
	if (rc == 0)
		rc = pad(fd, 4);
	if (rc == 0)
		rc = put(fd, bytes, len);
	return rc < 0 ? rc : pad(fd, 4);
}

static int put_all(int fd, const struct secrets *s, const struct spec *spec)
{
	int rc = 0;

	for (uint32_t i = 0; i < spec->secrets.n && rc == 0; i++) {
		const struct secret *one = secrets_find(s, spec->secrets.at[i].name);

		rc = one ? put_file(fd, i + 1, one->name, one->value, one->len, 0100400) : -ENOENT;
	}
	if (rc == 0)
		rc = put_file(fd, 0, "TRAILER!!!", "", 0, 0);
	return rc < 0 ? rc : pad(fd, 512);
}

int secrets_file(const struct secrets *s, const struct spec *spec)
{
	int rc, fd = memfd_create("secrets", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	rc = put_all(fd, s, spec);
	if (rc == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		rc = -errno;
	if (rc < 0)
		close(fd);
	return rc < 0 ? rc : fd;
}
