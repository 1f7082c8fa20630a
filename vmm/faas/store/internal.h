/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAAS_STORE_INTERNAL_H
#define FAAS_STORE_INTERNAL_H

#include <sqlite3.h>
#include <stdbool.h>

#include "store.h"

struct store {
	sqlite3 *db;
	int lock, folder, images; /* folders */
};

/* What SQLite answered, as an errno; anything but OK, ROW and DONE fills in err. */
int store_result(struct store *s, int rc, const char *what, struct ukvmm_err *err);
/* Prepares; -errno and NULL on failure. */
int store_prepare(struct store *s, const char *sql, sqlite3_stmt **out, struct ukvmm_err *err);
/* One statement without a result, its parameters text, ended by NULL. Returns rows changed. */
int store_run(struct store *s, const char *sql, struct ukvmm_err *err, ...) __attribute__((sentinel));
/* sweep.c */
int store_is_hash(const char *text);
/* Takes away what nobody refers to. first: nothing is being uploaded. What fails is tried again the next time. */
void store_sweep(struct store *s, bool first);
int store_fail(struct ukvmm_err *err, int code, const char *call, const char *object, const char *text);

#endif
