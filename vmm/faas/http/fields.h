/* SPDX-License-Identifier: Apache-2.0 */
/* Which headers a proxy passes on (RFC 9110 section 7.6.1), and what it adds. */
#ifndef FAAS_FIELDS_H
#define FAAS_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

struct call;

enum { FIELDS_MAX = 128, FIELDS_BYTES = 64 << 10 };

/* "Name: value" each. Zeroed at first. */
struct fields {
	char *at[FIELDS_MAX];
	uint32_t n;
	uint32_t bytes;
};

/* False: too many, too long, or no memory. */
bool fields_add(struct fields *f, const char *name, const char *value);
void fields_free(struct fields *f);

/* Is it for the next hop only? connection: the values of the Connection headers, or NULL. */
bool fields_hop_by_hop(const char *name, const char *connection);

/* What an instance is sent of a client's request. */
bool fields_for_instance(struct fields *f, const struct call *call);

#endif
