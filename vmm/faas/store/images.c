/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"
#include "open_below.h"

/* /proc/self/fd names the folder whatever its own name is. */
int store_image_begin(struct store *s, char path[256], struct ukvmm_err *err)
{
	int fd;

	snprintf(path, 256, "/proc/self/fd/%d/.new-XXXXXX", s->images);
	fd = mkostemp(path, O_CLOEXEC);
	return fd < 0 ? store_fail(err, -errno, "open", "images", strerror(errno)) : fd;
}

void store_image_abandon(int fd, const char *path)
{
	unlink(path);
	close(fd);
}

static int keep(struct store *s, int fd, const char *path, const char *hash)
{
	int rc = 0;

	if (fsync(fd) < 0 || renameat(AT_FDCWD, path, s->images, hash) < 0 || fsync(s->images) < 0)
		rc = -errno;
	if (rc < 0)
		unlink(path);
	close(fd);
	return rc;
}

int store_image_end(struct store *s, int fd, const char *path, const char *hash, const char *name, uint64_t bytes,
	struct ukvmm_err *err)
{
	char size[24], now[24];
	int rc = keep(s, fd, path, hash);

	if (rc < 0)
		return store_fail(err, rc, "write", name, strerror(-rc));
	snprintf(size, sizeof size, "%llu", (unsigned long long)bytes);
	snprintf(now, sizeof now, "%lld", (long long)time(NULL));
	rc = store_run(s, "INSERT OR REPLACE INTO images VALUES(?1, ?2, CAST(?3 AS INTEGER), CAST(?4 AS INTEGER))", err,
		name, hash, size, now, NULL);
	/* the file that had the name, or this one, if it could not be noted */
	store_sweep(s, false);
	return rc < 0 ? rc : 0;
}

int store_image_open(const struct store *s, const char *hash)
{
	return store_is_hash(hash) ? open_below(s->images, hash, false) : -ENOENT;
}

int store_image_find(struct store *s, const char *reference, char hash[65], struct ukvmm_err *err)
{
	const char *text = strncmp(reference, "sha256:", 7) == 0 ? reference + 7 : reference;
	sqlite3_stmt *q;
	int rc = store_prepare(s, "SELECT hash FROM images WHERE name=?1 OR hash=?2 LIMIT 1", &q, err), step;

	if (rc < 0)
		return rc;
	sqlite3_bind_text(q, 1, reference, -1, SQLITE_STATIC);
	sqlite3_bind_text(q, 2, store_is_hash(text) ? text : "", -1, SQLITE_STATIC);
	step = sqlite3_step(q);
	rc = store_result(s, step, "faas.db", err);
	if (rc == 0 && step != SQLITE_ROW)
		rc = store_fail(err, -ENOENT, "image", reference,
			"there is no image of this name: import a kernel that boots by `ukvmm-faas image import NAME FILE`");
	if (rc == 0)
		snprintf(hash, 65, "%s", (const char *)sqlite3_column_text(q, 0));
	sqlite3_finalize(q);
	return rc;
}

int store_each_image(struct store *s,
	int (*each)(void *arg, const char *name, const char *hash, uint64_t bytes, uint64_t created), void *arg,
	struct ukvmm_err *err)
{
	sqlite3_stmt *q;
	int rc = store_prepare(s, "SELECT name, hash, bytes, created FROM images ORDER BY name", &q, err), step;

	while (rc >= 0 && (step = sqlite3_step(q)) != SQLITE_DONE) {
		rc = store_result(s, step, "faas.db", err);
		if (rc >= 0)
			rc = each(arg, (const char *)sqlite3_column_text(q, 0), (const char *)sqlite3_column_text(q, 1),
				(uint64_t)sqlite3_column_int64(q, 2), (uint64_t)sqlite3_column_int64(q, 3));
	}
	sqlite3_finalize(q);
	return rc;
}

int store_drop_image(struct store *s, const char *name, struct ukvmm_err *err)
{
	char hash[65];
	int rc = store_image_find(s, name, hash, err);

	if (rc < 0)
		return rc;
	rc = store_run(s, "DELETE FROM images WHERE name=?1", err, name, NULL);
	if (rc == 0)
		rc = store_fail(err, -ENOENT, "image", name, "there is no image of this name");
	if (rc < 0)
		return rc;
	store_sweep(s, false);
	return 0;
}
