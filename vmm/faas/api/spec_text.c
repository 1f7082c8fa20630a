/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "spec_json.h"

static void add_pairs(cJSON *json, const char *name, const struct spec_pairs *pairs)
{
	cJSON *object = cJSON_AddObjectToObject(json, name);

	for (uint32_t i = 0; object && i < pairs->n; i++)
		cJSON_AddStringToObject(object, pairs->at[i].name, pairs->at[i].value);
}

static void add_names(cJSON *json, const char *name, const struct spec_pairs *pairs)
{
	cJSON *list = cJSON_AddArrayToObject(json, name);

	for (uint32_t i = 0; list && i < pairs->n; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(pairs->at[i].name));
}

static void add_resources(cJSON *json, const struct spec *spec)
{
	cJSON *limits = cJSON_AddObjectToObject(json, "limits"), *requests;
	char text[32];

	snprintf(text, sizeof text, "%llu", (unsigned long long)spec->memory);
	cJSON_AddStringToObject(limits, "memory", text);
	snprintf(text, sizeof text, "%u", spec->vcpus);
	cJSON_AddStringToObject(limits, "cpu", text);
	if (!spec->requests_memory && !spec->requests_cpu)
		return;
	requests = cJSON_AddObjectToObject(json, "requests");
	if (spec->requests_memory)
		cJSON_AddStringToObject(requests, "memory", spec->requests_memory);
	if (spec->requests_cpu)
		cJSON_AddStringToObject(requests, "cpu", spec->requests_cpu);
}

cJSON *spec_to_json(const struct spec *spec, bool stored)
{
	cJSON *json = cJSON_CreateObject(), *ours, *disks;

	cJSON_AddStringToObject(json, "service", spec->name);
	cJSON_AddStringToObject(json, "image", spec->image);
	cJSON_AddStringToObject(json, "envProcess", spec->process);
	add_pairs(json, "envVars", &spec->env);
	add_pairs(json, "labels", &spec->labels);
	add_pairs(json, "annotations", &spec->annotations);
	add_names(json, "secrets", &spec->secrets);
	add_names(json, "constraints", &spec->constraints);
	cJSON_AddBoolToObject(json, "readOnlyRootFilesystem", spec->read_only);
	add_resources(json, spec);
	if (!stored)
		return json;
	ours = cJSON_AddObjectToObject(json, "ukvmm");
	cJSON_AddStringToObject(ours, "hash", spec->hash);
	cJSON_AddStringToObject(ours, "initrd", spec->initrd);
	disks = cJSON_AddArrayToObject(ours, "disks");
	for (uint32_t i = 0; disks && i < spec->n_disks; i++)
		cJSON_AddItemToArray(disks, cJSON_CreateString(spec->disk[i]));
	cJSON_AddNumberToObject(ours, "revision", spec->revision);
	cJSON_AddNumberToObject(ours, "created", (double)spec->created);
	return json;
}
