/* SPDX-License-Identifier: Apache-2.0 */
/* The settings "ukvmm.KEY" of a function, in one table. */
#ifndef FAAS_SETTINGS_H
#define FAAS_SETTINGS_H

#include "spec.h"

#define SETTINGS_PREFIX "ukvmm."

void settings_default(struct spec *spec);
/* 0, or -EINVAL with a line in why (SPEC_WHY bytes). */
int settings_set(struct spec *spec, const char *key, const char *value, char *why);
bool settings_has(const char *key);
/* "128Mi", "128M", "1073741824" */
int settings_size(const char *text, uint64_t *bytes);

#endif
