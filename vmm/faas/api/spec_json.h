/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenFaaS's deploy JSON and what is made of it. What OpenFaaS has no word for is an annotation "ukvmm.KEY"; doc/faas.md
 * lists the keys. The same JSON, with the member "ukvmm", is what the store keeps.
 */
#ifndef FAAS_SPEC_JSON_H
#define FAAS_SPEC_JSON_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "spec.h"

enum { SPEC_WHY = 256 };

/* 0, or -EINVAL, -ENOTSUP with a line about it in why (SPEC_WHY bytes), -ENOMEM. The result has one reference. */
int spec_from_json(const cJSON *json, struct spec **out, char *why);
/* From text, as it came from a client. */
int spec_from_text(const char *text, size_t len, struct spec **out, char *why);
/* NULL: out of memory. With stored: what only the store keeps, too. */
cJSON *spec_to_json(const struct spec *spec, bool stored);

#endif
