/* SPDX-License-Identifier: Apache-2.0 */
#include "spec_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"
#include "settings.h"

static int no(char *why, const char *fmt, const char *what)
{
	snprintf(why, SPEC_WHY, fmt, what);
	return -EINVAL;
}

/* OpenFaaS's scale labels, as our settings. */
static const struct {
	const char *label, *key;
} scale[] = {
	{ "com.openfaas.scale.min", "min-warm" },
	{ "com.openfaas.scale.max", "max-instances" },
	{ "com.openfaas.scale.zero-duration", "idle-timeout" },
};

static const char *text_of(const cJSON *json, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

	return cJSON_IsString(item) ? item->valuestring : NULL;
}

static int add_pair(struct spec_pairs *to, const char *name, const char *value)
{
	struct spec_pair *at = realloc(to->at, (to->n + 1) * sizeof *at), p = { strdup(name), strdup(value) };

	if (at)
		to->at = at;
	if (at && p.name && p.value) {
		at[to->n++] = p;
		return 0;
	}
	free(p.name);
	free(p.value);
	return -ENOMEM;
}

static int read_pairs(const cJSON *json, const char *name, struct spec_pairs *to, char *why)
{
	const cJSON *object = cJSON_GetObjectItemCaseSensitive(json, name), *item;
	int rc = 0;

	if (!object || cJSON_IsNull(object))
		return 0;
	if (!cJSON_IsObject(object) || cJSON_GetArraySize(object) > SPEC_ITEMS)
		return no(why, "%s is no object of texts, or too large", name);
	cJSON_ArrayForEach(item, object) {
		if (!cJSON_IsString(item) || !item->string[0])
			return no(why, "%s has a value that is no text", name);
		rc = add_pair(to, item->string, item->valuestring);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int read_secrets(const cJSON *json, struct spec *spec, char *why)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "secrets"), *item;
	int rc;

	if (!list || cJSON_IsNull(list))
		return 0;
	if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > SPEC_ITEMS)
		return no(why, "%s is no list of names", "secrets");
	cJSON_ArrayForEach(item, list) {
		if (!cJSON_IsString(item) || !spec_name_fits(item->valuestring))
			return no(why, "%s has something that is no name", "secrets");
		rc = add_pair(&spec->secrets, item->valuestring, "");
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* They become words of the guest's command line. */
static int check_env(const struct spec *spec, char *why)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < spec->env.n; i++) {
		const struct spec_pair *p = &spec->env.at[i];

		if (strpbrk(p->name, " =\t\r\n\"") || strpbrk(p->value, " \t\r\n\""))
			return no(why, "envVars: %s: blanks and quotes cannot be given to a guest", p->name);
		bytes += strlen(p->name) + strlen(p->value) + 2;
	}
	return bytes > 2048 ? no(why, "%s is too long", "envVars") : 0;
}

static int read_limits(const cJSON *json, struct spec *spec, char *why)
{
	const cJSON *limits = cJSON_GetObjectItemCaseSensitive(json, "limits");
	const char *memory = limits ? text_of(limits, "memory") : NULL, *cpu = limits ? text_of(limits, "cpu") : NULL;
	char *end, number[16];
	double cpus;
	int rc = 0;

	if (memory && *memory)
		rc = settings_set(spec, "memory", memory, why);
	if (rc < 0 || !cpu || !*cpu)
		return rc < 0 ? no(why, "limits.memory is not %s", "2Mi to 64Gi") : 0;
	cpus = strtod(cpu, &end);
	if (*end == 'm')
		cpus /= 1000, end++;
	if (*end || !(cpus > 0 && cpus <= 32))
		return no(why, "limits.cpu is not %s", "a number of CPUs up to 32, such as 500m or 2");
	snprintf(number, sizeof number, "%u", (unsigned int)(cpus + 0.999));
	return settings_set(spec, "vcpus", number, why);
}

static int read_labels(struct spec *spec, char *why)
{
	const char *zero = spec_find(&spec->labels, "com.openfaas.scale.zero"), *value;
	int rc;

	for (size_t i = 0; i < sizeof scale / sizeof scale[0]; i++) {
		value = spec_find(&spec->labels, scale[i].label);
		rc = value ? settings_set(spec, scale[i].key, value, why) : 0;
		if (rc < 0)
			return no(why, "label %s has a value that does not fit", scale[i].label);
	}
	if (zero && strcmp(zero, "true") == 0)
		spec->min_warm = 0;
	if (zero && strcmp(zero, "false") == 0 && spec->min_warm == 0)
		spec->min_warm = 1;
	return 0;
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
		return no(why, "%s", "min-warm is more than max-instances");
	if (rc == 0 && spec_find(&spec->annotations, "ukvmm.dns") && spec->dns != EGRESS_DNS_NONE && !spec_egress(spec))
		return no(why, "%s", "ukvmm.dns is of no use without addresses in ukvmm.egress");
	if (rc == 0 && spec->single_use)
		spec->concurrency = 1;
	return rc;
}

static int copy_text(char **to, const char *from)
{
	*to = strdup(from ? from : "");
	return *to ? 0 : -ENOMEM;
}

static void read_stored(const cJSON *json, struct spec *spec)
{
	const cJSON *ours = cJSON_GetObjectItemCaseSensitive(json, "ukvmm"), *n;
	const char *text = ours ? text_of(ours, "hash") : NULL;

	if (text)
		snprintf(spec->hash, sizeof spec->hash, "%s", text);
	text = ours ? text_of(ours, "initrd") : NULL;
	if (text)
		snprintf(spec->initrd, sizeof spec->initrd, "%s", text);
	n = ours ? cJSON_GetObjectItemCaseSensitive(ours, "revision") : NULL;
	spec->revision = cJSON_IsNumber(n) && n->valuedouble >= 1 && n->valuedouble < 4e9 ? (uint32_t)n->valuedouble : 1;
	n = ours ? cJSON_GetObjectItemCaseSensitive(ours, "created") : NULL;
	spec->created = cJSON_IsNumber(n) && n->valuedouble > 0 ? (uint64_t)n->valuedouble : 0;
}

static int read_names(const cJSON *json, struct spec *spec, char *why)
{
	const char *name = text_of(json, "service"), *image = text_of(json, "image"), *space = text_of(json, "namespace");

	if (!name || !spec_name_fits(name))
		return no(why, "service is not a name of up to 63 of [-a-zA-Z_0-9.]%s", "");
	if (!image || !*image || strlen(image) > 255)
		return no(why, "image is missing or too long%s", "");
	if (space && *space && strcmp(space, "ukvmm") != 0 && strcmp(space, "openfaas-fn") != 0)
		return no(why, "namespace %.64s: there is one only, leave it out", space);
	snprintf(spec->name, sizeof spec->name, "%s", name);
	return copy_text(&spec->image, image) < 0 || copy_text(&spec->cmdline, NULL) < 0 ||
			copy_text(&spec->process, text_of(json, "envProcess")) < 0 ? -ENOMEM : 0;
}

int spec_from_json(const cJSON *json, struct spec **out, char *why)
{
	struct spec *spec = calloc(1, sizeof *spec);
	int rc;

	*why = 0;
	if (!spec)
		return -ENOMEM;
	spec->references = 1;
	settings_default(spec);
	rc = read_names(json, spec, why);
	if (rc == 0)
		rc = read_pairs(json, "envVars", &spec->env, why);
	if (rc == 0)
		rc = read_pairs(json, "labels", &spec->labels, why);
	if (rc == 0)
		rc = read_pairs(json, "annotations", &spec->annotations, why);
	if (rc == 0)
		rc = read_secrets(json, spec, why);
	if (rc == 0)
		rc = check_env(spec, why);
	if (rc == 0)
		rc = read_limits(json, spec, why);
	if (rc == 0)
		rc = read_labels(spec, why);
	if (rc == 0)
		rc = read_annotations(spec, why);
	read_stored(json, spec);
	if (rc < 0)
		spec_unref(spec);
	else
		*out = spec;
	return rc;
}

int spec_from_text(const char *text, size_t len, struct spec **out, char *why)
{
	cJSON *json = cJSON_ParseWithLength(text, len);
	int rc;

	if (!cJSON_IsObject(json)) {
		cJSON_Delete(json);
		return no(why, "%s", "the body is not a JSON object");
	}
	rc = spec_from_json(json, out, why);
	cJSON_Delete(json);
	return rc;
}
