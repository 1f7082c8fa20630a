/* SPDX-License-Identifier: Apache-2.0 */
/* newc, cpio(5): 110 characters of magic and thirteen hexadecimal fields, the name with its zero, padding to four
 * bytes, the content, padding again. */
#include "cpio.h"

#include <string.h>

enum { NAME_MAX_ = 4096, HEAD = 110, MODE = 1, FILESIZE = 6, NAMESIZE = 11, S_IFMT_ = 0170000, S_IFREG_ = 0100000 };

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

bool cpio_entry(const uint8_t *bytes, size_t have, uint64_t at, uint64_t len, struct cpio_entry *e)
{
	uint32_t name;

	if (have < HEAD || at > len || len - at < HEAD || (memcmp(bytes, "070701", 6) && memcmp(bytes, "070702", 6)))
		return false;
	if (!field(bytes, MODE, &e->mode) || !field(bytes, FILESIZE, &e->size) || !field(bytes, NAMESIZE, &name))
		return false;
	if (!name || name > NAME_MAX_ || have - HEAD < name || bytes[HEAD + name - 1])
		return false;
	e->data = (at + HEAD + name + 3) & ~3ull;
	if (e->data > len || e->size > len - e->data)
		return false;
	e->name = (const char *)bytes + HEAD;
	e->next = (e->data + e->size + 3) & ~3ull;
	return true;
}

bool cpio_is(const struct cpio_entry *e, const char *path)
{
	return (e->mode & S_IFMT_) == S_IFREG_ && !strcmp(plain(e->name), plain(path));
}

bool cpio_is_last(const struct cpio_entry *e)
{
	return !strcmp(e->name, "TRAILER!!!");
}

bool cpio_find(const uint8_t *bytes, size_t len, const char *path, const void **file, size_t *file_len)
{
	struct cpio_entry e;

	for (uint64_t at = 0; at < len && cpio_entry(bytes + at, len - at, at, len, &e) && !cpio_is_last(&e); at = e.next) {
		if (!cpio_is(&e, path))
			continue;
		*file = bytes + e.data;
		*file_len = e.size;
		return true;
	}
	return false;
}
