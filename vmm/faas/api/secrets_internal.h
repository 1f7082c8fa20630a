/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAAS_SECRETS_INTERNAL_H
#define FAAS_SECRETS_INTERNAL_H

#include "secrets.h"

struct secret {
	struct secret *next;
	char name[SPEC_NAME + 1];
	void *value;
	size_t len;
};

struct secret *secrets_find(const struct secrets *s, const char *name);

#endif
