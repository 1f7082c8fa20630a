/* SPDX-License-Identifier: Apache-2.0 */
/* Disks. What may block is on the threads of ukvmm_host_work, or in a ring that was made and restricted before. */
#include "calls.h"

#include <linux/fs.h>
#include <linux/io_uring.h>

#define SERVES (CALL_IO | CALL_SERVE | CALL_WORK)

static const struct call_rule rules[] = {
	CALL("preadv2", SERVES, "reads; from the page cache where they are served at once"),
	CALL("pwritev2", SERVES, "writes; into the page cache where they are served at once"),
	CALL("pwritev", CALL_WORK, "zeroes, where the medium has no call for them"),
	CALL("fdatasync", CALL_WORK | CALL_SERVE, "flushes"),
	CALL("fallocate", CALL_WORK, "discards and zeroes"),
	CALL("io_uring_enter", CALL_IO | CALL_SERVE, "requests through the ring"),
	CALL("io_uring_register", CALL_CREATE, "a disk's place in the ring's table of files",
		CALL_EQ32(1, IORING_REGISTER_FILES_UPDATE)),
	CALL("fstat", CALL_CREATE, "is the fd a file, and of which size?"),
	CALL("ftruncate", CALL_CREATE, "an empty file becomes the top of an overlay"),
	CALL_IOCTL(BLKGETSIZE64, CALL_CREATE, "the size of a block device"),
	CALL("pread64", CALL_CREATE, "images and the tops of overlays are read"),
};

CALL_TABLE(block);
