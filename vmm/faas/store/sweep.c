/* SPDX-License-Identifier: Apache-2.0 */
/* Image files that nobody refers to any more: of a name that was given to another one, of a revision that is gone, of an
 * import that was not ended. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

int store_is_hash(const char *text)
{
	return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* A JSON list of the files; uploads that a dead server did not end go at once, at the beginning. NULL: no memory. */
static char *list(struct store *s, DIR *dir, bool first)
{
	const char *comma = "";
	struct dirent *e;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fputc('[', f);
	while ((e = readdir(dir))) {
		if (first && strncmp(e->d_name, ".new-", 5) == 0)
			unlinkat(s->images, e->d_name, 0);
		if (!store_is_hash(e->d_name))
			continue;
		fprintf(f, "%s\"%s\"", comma, e->d_name);
		comma = ",";
	}
	fputc(']', f);
	fclose(f);
	return text;
}

static void drop_unused(struct store *s, const char *files)
{
	static const char sql[] = "SELECT value FROM json_each(?1) EXCEPT SELECT hash FROM images"
				  " EXCEPT SELECT json_extract(json, '$.ukvmm.hash') FROM revisions"
				  " EXCEPT SELECT json_extract(json, '$.ukvmm.initrd') FROM revisions"
				  " EXCEPT SELECT disk.value FROM revisions, json_each(revisions.json, '$.ukvmm.disks') AS disk";
	struct ukvmm_err err = { .size = sizeof err };
	sqlite3_stmt *q;

	if (store_prepare(s, sql, &q, &err) < 0)
		return;
	sqlite3_bind_text(q, 1, files, -1, SQLITE_STATIC);
	while (sqlite3_step(q) == SQLITE_ROW)
		unlinkat(s->images, (const char *)sqlite3_column_text(q, 0), 0);
	sqlite3_finalize(q);
}

void store_sweep(struct store *s, bool first)
{
	int fd = openat(s->images, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	char *files = dir ? list(s, dir, first) : NULL;

	if (files)
		drop_unused(s, files);
	free(files);
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
}
