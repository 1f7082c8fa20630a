/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the raw back end, and for those that keep bytes in a file of their own. */
#ifndef BLOCK_RAW_H
#define BLOCK_RAW_H

#include "block.h"

struct raw {
	struct block_backend b;
	int fd;
	bool direct; /* O_DIRECT: RWF_NOWAIT would wait for the medium all the same */
};

/* The whole range, or a negative errno; flags as for block_ops.rw. -EIO: the file ended before. */
int file_rw(int fd, enum block_op op, uint64_t off, void *buf, uint64_t len, uint32_t flags);
int file_flush(int fd);
/* The flush of a back end whose bytes are in fd: see block_ops. With O_DIRECT nothing is dropped: another try is fair. */
int file_flush_of(struct block_backend *b, int fd, bool direct);
/* [off, off + len) reads as zero from then on. unmap: its space may be given back. */
int file_zero(int fd, uint64_t off, uint64_t len, bool unmap);
/* The same for a range whose content does not matter any more. */
int file_discard(int fd, uint64_t off, uint64_t len);
bool file_direct(int fd);
/* Size of a regular file or block device. -ENOTBLK: it is neither. */
int file_bytes(int fd, uint64_t *bytes);
/* Can it be read, and written if `write`? -EBADF: no. -EINVAL: O_APPEND, where every write goes to the end. */
int file_mode(int fd, bool write);

#endif
