/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "logs_internal.h"

struct logs {
	struct log *first, **end;
	uint32_t n;
	bool ended;
};

struct logs *logs_new(void)
{
	struct logs *l = calloc(1, sizeof *l);

	if (l)
		l->end = &l->first;
	return l;
}

static void drop_first(struct log *log)
{
	struct log_line *line = log->first;

	log->first = line->next;
	if (!log->first)
		log->end = &log->first;
	log->bytes -= sizeof *line + strlen(line->text);
	free(line);
}

static void drop_log(struct logs *l, struct log **at)
{
	struct log *log = *at;

	*at = log->next;
	if (!*at)
		l->end = at;
	while (log->first)
		drop_first(log);
	free(log);
	l->n--;
}

void logs_free(struct logs *l)
{
	while (l && l->first)
		drop_log(l, &l->first);
	free(l);
}

struct log *logs_find(struct logs *l, const char *function)
{
	struct log *log = l->first;

	while (log && strcmp(log->function, function) != 0)
		log = log->next;
	return log;
}

/* The oldest one that nobody reads makes room. */
static bool make_room(struct logs *l)
{
	for (struct log **at = &l->first; *at; at = &(*at)->next)
		if (!(*at)->readers) {
			drop_log(l, at);
			return true;
		}
	return false;
}

struct log *logs_add(struct logs *l, const char *function)
{
	struct log *log;

	if (l->n == LOG_FUNCTIONS && !make_room(l))
		return NULL;
	log = calloc(1, sizeof *log);
	if (!log)
		return NULL;
	snprintf(log->function, sizeof log->function, "%s", function);
	log->end = &log->first;
	log->ended = l->ended;
	*l->end = log;
	l->end = &log->next;
	l->n++;
	return log;
}

void logs_end(struct logs *l)
{
	l->ended = true;
	for (struct log *log = l->first; log; log = log->next) {
		log->ended = true;
		logs_wake(log);
	}
}

static void end_line(struct log *log)
{
	struct log_line *line;
	struct timespec t;

	if (log->part_len == 0)
		return;
	log->part[log->part_len] = 0;
	line = malloc(sizeof *line + log->part_len + 1);
	if (line) {
		clock_gettime(CLOCK_REALTIME, &t);
		line->time = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
		line->number = log->lines++;
		line->next = NULL;
		memcpy(line->instance, log->part_of, sizeof line->instance);
		strcpy(line->text, log->part);
		*log->end = line;
		log->end = &line->next;
		log->bytes += sizeof *line + strlen(line->text);
	}
	while (log->bytes > LOG_BYTES)
		drop_first(log);
	log->part_len = 0;
}

/* Guests send anything: what is no text becomes '?', so that JSON and terminals stay what they are. */
static void put_byte(struct log *log, char c)
{
	if (c == '\r')
		return;
	if (c == '\n' || log->part_len == LOG_LINE)
		end_line(log);
	if (c != '\n')
		log->part[log->part_len++] = (c >= ' ' && c < 127) || c == '\t' ? c : '?';
}

void logs_put(struct logs *l, const char *function, const char *instance, const char *bytes, size_t len)
{
	struct log *log = logs_find(l, function);

	if (!log && !(log = logs_add(l, function)))
		return;
	if (strcmp(log->part_of, instance) != 0) {
		end_line(log);
		snprintf(log->part_of, sizeof log->part_of, "%s", instance);
	}
	for (size_t i = 0; i < len; i++)
		put_byte(log, bytes[i]);
	logs_wake(log);
}
