/* SPDX-License-Identifier: Apache-2.0 */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "again.h"
#include "rate_fill.h"
#include "report.h"

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
	uint64_t since = 0;

	do
		if (fcntl(fd, F_OFD_SETLK, &range) == 0)
			return 0;
	while ((errno == EAGAIN || errno == EACCES) && again(&since));
	if (errno != EAGAIN && errno != EACCES)
		return 0; /* a file system without locks */
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

static void unlock(int fd)
{
	struct flock all = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	if (fd >= 0)
		fcntl(fd, F_OFD_SETLK, &all);
}

void disk_close(const struct disk *d)
{
	unlock(d->fd);
	unlock(d->top_fd);
}

static uint32_t flags_of(const struct disk_options *o)
{
	switch (o->overlay) {
	case OVERLAY_MEMORY:
		return o->flags | UKVMM_BLK_OVERLAY;
	case OVERLAY_FILE:
		return o->flags | UKVMM_BLK_OVERLAY_FILE;
	default:
		return o->flags;
	}
}

void disk_fill(const struct disk *d, const struct disk_options *o, const char *name, struct message_disk *m)
{
	*m = (struct message_disk){ .flags = flags_of(o), .fd = d->fd, .top_fd = d->top_fd,
		.block_bytes = o->block_bytes, .rate = rate_fill(&o->rate) };
	snprintf(m->name, sizeof m->name, "%s", name);
	if (o->serial)
		snprintf(m->serial, sizeof m->serial, "%s", o->serial);
}
