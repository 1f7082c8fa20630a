/* SPDX-License-Identifier: Apache-2.0 */
/* Files of an archive in cpio's newc format, found where they are. */
#ifndef HTTP_CPIO_H
#define HTTP_CPIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A leading "/" or "./" counts on neither side. False: no such file, or the archive is broken before it. */
bool cpio_find(const uint8_t *bytes, size_t len, const char *path, const void **file, size_t *file_len);

#endif
