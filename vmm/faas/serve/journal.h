/* SPDX-License-Identifier: Apache-2.0 */
/* What the server says of itself on stderr, a line each, as text or as JSON. Any thread. */
#ifndef FAAS_JOURNAL_H
#define FAAS_JOURNAL_H

#include <stdbool.h>

struct http_record;

void journal_as(bool json);
/* An answer to a request. */
void journal_request(void *app, const struct http_record *record);
/* Something that happened to an instance. */
void journal_instance(void *app, const char *function, const char *instance, const char *what, const char *text);
/* The server itself. */
void journal_server(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
