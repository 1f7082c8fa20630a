/* SPDX-License-Identifier: Apache-2.0 */
/* A disk of the guest's: its files, opened and locked, and the device. */
#ifndef CLI_DISK_H
#define CLI_DISK_H

#include "device_options.h"
#include "message.h"

struct disk {
	int fd, top_fd; /* -1: none. Kept for the locks, which last as long as the process */
};

/*
 * Opens a disk's file and that of its overlay, which is made where it is missing. What is written
 * is locked against everybody else, what is only read against those who lock likewise to write
 * (open file description locks; file systems without locks have none). 0, or -1 after a report that
 * names the file.
 */
int disk_open(struct disk *d, const struct disk_options *o);

/* Gives up the locks: a worker that died with an io_uring leaves its files open for a while. */
void disk_close(const struct disk *d);

/* What a worker is told of it. */
void disk_fill(const struct disk *d, const struct disk_options *o, const char *name, struct message_disk *m);

#endif
