/* SPDX-License-Identifier: Apache-2.0 */
/* The lines (log_lines.c), and who reads them (logs.c). */
#ifndef FAAS_LOGS_INTERNAL_H
#define FAAS_LOGS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "logs.h"
#include "spec.h"

enum { LOG_NAME = SPEC_NAME + 32 };

struct reader;

struct log_line {
	struct log_line *next;
	uint64_t number, time; /* Unix time in nanoseconds */
	char instance[LOG_NAME];
	char text[];
};

struct log {
	struct log *next;
	char function[SPEC_NAME + 1];
	struct log_line *first, **end;
	size_t bytes;
	uint64_t lines;
	struct reader *readers;
	bool ended; /* nobody follows any more */
	char part[LOG_LINE + 1], part_of[LOG_NAME]; /* a line that has not ended */
	size_t part_len;
};

struct log *logs_find(struct logs *l, const char *function);
struct log *logs_add(struct logs *l, const char *function); /* NULL: out of memory, or too many that are read */
void logs_wake(struct log *log);

#endif
