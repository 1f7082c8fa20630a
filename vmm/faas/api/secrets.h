/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets in memory, as the store has them: the loop must not wait for the disk when an instance starts. Loop's thread.
 */
#ifndef FAAS_SECRETS_H
#define FAAS_SECRETS_H

#include <stdbool.h>
#include <stddef.h>

#include "spec.h"

struct secrets;

struct secrets *secrets_new(void);
void secrets_free(struct secrets *s);
/* Sets one, or removes it (value NULL). 0 or -ENOMEM. */
int secrets_set(struct secrets *s, const char *name, const void *value, size_t len);
bool secrets_has(const struct secrets *s, const char *name);
void secrets_each(const struct secrets *s, void (*each)(void *arg, const char *name), void *arg);
/*
 * Those of a function as a file in memory: a cpio archive (newc) of files named after them, padded to 512 bytes, sealed.
 * An fd, -ENOENT (one is missing), or another negative errno.
 */
int secrets_file(const struct secrets *s, const struct spec *spec);

#endif
