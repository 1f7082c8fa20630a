/* SPDX-License-Identifier: Apache-2.0 */
#include "logs.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api.h"
#include "http/call.h"
#include "log_request.h"
#include "logs_internal.h"
#include "namespaces.h"

struct reader {
	struct log *log;
	struct call *call;
	struct reader *next, **link;
	uint64_t at; /* the next line's number */
	bool follow;
	char instance[LOG_NAME];
	uint64_t since; /* Unix nanoseconds */
	char *text; /* of a line that did not fit at once */
	size_t text_len, text_at;
};

void logs_wake(struct log *log)
{
	struct reader *next;

	for (struct reader *r = log->readers; r; r = next) {
		next = r->next;
		call_wake(r->call);
	}
}

static char *format(const struct log *log, const struct log_line *line, size_t *len)
{
	cJSON *json = cJSON_CreateObject();
	char stamp[48], *text;
	struct tm tm;
	time_t seconds = (time_t)(line->time / 1000000000u);
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(stamp + n, sizeof stamp - n, ".%09uZ", (unsigned int)(line->time % 1000000000u));
	cJSON_AddStringToObject(json, "name", log->function);
	cJSON_AddStringToObject(json, "namespace", NAMESPACE);
	cJSON_AddStringToObject(json, "instance", line->instance);
	cJSON_AddStringToObject(json, "timestamp", stamp);
	cJSON_AddStringToObject(json, "text", line->text);
	text = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	*len = text ? strlen(text) : 0;
	if (text)
		text[(*len)++] = '\n'; /* in place of its NUL */
	return text;
}

static bool fits(const struct reader *r, const struct log_line *line)
{
	return (!r->instance[0] || strcmp(r->instance, line->instance) == 0) &&
		line->time >= r->since;
}

static bool next_line(struct reader *r)
{
	const struct log_line *line = r->log->first;

	while (line && (line->number < r->at || !fits(r, line)))
		line = line->next;
	if (!line)
		return false;
	r->at = line->number + 1;
	r->text_at = 0;
	r->text = format(r->log, line, &r->text_len);
	return r->text;
}

static ssize_t on_read(struct call *call, char *to, size_t len)
{
	struct reader *r = call_user(call);
	size_t n;

	if (!r->text && !next_line(r))
		return r->follow && !r->log->ended ? 0 : CALL_EOF;
	n = r->text_len - r->text_at < len ? r->text_len - r->text_at : len;
	memcpy(to, r->text + r->text_at, n);
	r->text_at += n;
	if (r->text_at == r->text_len) {
		free(r->text);
		r->text = NULL;
	}
	return (ssize_t)n;
}

static void on_end(struct call *call)
{
	call_add(call, "Content-Type", "application/x-ndjson");
	call_stream(call, 200, -1);
}

static void on_gone(struct call *call)
{
	struct reader *r = call_user(call);

	*r->link = r->next;
	if (r->next)
		r->next->link = r->link;
	free(r->text);
	free(r);
}

static const struct call_ops ops = { NULL, on_end, on_read, on_gone };

/* "tail=20": so many of the lines that fit. */
static void skip_to_tail(struct reader *r, uint32_t tail)
{
	uint32_t n = 0;

	for (const struct log_line *line = r->log->first; line; line = line->next)
		n += fits(r, line);
	for (const struct log_line *line = r->log->first; line && n > tail; line = line->next) {
		n -= fits(r, line);
		r->at = line->number + 1;
	}
}

static struct log *find(struct app *app, const char *function)
{
	struct log *log = logs_find(app->logs, function);

	return log || !dispatch_find(app->dispatcher, function) ? log : logs_add(app->logs, function);
}

static void read_it(struct log *log, struct call *call, const struct log_request *request)
{
	struct reader *r = calloc(1, sizeof *r);

	if (!r) {
		call_error(call, 503, "out of memory");
		return;
	}
	r->log = log;
	r->call = call;
	r->follow = request->follow;
	r->since = request->since;
	snprintf(r->instance, sizeof r->instance, "%s", request->instance);
	skip_to_tail(r, request->tail);
	r->link = &log->readers;
	r->next = log->readers;
	if (r->next)
		r->next->link = &r->next;
	log->readers = r;
	call_take(call, &ops, r);
}

void api_logs(struct app *app, struct call *call, const char *name)
{
	struct log_request request;
	struct log *log;

	(void)name;
	if (log_request_read(call, &request) < 0) {
		call_error(call, 422, "since is no time such as 2026-01-02T03:04:05Z or 10m, tail is no number, or something is too long");
		return;
	}
	if (!request.function[0]) {
		call_error(call, 400, "name= is missing");
		return;
	}
	log = find(app, request.function);
	if (log)
		read_it(log, call, &request);
	else
		call_error(call, 404, "there is no function of this name");
}
