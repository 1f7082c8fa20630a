/* SPDX-License-Identifier: Apache-2.0 */
/* /system: what the server is and has. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <ukvmm/ukvmm.h>

#include "api.h"
#include "http/call.h"
#include "job.h"

static void info(struct job *job)
{
	cJSON *json = cJSON_CreateObject(), *version, *ours;
	struct dispatch_totals t;
	char egress[320];

	uplink_text(job->app->uplink, egress, sizeof egress);
	dispatch_totals(job->app->dispatcher, &t);
	cJSON_AddStringToObject(json, "provider", "ukvmm-faas");
	cJSON_AddStringToObject(json, "orchestration", "ukvmm");
	version = cJSON_AddObjectToObject(json, "version");
	cJSON_AddStringToObject(version, "release", ukvmm_version());
	cJSON_AddStringToObject(version, "sha", "");
	ours = cJSON_AddObjectToObject(json, "ukvmm");
	cJSON_AddStringToObject(ours, "backend", job->app->ops->name);
	cJSON_AddNumberToObject(ours, "memoryLimit", (double)t.memory_limit);
	cJSON_AddNumberToObject(ours, "memoryCommitted", (double)t.memory_used);
	cJSON_AddNumberToObject(ours, "functions", t.functions);
	cJSON_AddNumberToObject(ours, "instances", t.replicas);
	cJSON_AddNumberToObject(ours, "queued", t.queued);
	cJSON_AddStringToObject(ours, "egress", egress);
	job_json(job, 200, json);
}

void api_info(struct app *app, struct call *call, const char *name)
{
	(void)name;
	job_begin(app, call, info);
}

static void namespaces(struct job *job)
{
	cJSON *json = cJSON_CreateArray();

	cJSON_AddItemToArray(json, cJSON_CreateString("ukvmm"));
	job_json(job, 200, json);
}

void api_namespaces(struct app *app, struct call *call, const char *name)
{
	(void)name;
	job_begin(app, call, namespaces);
}

void api_namespace(struct app *app, struct call *call, const char *name)
{
	(void)app;
	(void)name;
	call_error(call, 501, "there is one namespace, ukvmm: run another server for another one");
}

void api_not_here(struct app *app, struct call *call, const char *name)
{
	(void)app;
	(void)name;
	call_error(call, 501, "the server scales by itself and reports at its metrics' address");
}

static void each(void *arg, const struct replica_view *v)
{
	cJSON *json = cJSON_CreateObject(), *calls;
	char ip[INET_ADDRSTRLEN], address[INET_ADDRSTRLEN + 8];

	inet_ntop(AF_INET, &v->address.sin_addr, ip, sizeof ip);
	snprintf(address, sizeof address, "%s:%u", ip, ntohs(v->address.sin_port));
	cJSON_AddStringToObject(json, "name", v->name);
	cJSON_AddStringToObject(json, "address", address);
	cJSON_AddStringToObject(json, "function", v->function);
	cJSON_AddStringToObject(json, "state", v->state);
	cJSON_AddNumberToObject(json, "revision", v->revision);
	cJSON_AddNumberToObject(json, "inflight", v->inflight);
	cJSON_AddNumberToObject(json, "ageSeconds", (double)(loop_clock() - v->born) / 1e9);
	cJSON_AddNumberToObject(json, "cpuSeconds", (double)v->cost.cpu_ns / 1e9);
	cJSON_AddNumberToObject(json, "memory", (double)v->memory);
	calls = cJSON_AddArrayToObject(json, "calls");
	for (const struct ticket *t = v->tickets; t; t = t->next)
		cJSON_AddItemToArray(calls, cJSON_CreateString(t->id));
	cJSON_AddItemToArray(arg, json);
}

static void instances(struct job *job)
{
	cJSON *json = cJSON_CreateArray();

	dispatch_each_replica(job->app->dispatcher, each, json);
	job_json(job, 200, json);
}

void api_instances(struct app *app, struct call *call, const char *name)
{
	(void)name;
	job_begin(app, call, instances);
}
