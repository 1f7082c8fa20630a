/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "meters.h"

static uint32_t hash_of(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return h % METER_HASH;
}

struct meters *meters_new(void)
{
	return calloc(1, sizeof(struct meters));
}

void meters_free(struct meters *m)
{
	for (uint32_t i = 0; m && i < METER_HASH; i++)
		while (m->hash[i]) {
			struct meter *next = m->hash[i]->next;

			free(m->hash[i]);
			m->hash[i] = next;
		}
	free(m);
}

/* Names are those of functions that were there: as many as an operator deploys, and METERS at most. */
static struct meter *meter(struct meters *m, const char *function)
{
	uint32_t h = hash_of(function);
	struct meter *one = m->hash[h];

	while (one && strcmp(one->function, function) != 0)
		one = one->next;
	if (one || m->n == METERS)
		return one;
	one = calloc(1, sizeof *one);
	if (!one)
		return NULL;
	snprintf(one->function, sizeof one->function, "%s", function);
	one->next = m->hash[h];
	m->hash[h] = one;
	m->n++;
	return one;
}

/* The last place is for the codes that find none: an instance chooses its status. */
static struct code_meter *code(struct code_meter *list, unsigned int status)
{
	for (int i = 0; i < CODES - 1; i++) {
		if (list[i].code == status && list[i].time.count)
			return &list[i];
		if (list[i].time.count)
			continue;
		list[i].code = status;
		return &list[i];
	}
	list[CODES - 1].code = 0;
	return &list[CODES - 1];
}

void meters_begun(void *app, const char *function)
{
	struct meter *m = meter(((struct app *)app)->meters, function);

	if (m)
		m->started++;
}

void meters_over(void *app, const char *function, unsigned int status, uint64_t ns)
{
	struct meter *m = meter(((struct app *)app)->meters, function);

	if (m)
		histogram_add(&code(m->codes, status ? status : 499)->time, ns); /* 499: the client left */
}

static int method_of(const char *method)
{
	int i = 0;

	while (i < METHODS - 1 && strcmp(meter_methods[i], method) != 0)
		i++;
	return i;
}

const char *const meter_methods[METHODS] = { "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "other" };

/* As OpenFaaS's providers name them: without what is behind them. */
const char *const meter_paths[PATHS] = { "/system/functions", "/system/function", "/system/scale-function",
	"/system/rollback", "/system/info", "/system/namespaces", "/system/namespace", "/system/instances",
	"/system/images", "/system/secrets", "/system/logs", "/system/core", "/system/stack", "/system/alert",
	"/system/telemetry", "/system" };

static bool is_at(const char *target, const char *path)
{
	size_t n = strlen(path);

	return strncmp(target, path, n) == 0 && strchr("/?", target[n]);
}

/* PATHS: not of /system. */
static int path_of(const char *target)
{
	int i = 0;

	while (i < PATHS && !is_at(target, meter_paths[i]))
		i++;
	return i;
}

static void count(struct code_meter *list, const struct http_record *r)
{
	histogram_add(&code(list, r->status ? r->status : 499)->time, r->duration);
}

void meters_request(struct meters *m, const struct http_record *r)
{
	int method = method_of(r->method), path = path_of(r->target);

	count(m->requests[method], r);
	if (path < PATHS)
		count(m->provider[method][path], r);
}
