/* SPDX-License-Identifier: Apache-2.0 */
/* The counters themselves: meters.c counts, metrics.c prints. */
#ifndef FAAS_METERS_H
#define FAAS_METERS_H

#include "histogram.h"
#include "metrics.h"
#include "spec.h"

enum { METER_HASH = 1024, METERS = 16384, CODES = 16, METHODS = 8, PATHS = 16 };

struct code_meter {
	unsigned int code;
	struct histogram time;
};

struct meter {
	struct meter *next;
	char function[SPEC_NAME + 1];
	uint64_t started;
	struct code_meter codes[CODES];
};

struct meters {
	struct meter *hash[METER_HASH];
	uint32_t n;
	struct code_meter requests[METHODS][CODES];	    /* all of them */
	struct code_meter provider[METHODS][PATHS][CODES]; /* those to /system, by its routes */
};

extern const char *const meter_methods[METHODS];
extern const char *const meter_paths[PATHS];

#endif
