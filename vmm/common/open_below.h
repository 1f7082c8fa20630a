/* SPDX-License-Identifier: Apache-2.0 */
/* Files in a folder where somebody may have planted something. */
#ifndef COMMON_OPEN_BELOW_H
#define COMMON_OPEN_BELOW_H

#include <stdbool.h>

/*
 * A regular file of one name, by a path without links that does not leave the folder or its file system: an fd, or a
 * negative errno: -ELOOP, -EXDEV, -EMLINK, -EINVAL (a fifo, a socket, a device), -EISDIR, ... Does not wait. write: O_RDWR,
 * made with mode 0600 where it is missing.
 */
int open_below(int folder, const char *name, bool write);

#endif
