/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of reading a deploy share: spec_json.c takes it apart, spec_map.c says what it means here. */
#ifndef FAAS_SPEC_INTERNAL_H
#define FAAS_SPEC_INTERNAL_H

#include "spec_json.h"

/* -EINVAL, with the line in why (SPEC_WHY bytes). fmt has one %s. */
int spec_no(char *why, const char *fmt, const char *what) __attribute__((format(printf, 2, 0)));
/* A member that is a text, or NULL. */
const char *spec_text_of(const cJSON *json, const char *name);

/*
 * limits and requests of the deploy, then labels and annotations that were read: settings of the function, the later
 * ones before the earlier ones. Results as spec_from_json's.
 */
int spec_map(const cJSON *json, struct spec *spec, char *why);

#endif
