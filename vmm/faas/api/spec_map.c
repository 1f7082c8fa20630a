/* SPDX-License-Identifier: Apache-2.0 */
/* What OpenFaaS's members, labels and annotations mean for a function here. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "settings.h"
#include "spec_internal.h"

enum { CPUS = 32 };

/* OpenFaaS's scale labels, as our settings. */
static const struct {
	const char *label, *key;
} scale[] = {
	{ "com.openfaas.scale.min", "min-warm" },
	{ "com.openfaas.scale.max", "max-instances" },
	{ "com.openfaas.scale.zero-duration", "idle-timeout" },
};

/* "500m", "1.5", "2" to thousandths. */
static int read_cpu(const char *text, uint32_t *thousandths)
{
	char *end;
	double cpus;

	if (!strchr("0123456789.", *text)) /* neither blanks nor words for infinity */
		return -EINVAL;
	cpus = strtod(text, &end);
	if (*end == 'm')
		cpus /= 1000, end++;
	if (*end || !(cpus > 0 && cpus <= CPUS))
		return -EINVAL;
	*thousandths = (uint32_t)(cpus * 1000 + 0.5);
	return *thousandths ? 0 : -EINVAL;
}

static int set_cpu(struct spec *spec, const char *text, char *why)
{
	uint32_t thousandths;
	char number[16];

	if (read_cpu(text, &thousandths) < 0)
		return spec_no(why, "limits.cpu is not %s", "a number of CPUs up to 32, such as 500m or 2");
	snprintf(number, sizeof number, "%u", (thousandths + 999) / 1000);
	return settings_set(spec, "vcpus", number, why);
}

static int read_limits(const cJSON *json, struct spec *spec, char *why)
{
	const char *memory = spec_text_of(json, "memory"), *cpu = spec_text_of(json, "cpu");
	const cJSON *item;

	cJSON_ArrayForEach(item, json) {
		if (item->string && strstr(item->string, ".com/gpu") && cJSON_IsString(item) && item->valuestring[0])
			return spec_no(why, "%s: there are no GPUs here", item->string);
	}
	if (memory && *memory && settings_set(spec, "memory", memory, why) < 0)
		return spec_no(why, "limits.memory is not %s", "2Mi to 64Gi");
	return cpu && *cpu ? set_cpu(spec, cpu, why) : 0;
}

static int keep(char **to, const char *text)
{
	if (!text || !*text)
		return 0;
	*to = strdup(text);
	return *to ? 0 : -ENOMEM;
}

/* What a function requests it has as its limit, if that is not given. */
static int read_resources(const cJSON *json, struct spec *spec, char *why)
{
	const cJSON *limits = cJSON_GetObjectItemCaseSensitive(json, "limits");
	const cJSON *requests = cJSON_GetObjectItemCaseSensitive(json, "requests");
	int rc = keep(&spec->requests_memory, spec_text_of(requests, "memory"));

	if (rc == 0)
		rc = keep(&spec->requests_cpu, spec_text_of(requests, "cpu"));
	if (rc == 0)
		rc = read_limits(requests, spec, why);
	if (rc < 0 && *why)
		return spec_no(why, "requests has %s", "no size of memory from 2Mi to 64Gi, or no number of CPUs up to 32");
	return rc < 0 ? rc : read_limits(limits, spec, why);
}

/* At the end, as a setting may have changed what limits said. */
static int check_requests(const struct spec *spec, char *why)
{
	uint32_t thousandths;
	uint64_t bytes;

	if (spec->requests_memory && (settings_size(spec->requests_memory, &bytes) < 0 || bytes > spec->memory))
		return spec_no(why, "requests.memory, %s, is more than the limit", spec->requests_memory);
	if (spec->requests_cpu && (read_cpu(spec->requests_cpu, &thousandths) < 0 || thousandths > spec->vcpus * 1000))
		return spec_no(why, "requests.cpu, %s, is more than the limit", spec->requests_cpu);
	return 0;
}

/* "capacity" is requests that a replica has at once; by the other types nothing is scaled here. */
static int read_capacity(struct spec *spec, char *why)
{
	const char *type = spec_find(&spec->labels, "com.openfaas.scale.type");
	const char *target = spec_find(&spec->labels, "com.openfaas.scale.target");

	if (!type || strcmp(type, "capacity") != 0 || !target)
		return 0;
	if (settings_set(spec, "concurrency", target, why) < 0)
		return spec_no(why, "label com.openfaas.scale.target is not %s", "1 to 10000");
	return 0;
}

static int read_labels(struct spec *spec, char *why)
{
	const char *zero = spec_find(&spec->labels, "com.openfaas.scale.zero"), *value;
	int rc = read_capacity(spec, why);

	for (size_t i = 0; i < sizeof scale / sizeof scale[0] && rc == 0; i++) {
		value = spec_find(&spec->labels, scale[i].label);
		if (value && settings_set(spec, scale[i].key, value, why) < 0)
			rc = spec_no(why, "label %s has a value that does not fit", scale[i].label);
	}
	if (zero && strcmp(zero, "true") == 0)
		spec->min_warm = 0;
	if (zero && strcmp(zero, "false") == 0 && spec->min_warm == 0)
		spec->min_warm = 1;
	return rc;
}

static int read_annotations(struct spec *spec, char *why)
{
	const char *ready = spec_find(&spec->annotations, "com.openfaas.ready.http.path");
	size_t prefix = strlen(SETTINGS_PREFIX);
	int rc = 0;

	if (ready)
		spec->ready = READY_TCP;
	for (uint32_t i = 0; i < spec->annotations.n && rc == 0; i++)
		if (strncmp(spec->annotations.at[i].name, SETTINGS_PREFIX, prefix) == 0)
			rc = settings_set(spec, spec->annotations.at[i].name + prefix, spec->annotations.at[i].value,
				why);
	if (rc == 0 && spec->min_warm > spec->max_instances)
		return spec_no(why, "%s", "min-warm is more than max-instances");
	if (rc == 0 && spec_find(&spec->annotations, "ukvmm.dns") && spec->dns != EGRESS_DNS_NONE && !spec_egress(spec))
		return spec_no(why, "%s", "ukvmm.dns is of no use without addresses in ukvmm.egress");
	if (rc == 0 && spec->single_use)
		spec->concurrency = 1;
	return rc;
}

int spec_map(const cJSON *json, struct spec *spec, char *why)
{
	int rc = read_resources(json, spec, why);

	if (rc == 0)
		rc = read_labels(spec, why);
	if (rc == 0)
		rc = read_annotations(spec, why);
	return rc < 0 ? rc : check_requests(spec, why);
}
