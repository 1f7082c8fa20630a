/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "spec_json.h"

static void add_pairs(cJSON *json, const char *name, const struct spec_pairs *pairs)
{
	cJSON *object = cJSON_AddObjectToObject(json, name);

	for (uint32_t i = 0; object && i < pairs->n; i++)
		cJSON_AddStringToObject(object, pairs->at[i].name, pairs->at[i].value);
}

cJSON *spec_to_json(const struct spec *spec, bool stored)
{
	cJSON *json = cJSON_CreateObject(), *limits, *secrets, *ours;
	char text[32];

	cJSON_AddStringToObject(json, "service", spec->name);
	cJSON_AddStringToObject(json, "image", spec->image);
	cJSON_AddStringToObject(json, "envProcess", spec->process);
	add_pairs(json, "envVars", &spec->env);
	add_pairs(json, "labels", &spec->labels);
	add_pairs(json, "annotations", &spec->annotations);
	secrets = cJSON_AddArrayToObject(json, "secrets");
	for (uint32_t i = 0; secrets && i < spec->secrets.n; i++)
		cJSON_AddItemToArray(secrets, cJSON_CreateString(spec->secrets.at[i].name));
	limits = cJSON_AddObjectToObject(json, "limits");
	snprintf(text, sizeof text, "%llu", (unsigned long long)spec->memory);
	cJSON_AddStringToObject(limits, "memory", text);
	snprintf(text, sizeof text, "%u", spec->vcpus);
	cJSON_AddStringToObject(limits, "cpu", text);
	if (!stored)
		return json;
	ours = cJSON_AddObjectToObject(json, "ukvmm");
	cJSON_AddStringToObject(ours, "hash", spec->hash);
	cJSON_AddStringToObject(ours, "initrd", spec->initrd);
	cJSON_AddNumberToObject(ours, "revision", spec->revision);
	cJSON_AddNumberToObject(ours, "created", (double)spec->created);
	return json;
}
