/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state folder: what survives this process.
 *	lock          held by one server at a time
 *	faas.db       SQLite, WAL: functions with all their revisions, names of images, secrets
 *	images/HASH   files by the SHA-256 of their content; gone once no name and no revision refers to them
 *	images/.new-* uploads that never ended; removed at the next start
 * store_open and store_close are anybody's; every other call is one thread's at a time (the work thread's), as they wait
 * for the disk. They return 0 or negative errno (-EIO: SQLite failed, -ENOSPC: disk full), err says more.
 */
#ifndef FAAS_STORE_H
#define FAAS_STORE_H

#include <stddef.h>
#include <stdint.h>

#include <ukvmm/error.h>

struct store;

/* -EBUSY: another server has it; -EPROTO: it was written by a newer version, and is left as it is. */
int store_open(const char *folder, struct store **out, struct ukvmm_err *err);
void store_close(struct store *s); /* NULL is ignored */

/* A revision becomes the live one. json is kept as it is. */
int store_put_function(struct store *s, const char *name, uint32_t revision, const char *json, struct ukvmm_err *err);
/* With all its revisions. -ENOENT. */
int store_drop_function(struct store *s, const char *name, struct ukvmm_err *err);
/* The live revision of each. A negative result of `each` ends it and is returned. */
int store_each_function(struct store *s, int (*each)(void *arg, const char *json), void *arg, struct ukvmm_err *err);
/* The newest revision before `revision`; *json is the caller's to free. -ENOENT: there is none. */
int store_last_function(struct store *s, const char *name, uint32_t revision, char **json, struct ukvmm_err *err);

/* A file to write an image to; then either of the two, which close it. */
int store_image_begin(struct store *s, char path[256], struct ukvmm_err *err);
int store_image_end(struct store *s, int fd, const char *path, const char *hash, const char *name, uint64_t bytes,
	struct ukvmm_err *err);
void store_image_abandon(int fd, const char *path);
/* By hash: any thread. An fd or negative errno. */
int store_image_open(const struct store *s, const char *hash);
/* "NAME", "sha256:HASH" or "HASH" to a hash of an image that is there. -ENOENT. */
int store_image_find(struct store *s, const char *reference, char hash[65], struct ukvmm_err *err);
int store_each_image(struct store *s,
	int (*each)(void *arg, const char *name, const char *hash, uint64_t bytes, uint64_t created), void *arg,
	struct ukvmm_err *err);
/* The name; and the file, once no name and no revision refers to it. -ENOENT. */
int store_drop_image(struct store *s, const char *name, struct ukvmm_err *err);

/* create: -EEXIST if it is there; otherwise -ENOENT if it is not. */
int store_put_secret(struct store *s, const char *name, const void *value, size_t len, int create, struct ukvmm_err *err);
int store_drop_secret(struct store *s, const char *name, struct ukvmm_err *err);
int store_each_secret(struct store *s, int (*each)(void *arg, const char *name, const void *value, size_t len), void *arg,
	struct ukvmm_err *err);

#endif
