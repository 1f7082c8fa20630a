/* SPDX-License-Identifier: Apache-2.0 */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"
#include "open_below.h"

enum { SCHEMA = 1 };

static const char schema[] =
	"CREATE TABLE functions(name TEXT PRIMARY KEY, revision INTEGER NOT NULL) STRICT;"
	"CREATE TABLE revisions(name TEXT NOT NULL, revision INTEGER NOT NULL, json TEXT NOT NULL,"
	" PRIMARY KEY(name, revision)) STRICT;"
	"CREATE TABLE images(name TEXT PRIMARY KEY, hash TEXT NOT NULL, bytes INTEGER NOT NULL,"
	" created INTEGER NOT NULL) STRICT;"
	"CREATE TABLE secrets(name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;"
	"PRAGMA user_version = 1;";

int store_fail(struct ukvmm_err *err, int code, const char *call, const char *object, const char *text)
{
	err->code = code;
	snprintf(err->call, sizeof err->call, "%s", call);
	snprintf(err->object, sizeof err->object, "%s", object);
	snprintf(err->text, sizeof err->text, "%s", text);
	return code;
}

int store_result(struct store *s, int rc, const char *what, struct ukvmm_err *err)
{
	if (rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE)
		return 0;
	return store_fail(err, (rc & 0xff) == SQLITE_FULL ? -ENOSPC : -EIO, "sqlite", what, sqlite3_errmsg(s->db));
}

int store_prepare(struct store *s, const char *sql, sqlite3_stmt **out, struct ukvmm_err *err)
{
	*out = NULL;
	return store_result(s, sqlite3_prepare_v2(s->db, sql, -1, out, NULL), "faas.db", err);
}

int store_run(struct store *s, const char *sql, struct ukvmm_err *err, ...)
{
	sqlite3_stmt *q;
	const char *text;
	va_list args;
	int rc = store_prepare(s, sql, &q, err);

	if (rc < 0)
		return rc;
	va_start(args, err);
	for (int i = 1; (text = va_arg(args, const char *)); i++)
		sqlite3_bind_text(q, i, text, -1, SQLITE_TRANSIENT);
	va_end(args);
	rc = store_result(s, sqlite3_step(q), "faas.db", err);
	sqlite3_finalize(q);
	return rc < 0 ? rc : sqlite3_changes(s->db);
}

static int version(struct store *s, int *out, struct ukvmm_err *err)
{
	sqlite3_stmt *q;
	int rc = store_prepare(s, "PRAGMA user_version", &q, err);

	if (rc < 0)
		return rc;
	rc = store_result(s, sqlite3_step(q), "faas.db", err);
	*out = sqlite3_column_int(q, 0);
	sqlite3_finalize(q);
	return rc;
}

static int make_schema(struct store *s, struct ukvmm_err *err)
{
	int found = 0, rc = version(s, &found, err);
	char text[128];

	if (rc < 0 || found == SCHEMA)
		return rc;
	snprintf(text, sizeof text, "it has schema %d, this version knows %d: use the version that wrote it, or a newer one",
		found, SCHEMA);
	if (found > SCHEMA)
		return store_fail(err, -EPROTO, "open", "faas.db", text);
	rc = sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, schema, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL);
	return store_result(s, rc, "faas.db", err);
}

/* SQLite would follow a link, and wait for a fifo. */
static int check_db(struct store *s, struct ukvmm_err *err)
{
	static const char *const names[] = { "faas.db", "faas.db-wal", "faas.db-shm" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		int fd = open_below(s->folder, names[i], false);

		if (fd < 0 && fd != -ENOENT)
			return store_fail(err, fd, "open", names[i], strerror(-fd));
		if (fd >= 0)
			close(fd);
	}
	return 0;
}

static int open_db(struct store *s, const char *folder, struct ukvmm_err *err)
{
	char path[4096];
	int rc = check_db(s, err);

	if (rc < 0)
		return rc;

	snprintf(path, sizeof path, "%s/faas.db", folder);
	rc = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, NULL);
	if (rc != SQLITE_OK)
		return store_result(s, rc, path, err);
	rc = sqlite3_exec(s->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON", NULL, NULL,
		NULL);
	rc = store_result(s, rc, path, err);
	return rc < 0 ? rc : make_schema(s, err);
}

static int open_folder(int at, const char *name, struct ukvmm_err *err)
{
	int fd;

	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return store_fail(err, -errno, "mkdir", name, strerror(errno));
	/* the operator may have a link to the folder; there is none in it */
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (at == AT_FDCWD ? 0 : O_NOFOLLOW));
	return fd < 0 ? store_fail(err, -errno, "open", name, strerror(errno)) : fd;
}

static int open_all(struct store *s, const char *folder, struct ukvmm_err *err)
{
	int rc;

	s->folder = open_folder(AT_FDCWD, folder, err);
	if (s->folder < 0)
		return s->folder;
	s->lock = open_below(s->folder, "lock", true);
	if (s->lock < 0)
		return store_fail(err, s->lock, "open", "lock", strerror(-s->lock));
	if (flock(s->lock, LOCK_EX | LOCK_NB) < 0)
		return store_fail(err, -EBUSY, "flock", folder, "another server uses this folder");
	s->images = open_folder(s->folder, "images", err);
	if (s->images < 0)
		return s->images;
	rc = open_db(s, folder, err);
	if (rc >= 0)
		store_sweep(s, true);
	return rc;
}

int store_open(const char *folder, struct store **out, struct ukvmm_err *err)
{
	struct store *s = calloc(1, sizeof *s);
	int rc;

	if (!s)
		return store_fail(err, -ENOMEM, "malloc", folder, "out of memory");
	s->lock = s->folder = s->images = -1;
	rc = open_all(s, folder, err);
	if (rc < 0)
		store_close(s);
	else
		*out = s;
	return rc < 0 ? rc : 0;
}

void store_close(struct store *s)
{
	const int fds[] = { s ? s->images : -1, s ? s->folder : -1, s ? s->lock : -1 };

	if (!s)
		return;
	sqlite3_close(s->db);
	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(s);
}
