/* SPDX-License-Identifier: Apache-2.0 */
/* One function: /system/function/NAME, scale, rollback. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api.h"
#include "http/call.h"
#include "job.h"
#include "namespaces.h"
#include "status.h"

void status_time(uint64_t seconds, char text[32])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static void add_ours(cJSON *json, const struct function_view *v)
{
	cJSON *ours = cJSON_AddObjectToObject(json, "ukvmm");

	cJSON_AddNumberToObject(ours, "revision", v->spec->revision);
	cJSON_AddStringToObject(ours, "hash", v->spec->hash);
	cJSON_AddNumberToObject(ours, "inflight", v->counts.inflight);
	cJSON_AddNumberToObject(ours, "queued", v->counts.queued);
	cJSON_AddNumberToObject(ours, "kept", v->counts.kept);
	cJSON_AddNumberToObject(ours, "coldStarts", (double)v->counts.cold_starts);
	cJSON_AddNumberToObject(ours, "failedStarts", (double)v->counts.failed_starts);
	cJSON_AddNumberToObject(ours, "refused", (double)v->counts.refused);
	cJSON_AddNumberToObject(ours, "memory", (double)v->spec->memory);
	cJSON_AddNumberToObject(ours, "concurrency", v->spec->concurrency);
	cJSON_AddNumberToObject(ours, "maxInstances", v->spec->max_instances);
	cJSON_AddNumberToObject(ours, "minWarm", v->spec->min_warm);
}

/* The first two are OpenFaaS's, of what there is now; the others are what the function has cost so far. */
static void add_usage(cJSON *json, const struct function_view *v)
{
	cJSON *usage = cJSON_AddObjectToObject(json, "usage");

	cJSON_AddNumberToObject(usage, "cpu", v->counts.millicores);
	cJSON_AddNumberToObject(usage, "totalMemoryBytes", (double)v->spec->memory * v->counts.replicas);
	cJSON_AddNumberToObject(usage, "cpuSeconds", (double)v->counts.cpu_ns / 1e9);
	cJSON_AddNumberToObject(usage, "memoryByteSeconds", (double)v->counts.byte_seconds);
	cJSON_AddNumberToObject(usage, "networkBytes", (double)v->counts.network_bytes);
	cJSON_AddNumberToObject(usage, "coldStarts", (double)v->counts.cold_starts);
}

cJSON *status_of_function(const struct function_view *v)
{
	cJSON *json = spec_to_json(v->spec, false);
	char created[32];

	cJSON_AddStringToObject(json, "name", v->spec->name);
	cJSON_AddStringToObject(json, "namespace", NAMESPACE);
	cJSON_AddNumberToObject(json, "invocationCount", (double)v->counts.invocations);
	cJSON_AddNumberToObject(json, "replicas", v->counts.replicas);
	cJSON_AddNumberToObject(json, "availableReplicas", v->counts.ready);
	status_time(v->spec->created, created);
	cJSON_AddStringToObject(json, "createdAt", created);
	add_usage(json, v);
	add_ours(json, v);
	return json;
}

/* The name is in the path: it is kept where the body is waited for. */
static void begin(struct app *app, struct call *call, const char *name, void (*ready)(struct job *job))
{
	struct job *job;

	job_begin(app, call, ready);
	job = call_user(call);
	if (job)
		snprintf(job->name, sizeof job->name, "%s", name);
}

static struct function *find(struct job *job)
{
	struct function *f = dispatch_find(job->app->dispatcher, job->name);

	if (!f)
		job_say(job, 404, "there is no function %s", job->name);
	return f;
}

static void describe(struct job *job)
{
	struct function *f = find(job);
	struct function_view view;

	if (!f)
		return;
	dispatch_view_costs(f, &view);
	job_json(job, 200, status_of_function(&view));
}

void api_function(struct app *app, struct call *call, const char *name)
{
	begin(app, call, name, describe);
}

static void scale(struct job *job)
{
	struct function *f = find(job);
	struct function_view view;
	cJSON *n;

	if (!f || job_elsewhere(job, 404))
		return;
	n = cJSON_GetObjectItemCaseSensitive(job->json, "replicas");
	dispatch_view(f, &view);
	if (!cJSON_IsNumber(n) || n->valuedouble < 0 || n->valuedouble > view.spec->max_instances) {
		job_say(job, 400, "replicas is not a number from 0 to %u", view.spec->max_instances);
		return;
	}
	dispatch_scale(f, (uint32_t)n->valuedouble);
	job_say(job, 202, "%s: at least %u instances\n", job->name, (uint32_t)n->valuedouble);
}

void api_scale(struct app *app, struct call *call, const char *name)
{
	begin(app, call, name, scale);
}

static void last(struct job *job)
{
	job->rc = store_last_function(job->app->store, job->name, (uint32_t)job->rc, &job->text, &job->err);
}

static void found(struct job *job)
{
	char why[SPEC_WHY];
	int rc;

	if (job->rc < 0) {
		job_failed(job);
		return;
	}
	rc = spec_from_text(job->text, strlen(job->text), &job->spec, why);
	free(job->text);
	job->text = NULL;
	if (rc < 0)
		job_say(job, 500, "the earlier revision cannot be read: %s", why);
	else
		functions_try(job);
}

static void rollback(struct job *job)
{
	struct function *f = find(job);
	struct function_view view;

	if (!f)
		return;
	dispatch_view(f, &view);
	job->rc = (int)view.spec->revision;
	job_work(job, last, found);
}

void api_rollback(struct app *app, struct call *call, const char *name)
{
	begin(app, call, name, rollback);
}
