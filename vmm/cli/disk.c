/* SPDX-License-Identifier: Apache-2.0 */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "report.h"

enum { LOCK_TRIES = 200, LOCK_WAIT_NS = 10000000 };

static int not_a_disk(const char *path, mode_t mode)
{
	report("open", path, "it is %s; a disk is a regular file or a block device",
		S_ISDIR(mode) ? "a directory" : "something else");
	return -1;
}

/*
 * Against an accident, not an enemy: two guests that write one file system destroy it. A reader
 * locks one byte only: QEMU, which has locks on some bytes from 100 on, would take more for a
 * writer, and refuse to read beside us.
 */
static int lock(int fd, const char *path, bool write)
{
	struct flock range = {
		.l_type = write ? F_WRLCK : F_RDLCK,
		.l_whence = SEEK_SET,
		.l_len = write ? 0 : 1, /* 0: all of it */
	};

	/* an io_uring that had the file keeps it for a second after its process has ended (Linux 6.1) */
	for (int tries = 0; tries < LOCK_TRIES; tries++) {
		if (fcntl(fd, F_OFD_SETLK, &range) == 0)
			return 0;
		if (errno != EAGAIN && errno != EACCES)
			return 0; /* a file system without locks */
		nanosleep(&(struct timespec){ .tv_nsec = LOCK_WAIT_NS }, NULL);
	}
	report("F_OFD_SETLK", path, "it is in use: %s, or given twice",
		write ? "another program has it open" : "another program writes it");
	return -1;
}

/* Opens, checks and locks one file: its fd, or -1 after a report. */
static int open_one(const char *path, int flags)
{
	bool write = (flags & O_ACCMODE) != O_RDONLY;
	/* O_NONBLOCK: a fifo must not hang us */
	int fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
	struct stat st;

	if (fd < 0 && errno == EISDIR)
		return not_a_disk(path, S_IFDIR);
	if (fd < 0 || fstat(fd, &st) < 0) {
		report_errno("open", path, errno);
		return -1;
	}
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return not_a_disk(path, st.st_mode);
	/* for io_uring it would mean -EAGAIN instead of a wait */
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK) < 0) {
		report_errno("F_SETFL", path, errno);
		return -1;
	}
	return lock(fd, path, write) < 0 ? -1 : fd;
}

int disk_open(struct disk *d, const struct disk_options *o)
{
	bool read_only = o->overlay != OVERLAY_NONE || o->flags & UKVMM_BLK_READ_ONLY;

	d->top_fd = -1;
	d->fd = open_one(o->path, read_only ? O_RDONLY : O_RDWR);
	if (d->fd < 0 || o->overlay != OVERLAY_FILE)
		return d->fd < 0 ? -1 : 0;
	d->top_fd = open_one(o->top, O_RDWR | O_CREAT);
	return d->top_fd < 0 ? -1 : 0;
}

int disk_add(const struct disk *d, const struct disk_options *o, const char *name,
	struct ukvmm_vm *vm)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_blk_config config = {
		.size = sizeof config,
		.flags = o->flags,
		.fd = d->fd,
		.top_fd = d->top_fd,
		.serial = o->serial,
		.rate = &o->rate,
		.block_bytes = o->block_bytes,
	};
	int rc;

	if (o->overlay != OVERLAY_NONE)
		config.flags |=
			o->overlay == OVERLAY_FILE ? UKVMM_BLK_OVERLAY_FILE : UKVMM_BLK_OVERLAY;
	rc = ukvmm_vm_add_blk(vm, name, &config, &err);
	if (rc < 0)
		/* trouble with a name is the library's to tell, the rest is the file's */
		report_err(&err, rc == -EEXIST ? NULL : o->path);
	return rc < 0 ? -1 : 0;
}
