/* SPDX-License-Identifier: Apache-2.0 */
/* The disk behind a file: what the kernel counts and limits I/O by. */
#ifndef COMMON_BLOCK_DEVICE_H
#define COMMON_BLOCK_DEVICE_H

#include <sys/types.h>

/*
 * fd: a regular file or a block device. 0 and the whole disk (of a partition, the disk that it is on); -ENODEV: there is
 * none, and *where (never freed) says what there is instead, as "overlayfs"; or another negative errno.
 */
int block_device_of(int fd, dev_t *device, const char **where);

#endif
