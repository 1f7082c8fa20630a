/* SPDX-License-Identifier: Apache-2.0 */
#include "journal.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api/metrics.h"
#include "http/server.h"

static bool as_json;

void journal_as(bool json)
{
	as_json = json;
}

/* One write: lines of threads do not mix. What guests and clients wrote has no control characters afterwards. */
static void put(char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 127)
			line[i] = '?';
	line[len] = '\n';
	if (write(STDERR_FILENO, line, len + 1) < 0)
		return; /* nobody is left to tell */
}

static void put_json(cJSON *json)
{
	struct timespec t;
	char stamp[40], *text;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	n = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(stamp + n, sizeof stamp - n, ".%06ldZ", t.tv_nsec / 1000);
	cJSON_AddStringToObject(json, "time", stamp);
	text = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	if (text)
		put(text, strlen(text)); /* the newline takes the NUL's place */
	cJSON_free(text);
}

void journal_request(void *app, const struct http_record *r)
{
	char line[1600];
	int n;

	meters_request(((struct app *)app)->meters, r);
	if (as_json) {
		cJSON *json = cJSON_CreateObject();

		cJSON_AddStringToObject(json, "event", "request");
		cJSON_AddStringToObject(json, "client", r->client);
		cJSON_AddStringToObject(json, "method", r->method);
		cJSON_AddStringToObject(json, "target", r->target);
		cJSON_AddNumberToObject(json, "status", r->status);
		cJSON_AddBoolToObject(json, "whole", r->whole);
		cJSON_AddNumberToObject(json, "seconds", (double)r->duration / 1e9);
		cJSON_AddNumberToObject(json, "in", (double)r->in_bytes);
		cJSON_AddNumberToObject(json, "out", (double)r->out_bytes);
		cJSON_AddStringToObject(json, "id", r->id);
		cJSON_AddStringToObject(json, "function", r->function ? r->function : "");
		cJSON_AddStringToObject(json, "instance", r->instance ? r->instance : "");
		put_json(json);
		return;
	}
	n = snprintf(line, sizeof line - 1, "request %s \"%.64s %.1024s\" %u%s %llu.%06u %llu %llu %s %s", r->client, r->method,
		r->target, r->status, r->whole ? "" : " cut", (unsigned long long)(r->duration / 1000000000),
		(unsigned int)(r->duration / 1000 % 1000000),
		(unsigned long long)r->in_bytes, (unsigned long long)r->out_bytes, r->id,
		r->instance ? r->instance : r->function ? r->function : "-");
	put(line, n < (int)sizeof line - 1 ? (size_t)n : sizeof line - 2);
}

void journal_instance(void *app, const char *function, const char *instance, const char *what, const char *text)
{
	char line[1024];
	int n;

	(void)app;
	if (as_json) {
		cJSON *json = cJSON_CreateObject();

		cJSON_AddStringToObject(json, "event", what);
		cJSON_AddStringToObject(json, "function", function);
		cJSON_AddStringToObject(json, "instance", instance);
		cJSON_AddStringToObject(json, "text", text);
		put_json(json);
		return;
	}
	n = snprintf(line, sizeof line - 1, "instance %s of %s: %s%s%s", instance, function, what, *text ? ": " : "", text);
	put(line, n < (int)sizeof line - 1 ? (size_t)n : sizeof line - 2);
}

void journal_server(const char *fmt, ...)
{
	char line[1024];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(line, sizeof line - 1, fmt, args);
	va_end(args);
	if (as_json) {
		cJSON *json = cJSON_CreateObject();

		cJSON_AddStringToObject(json, "event", "server");
		cJSON_AddStringToObject(json, "text", line);
		put_json(json);
		return;
	}
	put(line, n < (int)sizeof line - 1 ? (size_t)n : sizeof line - 2);
}
