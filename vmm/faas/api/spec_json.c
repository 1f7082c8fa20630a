/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "namespaces.h"
#include "settings.h"
#include "spec_internal.h"

int spec_no(char *why, const char *fmt, const char *what)
{
	snprintf(why, SPEC_WHY, fmt, what);
	return -EINVAL;
}

const char *spec_text_of(const cJSON *json, const char *name)
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
		return spec_no(why, "%s is no object of texts, or too large", name);
	cJSON_ArrayForEach(item, object) {
		if (!cJSON_IsString(item) || !item->string[0])
			return spec_no(why, "%s has a value that is no text", name);
		rc = add_pair(to, item->string, item->valuestring);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int read_list(const cJSON *json, const char *name, struct spec_pairs *to, bool (*fits)(const char *text), char *why)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, name), *item;
	int rc;

	if (!list || cJSON_IsNull(list))
		return 0;
	if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > SPEC_ITEMS)
		return spec_no(why, "%s is no list, or too long", name);
	cJSON_ArrayForEach(item, list) {
		if (!cJSON_IsString(item) || !fits(item->valuestring))
			return spec_no(why, "%s has something that does not fit", name);
		rc = add_pair(to, item->valuestring, "");
		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool constraint_fits(const char *text)
{
	return strlen(text) <= 255;
}

/* They become words of the guest's command line. */
static int check_env(const struct spec *spec, char *why)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < spec->env.n; i++) {
		const struct spec_pair *p = &spec->env.at[i];

		if (strpbrk(p->name, " =\t\r\n\"") || strpbrk(p->value, "\r\n\""))
			return spec_no(why, "envVars: %s: quotes, newlines and blanks of a name cannot be given to a guest", p->name);
		bytes += strlen(p->name) + strlen(p->value) + 2;
	}
	return bytes > 2048 ? spec_no(why, "%s is too long", "envVars") : 0;
}

static int copy_text(char **to, const char *from)
{
	*to = strdup(from ? from : "");
	return *to ? 0 : -ENOMEM;
}

static void read_disks(const cJSON *list, struct spec *spec)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list) {
		if (cJSON_IsString(item) && spec->n_disks < SPEC_DISKS)
			snprintf(spec->disk[spec->n_disks++], sizeof spec->disk[0], "%s", item->valuestring);
	}
}

static void read_stored(const cJSON *json, struct spec *spec)
{
	const cJSON *ours = cJSON_GetObjectItemCaseSensitive(json, "ukvmm"), *n;
	const char *text = ours ? spec_text_of(ours, "hash") : NULL;

	if (text)
		snprintf(spec->hash, sizeof spec->hash, "%s", text);
	text = ours ? spec_text_of(ours, "initrd") : NULL;
	if (text)
		snprintf(spec->initrd, sizeof spec->initrd, "%s", text);
	read_disks(cJSON_GetObjectItemCaseSensitive(ours, "disks"), spec);
	n = ours ? cJSON_GetObjectItemCaseSensitive(ours, "revision") : NULL;
	spec->revision = cJSON_IsNumber(n) && n->valuedouble >= 1 && n->valuedouble < 4e9 ? (uint32_t)n->valuedouble : 1;
	n = ours ? cJSON_GetObjectItemCaseSensitive(ours, "created") : NULL;
	spec->created = cJSON_IsNumber(n) && n->valuedouble > 0 ? (uint64_t)n->valuedouble : 0;
}

static int read_names(const cJSON *json, struct spec *spec, char *why)
{
	const char *name = spec_text_of(json, "service"), *image = spec_text_of(json, "image"), *space = spec_text_of(json, "namespace");

	if (!name || !spec_name_fits(name))
		return spec_no(why, "service is not a name of up to 63 of [-a-zA-Z_0-9.]%s", "");
	if (!image || !*image || strlen(image) > 255)
		return spec_no(why, "image is missing or too long%s", "");
	if (!namespace_is_ours(space))
		return spec_no(why, "namespace %.64s: there is one only, leave it out", space);
	snprintf(spec->name, sizeof spec->name, "%s", name);
	return copy_text(&spec->image, image) < 0 || copy_text(&spec->cmdline, NULL) < 0 ||
			copy_text(&spec->process, spec_text_of(json, "envProcess")) < 0 ? -ENOMEM : 0;
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
		rc = read_list(json, "secrets", &spec->secrets, spec_name_fits, why);
	if (rc == 0)
		rc = read_list(json, "constraints", &spec->constraints, constraint_fits, why);
	if (rc == 0)
		rc = check_env(spec, why);
	if (rc == 0)
		rc = spec_map(json, spec, why);
	spec->read_only = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "readOnlyRootFilesystem"));
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
		return spec_no(why, "%s", "the body is not a JSON object");
	}
	rc = spec_from_json(json, out, why);
	cJSON_Delete(json);
	return rc;
}
