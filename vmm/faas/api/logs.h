/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What functions' instances write, in memory: the last LOG_BYTES of each function, by lines; and their readers. The
 * logs of a function stay when its instances go, until it is removed and others need the room. Loop's thread.
 */
#ifndef FAAS_LOGS_H
#define FAAS_LOGS_H

#include <stddef.h>

enum { LOG_BYTES = 128 << 10, LOG_LINE = 4096, LOG_FUNCTIONS = 1024 };

struct logs;

struct logs *logs_new(void);
void logs_free(struct logs *l); /* its readers must be gone. NULL is ignored */
/* Any bytes; lines are put together per instance. */
void logs_put(struct logs *l, const char *function, const char *instance, const char *bytes, size_t len);
/* The server ends: readers that follow get what is there, and their end. */
void logs_end(struct logs *l);

#endif
