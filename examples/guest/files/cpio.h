/* SPDX-License-Identifier: Apache-2.0 */
/* Files of an archive in cpio's newc format, found where they are. */
#ifndef FILES_CPIO_H
#define FILES_CPIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CPIO_HEAD_MAX = 110 + 4096 + 4 }; /* the most that an entry takes before its content */

struct cpio_entry {
	const char *name; /* within the bytes that were read */
	uint32_t mode, size;
	uint64_t data, next; /* where the content and the next entry are in the archive */
};

/* Reads the entry at `at` of an archive of `len` bytes, of which `bytes` holds `have` from there on. False: there is
 * none, it is broken, or more than `have` is needed, which never happens if that is CPIO_HEAD_MAX or all there is. */
bool cpio_entry(const uint8_t *bytes, size_t have, uint64_t at, uint64_t len, struct cpio_entry *e);

/* Is it the file of that path? A leading "/" or "./" counts on neither side. */
bool cpio_is(const struct cpio_entry *e, const char *path);
bool cpio_is_last(const struct cpio_entry *e);

/* In an archive that is in memory. False: no such file, or the archive is broken before it. */
bool cpio_find(const uint8_t *bytes, size_t len, const char *path, const void **file, size_t *file_len);

#endif
