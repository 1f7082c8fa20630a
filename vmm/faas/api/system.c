/* SPDX-License-Identifier: Apache-2.0 */
/* /system: what the server is and has. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include <ukvmm/ukvmm.h>

#include "api.h"
#include "http/call.h"
#include "job.h"

static void add_version(cJSON *json)
{
	cJSON *version = cJSON_AddObjectToObject(json, "version");

	cJSON_AddStringToObject(version, "release", ukvmm_version());
	cJSON_AddStringToObject(version, "sha", "");
}

static void add_provider(cJSON *json)
{
	cJSON_AddStringToObject(json, "provider", "ukvmm-faas");
	cJSON_AddStringToObject(json, "orchestration", "ukvmm");
	add_version(json);
}

/*
 * OpenFaaS has two forms of this under one path: a provider names itself in "provider", its gateway has the provider's
 * answer there. Clients that are made for a gateway read the second one only, and say who they are.
 */
static bool wants_gateway(const struct call *call)
{
	const char *agent = call ? call_header(call, "User-Agent") : NULL;

	return agent && (strncmp(agent, "faas-cli/", 9) == 0 || strncmp(agent, "openfaas-go-sdk", 15) == 0);
}

static void add_machine(cJSON *json)
{
	struct utsname host;

	add_provider(cJSON_AddObjectToObject(json, "provider"));
	add_version(json);
	cJSON_AddStringToObject(json, "arch", uname(&host) == 0 ? host.machine : "");
}

static void info(struct job *job)
{
	cJSON *json = cJSON_CreateObject(), *ours;
	struct dispatch_totals t;
	char egress[320];

	if (wants_gateway(job->call))
		add_machine(json);
	else
		add_provider(json);
	uplink_text(job->app->uplink, egress, sizeof egress);
	dispatch_totals(job->app->dispatcher, &t);
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
	cJSON_AddNumberToObject(json, "exits", (double)v->cost.exits);
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

static void end(struct job *job)
{
	if (dispatch_end(job->app->dispatcher, job->name) < 0)
		job_say(job, 404, "there is no instance %s", job->name);
	else
		job_say(job, 202, "%s ends\n", job->name);
}

void api_instance_end(struct app *app, struct call *call, const char *name)
{
	struct job *job;

	job_begin(app, call, end);
	job = call_user(call);
	if (job)
		snprintf(job->name, sizeof job->name, "%s", name);
}
