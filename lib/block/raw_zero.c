/* SPDX-License-Identifier: Apache-2.0 */
/* Zeroes and holes: fallocate where the medium has it, else zeroes are written. */
#include "raw.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>

enum { ZERO_PAGE = 4096, ZERO_PAGES = 64 };

static const uint8_t zero_page[ZERO_PAGE] __attribute__((aligned(ZERO_PAGE)));

/* Would another way have worked? A file system says -EOPNOTSUPP, a device -EINVAL when it wants whole blocks. */
static bool refused(int rc)
{
	return rc == -EOPNOTSUPP || rc == -EINVAL || rc == -ENOSYS || rc == -ENODEV;
}

static int allocate(int fd, int mode, uint64_t off, uint64_t len)
{
	int rc;

	do {
		rc = fallocate(fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len);
	} while (rc && errno == EINTR);
	return rc ? -errno : 0;
}

static int write_zeroes(int fd, uint64_t off, uint64_t len)
{
	while (len) {
		struct iovec v[ZERO_PAGES];
		uint64_t left = len;
		int n = 0;
		ssize_t done;

		for (; n < ZERO_PAGES && left; n++) {
			uint64_t part = left < ZERO_PAGE ? left : ZERO_PAGE;

			v[n] = (struct iovec){ (void *)(uintptr_t)zero_page, part };
			left -= part;
		}
		done = pwritev(fd, v, n, (off_t)off);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done ? -errno : -EIO;
		off += (uint64_t)done;
		len -= (uint64_t)done;
	}
	return 0;
}

int file_zero(int fd, uint64_t off, uint64_t len, bool unmap)
{
	int rc;

	if (!len)
		return 0;
	rc = allocate(fd, unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE, off, len);
	return refused(rc) ? write_zeroes(fd, off, len) : rc;
}

int file_discard(int fd, uint64_t off, uint64_t len)
{
	int rc = len ? allocate(fd, FALLOC_FL_PUNCH_HOLE, off, len) : 0;

	return refused(rc) ? 0 : rc;
}
