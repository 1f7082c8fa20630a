/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "internal.h"

int store_put_secret(struct store *s, const char *name, const void *value, size_t len, int create, struct ukvmm_err *err)
{
	sqlite3_stmt *q;
	int rc = store_prepare(s, create ? "INSERT OR IGNORE INTO secrets(value, name) VALUES(?1, ?2)" :
					   "UPDATE secrets SET value=?1 WHERE name=?2", &q, err);

	if (rc < 0)
		return rc;
	sqlite3_bind_blob(q, 1, len ? value : "", (int)len, SQLITE_STATIC);
	sqlite3_bind_text(q, 2, name, -1, SQLITE_STATIC);
	rc = store_result(s, sqlite3_step(q), "faas.db", err);
	sqlite3_finalize(q);
	if (rc < 0 || sqlite3_changes(s->db) > 0)
		return rc;
	return create ? store_fail(err, -EEXIST, "secret", name, "there is one of this name") :
			store_fail(err, -ENOENT, "secret", name, "there is none of this name");
}

int store_drop_secret(struct store *s, const char *name, struct ukvmm_err *err)
{
	int rc = store_run(s, "DELETE FROM secrets WHERE name=?1", err, name, NULL);

	return rc < 0 ? rc : rc > 0 ? 0 : store_fail(err, -ENOENT, "secret", name, "there is none of this name");
}

int store_each_secret(struct store *s, int (*each)(void *arg, const char *name, const void *value, size_t len), void *arg,
	struct ukvmm_err *err)
{
	sqlite3_stmt *q;
	int rc = store_prepare(s, "SELECT name, value FROM secrets ORDER BY name", &q, err), step;

	while (rc >= 0 && (step = sqlite3_step(q)) != SQLITE_DONE) {
		rc = store_result(s, step, "faas.db", err);
		if (rc >= 0)
			rc = each(arg, (const char *)sqlite3_column_text(q, 0), sqlite3_column_blob(q, 1),
				(size_t)sqlite3_column_bytes(q, 1));
	}
	sqlite3_finalize(q);
	return rc;
}
