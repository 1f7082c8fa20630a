/* SPDX-License-Identifier: Apache-2.0 */
#include "raw.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "err.h"
#include "fd.h"

static ssize_t transfer(int fd, enum block_op op, uint64_t off, const struct iovec *v, int how)
{
	return op == BLOCK_READ ? preadv2(fd, v, 1, (off_t)off, how) : pwritev2(fd, v, 1, (off_t)off, how);
}

int file_rw(int fd, enum block_op op, uint64_t off, void *buf, uint64_t len, uint32_t flags)
{
	int how = flags & BLOCK_NOW ? RWF_NOWAIT : 0;
	uint8_t *p = buf;

	if (op == BLOCK_WRITE && flags & BLOCK_SYNC)
		how |= RWF_DSYNC;
	while (len) {
		ssize_t n = transfer(fd, op, off, &(struct iovec){ p, len }, how);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n) /* the file shrank */
			return -EIO;
		/* Whoever may block does all of it: the same bytes at the same place once more change nothing. */
		if (how & RWF_NOWAIT && (uint64_t)n < len)
			return -EAGAIN;
		p += n;
		off += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

int file_flush(int fd)
{
	int rc;

	do {
		rc = fdatasync(fd);
	} while (rc && errno == EINTR);
	return rc ? -errno : 0;
}

int file_flush_of(struct block_backend *b, int fd, bool direct)
{
	int rc = atomic_load(&b->lost);

	if (rc)
		return rc;
	rc = file_flush(fd);
	if (rc && !direct)
		atomic_store(&b->lost, rc);
	return rc;
}

int file_bytes(int fd, uint64_t *bytes)
{
	struct stat st;

	if (fd_stat(fd, &st))
		return -errno;
	if (S_ISREG(st.st_mode))
		*bytes = (uint64_t)st.st_size;
	else if (!S_ISBLK(st.st_mode))
		return -ENOTBLK;
	else if (ioctl(fd, BLKGETSIZE64, bytes))
		return -errno;
	return 0;
}

int file_mode(int fd, bool write)
{
	int mode = fcntl(fd, F_GETFL);

	if (mode < 0)
		return -errno;
	if (mode & O_PATH || (mode & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	if (!write)
		return 0;
	if ((mode & O_ACCMODE) != O_RDWR)
		return -EBADF;
	return mode & O_APPEND ? -EINVAL : 0;
}

bool file_direct(int fd)
{
	int mode = fcntl(fd, F_GETFL);

	return mode >= 0 && mode & O_DIRECT;
}

static int raw_rw(struct block_backend *b, enum block_op op, uint64_t off, void *buf, size_t len, uint32_t flags)
{
	struct raw *r = (struct raw *)b;

	if (r->direct && flags & BLOCK_NOW)
		return -EOPNOTSUPP;
	return file_rw(r->fd, op, off, buf, len, flags);
}

static int raw_flush(struct block_backend *b)
{
	struct raw *r = (struct raw *)b;

	return file_flush_of(b, r->fd, r->direct);
}

static int raw_zero(struct block_backend *b, uint64_t off, uint64_t len, uint32_t flags)
{
	int fd = ((struct raw *)b)->fd;
	int rc = file_zero(fd, off, len, flags & BLOCK_UNMAP);

	return rc || !(flags & BLOCK_SYNC) ? rc : raw_flush(b);
}

static int raw_discard(struct block_backend *b, uint64_t off, uint64_t len, uint32_t flags)
{
	int fd = ((struct raw *)b)->fd;
	int rc = file_discard(fd, off, len);

	return rc || !(flags & BLOCK_SYNC) ? rc : raw_flush(b);
}

/* A checked duplicate of fd, or a negative errno; *call is who failed. */
static int raw_take(int fd, bool write, uint64_t *bytes, const char **call)
{
	int copy, rc = file_mode(fd, write);

	*call = "fcntl(F_GETFL)";
	if (rc)
		return rc;
	*call = "fstat";
	rc = file_bytes(fd, bytes);
	if (rc)
		return rc;
	*bytes -= *bytes % BLOCK_SECTOR;
	*call = "fcntl(F_DUPFD_CLOEXEC)";
	copy = fd_dup(fd);
	return copy;
}

static int raw_rebind(struct block_backend *b, int fd)
{
	struct raw *r = (struct raw *)b;
	const char *call;
	uint64_t bytes;
	int copy = raw_take(fd, !b->read_only, &bytes, &call);

	if (copy < 0)
		return copy;
	if (bytes != b->bytes) {
		fd_close(copy);
		return -EINVAL;
	}
	fd_close(r->fd);
	r->fd = b->ring_fd = copy;
	r->direct = file_direct(copy);
	atomic_store(&b->lost, 0);
	return 0;
}

static void raw_close(struct block_backend *b)
{
	fd_close(((struct raw *)b)->fd);
	free(b);
}

static const struct block_ops raw_ops = {
	.rw = raw_rw,
	.flush = raw_flush,
	.zero = raw_zero,
	.discard = raw_discard,
	.rebind = raw_rebind,
	.close = raw_close,
};

static const char *raw_reason(int rc, bool read_only)
{
	switch (rc) {
	case -ENOTBLK:
		return "neither a regular file nor a block device";
	case -EBADF:
		return read_only ? "not open for reading" : "not open for reading and writing";
	case -EINVAL:
		return "open with O_APPEND: every write would go to the end";
	default:
		return strerror(-rc);
	}
}

int block_raw(struct block_backend **out, int fd, bool read_only, const char *object, struct ukvmm_err *err)
{
	const char *call;
	struct raw *r;
	uint64_t bytes;
	int copy = raw_take(fd, !read_only, &bytes, &call);

	if (copy < 0)
		return err_set(err, copy, call, object, "%s", raw_reason(copy, read_only));
	r = calloc(1, sizeof *r);
	if (!r) {
		fd_close(copy);
		return err_set(err, -ENOMEM, "calloc", object, "out of memory");
	}
	r->fd = copy;
	r->direct = file_direct(copy);
	r->b = (struct block_backend){ .ops = &raw_ops, .bytes = bytes, .read_only = read_only,
		.can_discard = !read_only, .fds = 1, .ring_fd = copy, .ring_slot = -1 };
	*out = &r->b;
	return 0;
}
