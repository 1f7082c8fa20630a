/* SPDX-License-Identifier: Apache-2.0 */
/* newc, cpio(5): 110 characters of magic and thirteen hexadecimal fields, the name with its zero, padding to four
 * bytes, the content, padding again. */
#include "cpio.h"

#include <string.h>

enum { HEAD = 110, MODE = 1, FILESIZE = 6, NAMESIZE = 11, S_IFMT_ = 0170000, S_IFREG_ = 0100000 };

static bool field(const uint8_t *head, uint32_t index, uint32_t *out)
{
	*out = 0;
	for (uint32_t i = 0; i < 8; i++) {
		uint8_t c = head[6 + index * 8 + i];
		uint8_t d = (uint8_t)(c | 32);

		if (c >= '0' && c <= '9')
			*out = *out << 4 | (uint32_t)(c - '0');
		else if (d >= 'a' && d <= 'f')
			*out = *out << 4 | (uint32_t)(d - 'a' + 10);
		else
			return false;
	}
	return true;
}

static const char *plain(const char *path)
{
	if (path[0] == '.' && path[1] == '/')
		path++;
	while (*path == '/')
		path++;
	return path;
}

struct entry {
	const char *name;
	const uint8_t *file;
	uint32_t mode, size;
	uint64_t next;
};

static bool read_entry(const uint8_t *bytes, uint64_t len, uint64_t at, struct entry *e)
{
	uint64_t data;
	uint32_t name;

	if (at > len || len - at < HEAD || (memcmp(bytes + at, "070701", 6) && memcmp(bytes + at, "070702", 6)))
		return false;
	if (!field(bytes + at, MODE, &e->mode) || !field(bytes + at, FILESIZE, &e->size) ||
		!field(bytes + at, NAMESIZE, &name))
		return false;
	data = (at + HEAD + name + 3) & ~3ull;
	if (!name || data > len || e->size > len - data || bytes[at + HEAD + name - 1])
		return false;
	e->name = (const char *)bytes + at + HEAD;
	e->file = bytes + data;
	e->next = (data + e->size + 3) & ~3ull;
	return true;
}

bool cpio_find(const uint8_t *bytes, size_t len, const char *path, const void **file, size_t *file_len)
{
	struct entry e;

	for (uint64_t at = 0; read_entry(bytes, len, at, &e); at = e.next) {
		if (!strcmp(e.name, "TRAILER!!!"))
			return false;
		if ((e.mode & S_IFMT_) != S_IFREG_ || strcmp(plain(e.name), plain(path)))
			continue;
		*file = e.file;
		*file_len = e.size;
		return true;
	}
	return false;
}
