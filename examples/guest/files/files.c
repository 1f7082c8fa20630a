/* SPDX-License-Identifier: Apache-2.0 */
/* The files of ukvmm_fn.h: of the initrd they lie in memory, of the disk they are read, a window of it at a time while
 * names are looked at. */
#include <stdlib.h>
#include <string.h>

#include "cpio.h"
#include "ukvmm_fn.h"
#include "ukvmm_rt.h"

enum { SECTOR = 512, WINDOW = 16384, ENTRIES_MAX = 65536 };

/* What of the disk is in memory. */
struct window {
	uint64_t disk, at;
	size_t have;
	uint8_t *bytes;
};

/* Files of the disk that fn_file has read. */
static struct kept {
	struct kept *next;
	size_t len;
	void *bytes;
	char path[];
} *kept;

static bool show(struct window *w, uint64_t at)
{
	uint64_t left;

	if (at >= w->at && at - w->at < w->have && (w->have - (at - w->at) >= CPIO_HEAD_MAX || w->at + w->have == w->disk))
		return true;
	if (at >= w->disk)
		return false;
	w->at = at & ~(uint64_t)(SECTOR - 1);
	left = w->disk - w->at;
	w->have = left < WINDOW ? (size_t)left : WINDOW;
	return !rt_disk_read(w->at, w->bytes, w->have);
}

static bool walk(struct window *w, const char *path, struct fn_file *file)
{
	struct cpio_entry e;
	uint64_t at = 0;

	for (uint32_t i = 0; i < ENTRIES_MAX && show(w, at); i++, at = e.next) {
		size_t skip = (size_t)(at - w->at);

		if (!cpio_entry(w->bytes + skip, w->have - skip, at, w->disk, &e) || cpio_is_last(&e))
			return false;
		if (!cpio_is(&e, path))
			continue;
		*file = (struct fn_file){ .at = e.data, .len = e.size };
		return true;
	}
	return false;
}

static bool on_disk(const char *path, struct fn_file *file)
{
	struct window w = { .disk = rt_disk_bytes() };
	bool found;

	if (w.disk < SECTOR)
		return false;
	w.bytes = malloc(WINDOW);
	found = w.bytes && walk(&w, path, file);
	free(w.bytes);
	return found;
}

bool fn_open(const char *path, struct fn_file *file)
{
	const uint8_t *archive;
	size_t size, len;

	*file = (struct fn_file){ .at = 0 };
	if (rt_initrd(&archive, &size) && cpio_find(archive, size, path, &file->bytes, &len)) {
		file->len = len;
		return true;
	}
	return on_disk(path, file);
}

/* [off, off + len) of the disk, neither of which need be whole sectors */
static bool read_disk(uint64_t off, uint8_t *to, size_t len)
{
	uint8_t sector[SECTOR];
	size_t n, skip;

	while (len) {
		skip = (size_t)(off % SECTOR);
		if (!skip && len >= SECTOR) {
			n = len & ~(size_t)(SECTOR - 1);
			if (rt_disk_read(off, to, n))
				return false;
		} else {
			n = SECTOR - skip < len ? SECTOR - skip : len;
			if (rt_disk_read(off - skip, sector, SECTOR))
				return false;
			memcpy(to, sector + skip, n);
		}
		off += n;
		to += n;
		len -= n;
	}
	return true;
}

int64_t fn_read(const struct fn_file *file, uint64_t off, void *to, size_t len)
{
	if (off >= file->len)
		return 0;
	if (len > file->len - off)
		len = (size_t)(file->len - off);
	if (file->bytes)
		memcpy(to, (const uint8_t *)file->bytes + off, len);
	else if (!read_disk(file->at + off, to, len))
		return -1;
	return (int64_t)len;
}

static bool keep(const char *path, const struct fn_file *file)
{
	size_t name = strlen(path) + 1;
	struct kept *k = malloc(sizeof *k + name);

	if (!k)
		return false;
	k->len = file->len;
	k->bytes = malloc(k->len + 1);
	if (!k->bytes || fn_read(file, 0, k->bytes, k->len) != (int64_t)k->len) {
		free(k->bytes);
		free(k);
		return false;
	}
	memcpy(k->path, path, name);
	k->next = kept;
	kept = k;
	return true;
}

bool fn_file(const char *path, const void **bytes, size_t *len)
{
	struct fn_file file;
	struct kept *k = kept;

	while (k && strcmp(k->path, path))
		k = k->next;
	if (!k && !fn_open(path, &file))
		return false;
	if (!k && !file.bytes && !keep(path, &file))
		return false;
	*bytes = k ? k->bytes : file.bytes ? file.bytes : kept->bytes;
	*len = k ? k->len : file.len;
	return true;
}

uint64_t fn_disk_bytes(void)
{
	return rt_disk_bytes();
}

int fn_disk_read(uint64_t off, void *to, size_t len)
{
	return rt_disk_read(off, to, len);
}
