/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static int begin(struct store *s, struct ukvmm_err *err)
{
	return store_result(s, sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL), "faas.db", err);
}

static int end(struct store *s, int rc, struct ukvmm_err *err)
{
	if (rc >= 0)
		rc = store_result(s, sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL), "faas.db", err);
	if (rc < 0)
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return rc < 0 ? rc : 0;
}

int store_put_function(struct store *s, const char *name, uint32_t revision, const char *json, struct ukvmm_err *err)
{
	char number[16];
	int rc = begin(s, err);

	if (rc < 0)
		return rc;
	snprintf(number, sizeof number, "%u", revision);
	rc = store_run(s, "INSERT OR REPLACE INTO revisions VALUES(?1, CAST(?2 AS INTEGER), ?3)", err, name, number, json,
		NULL);
	if (rc >= 0)
		rc = store_run(s, "INSERT OR REPLACE INTO functions VALUES(?1, CAST(?2 AS INTEGER))", err, name, number,
			NULL);
	if (rc >= 0) /* a rollback leaves newer ones behind, which no later rollback may find */
		rc = store_run(s, "DELETE FROM revisions WHERE name=?1 AND (revision > CAST(?2 AS INTEGER) OR"
				  " revision < CAST(?2 AS INTEGER) - 10)", err, name, number, NULL);
	rc = end(s, rc, err);
	store_sweep(s, false);
	return rc;
}

int store_drop_function(struct store *s, const char *name, struct ukvmm_err *err)
{
	int rc = begin(s, err), found;

	if (rc < 0)
		return rc;
	rc = found = store_run(s, "DELETE FROM functions WHERE name=?1", err, name, NULL);
	if (rc >= 0)
		rc = store_run(s, "DELETE FROM revisions WHERE name=?1", err, name, NULL);
	rc = end(s, rc, err);
	store_sweep(s, false);
	return rc < 0 ? rc : found > 0 ? 0 : store_fail(err, -ENOENT, "delete", name, "there is no such function");
}

int store_each_function(struct store *s, int (*each)(void *arg, const char *json), void *arg, struct ukvmm_err *err)
{
	sqlite3_stmt *q;
	int rc = store_prepare(s, "SELECT json FROM functions JOIN revisions USING(name, revision) ORDER BY name", &q, err),
	    step;

	while (rc >= 0 && (step = sqlite3_step(q)) != SQLITE_DONE) {
		rc = store_result(s, step, "faas.db", err);
		if (rc >= 0)
			rc = each(arg, (const char *)sqlite3_column_text(q, 0));
	}
	sqlite3_finalize(q);
	return rc;
}

int store_last_function(struct store *s, const char *name, uint32_t revision, char **json, struct ukvmm_err *err)
{
	sqlite3_stmt *q;
	int rc = store_prepare(s, "SELECT json FROM revisions WHERE name=?1 AND revision<?2 ORDER BY revision DESC LIMIT 1",
		&q, err), step;

	if (rc < 0)
		return rc;
	sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 2, revision);
	step = sqlite3_step(q);
	rc = store_result(s, step, "faas.db", err);
	if (rc == 0 && step != SQLITE_ROW)
		rc = store_fail(err, -ENOENT, "rollback", name, "there is no earlier revision");
	if (rc == 0) {
		*json = strdup((const char *)sqlite3_column_text(q, 0));
		rc = *json ? 0 : -ENOMEM;
	}
	sqlite3_finalize(q);
	return rc;
}
