/* SPDX-License-Identifier: Apache-2.0 */
/* deploy: its options become OpenFaaS's JSON; files become images first. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/settings.h"
#include "client.h"
#include "parse.h"
#include "report.h"
#include "spec.h"

static bool add_pair(cJSON *to, const char *word)
{
	const char *equals = word ? strchr(word, '=') : NULL;
	char name[256];

	if (!equals || equals == word || (size_t)(equals - word) >= sizeof name)
		return false;
	memcpy(name, word, (size_t)(equals - word));
	name[equals - word] = 0;
	return cJSON_AddStringToObject(to, name, equals + 1);
}

/* May be given several times. */
static bool add_egress(cJSON *to, const char *rules)
{
	const cJSON *before = cJSON_GetObjectItem(to, "ukvmm.egress");
	char list[4200];
	cJSON *both;

	snprintf(list, sizeof list, "%s%s%s", before ? before->valuestring : "", before ? " " : "", rules);
	both = cJSON_CreateString(list);
	if (before)
		return cJSON_ReplaceItemInObject(to, "ukvmm.egress", both);
	return cJSON_AddItemToObject(to, "ukvmm.egress", both);
}

/* "--KEY VALUE": those that have a place in OpenFaaS's JSON; the others are our settings, annotations "ukvmm.KEY". */
static bool add_option(cJSON *json, const char *key, const char *value)
{
	char name[64];

	if (strcmp(key, "image") == 0)
		return cJSON_AddStringToObject(json, "image", value);
	if (strcmp(key, "env") == 0)
		return add_pair(cJSON_GetObjectItem(json, "envVars"), value);
	if (strcmp(key, "label") == 0)
		return add_pair(cJSON_GetObjectItem(json, "labels"), value);
	if (strcmp(key, "annotation") == 0)
		return add_pair(cJSON_GetObjectItem(json, "annotations"), value);
	if (strcmp(key, "secret") == 0)
		return cJSON_AddItemToArray(cJSON_GetObjectItem(json, "secrets"), cJSON_CreateString(value));
	if (strcmp(key, "egress") == 0)
		return add_egress(cJSON_GetObjectItem(json, "annotations"), value);
	if (snprintf(name, sizeof name, "ukvmm.%s", key) >= (int)sizeof name)
		return false;
	return cJSON_AddStringToObject(cJSON_GetObjectItem(json, "annotations"), name, value);
}

static bool is_known(const char *key)
{
	static const char *const ours[] = { "image", "env", "label", "annotation", "secret", NULL };

	return parse_choice(key, ours) >= 0 || settings_has(key);
}

/* Is it a file of the caller's, not the name of an image? A reference to a container image may look like one. */
static bool is_path(const char *reference)
{
	struct stat s;

	return *reference == '/' || *reference == '.' || (strchr(reference, '/') && stat(reference, &s) == 0);
}

/* The file becomes an image of that name. */
static int send_file(const struct client *c, const char *name, const char *file)
{
	char path[256];
	struct client_request r = { .method = "POST", .path = path, .file = file };
	struct client_answer a;
	struct stat s;
	int rc;

	if (!client_path(path, sizeof path, "/system/images/", name))
		return -1;
	if (stat(file, &s) == 0 && S_ISDIR(s.st_mode)) {
		report_errno("open", file, EISDIR);
		return -1;
	}
	rc = client_ask(c, &r, &a);
	free(a.text);
	return rc;
}

/* --image and --initrd may be files here: these are imported, as NAME and NAME-initrd. */
static int send_files(const struct client *c, const char *name, cJSON *json)
{
	cJSON *annotations = cJSON_GetObjectItem(json, "annotations");
	struct {
		cJSON *in;
		const char *member, *suffix;
	} files[] = { { json, "image", "" }, { annotations, "ukvmm.initrd", "-initrd" } };

	for (int i = 0; i < 2; i++) {
		const cJSON *item = cJSON_GetObjectItemCaseSensitive(files[i].in, files[i].member);
		char image[SPEC_NAME + 16];

		if (!cJSON_IsString(item) || !is_path(item->valuestring))
			continue;
		snprintf(image, sizeof image, "%.*s%s", SPEC_NAME, name, files[i].suffix);
		if (send_file(c, image, item->valuestring) < 0)
			return 1;
		cJSON_ReplaceItemInObjectCaseSensitive(files[i].in, files[i].member, cJSON_CreateString(image));
	}
	return 0;
}

/* "--KEY VALUE" or "--KEY=VALUE" at argv[i]: how many words were taken, or 0 after a report. */
static int take_option(cJSON *json, char **argv, int left)
{
	const char *equals = strchr(argv[0], '='), *value = equals ? equals + 1 : left > 1 ? argv[1] : NULL;
	char key[64] = "";

	if (strcmp(argv[0], "--single-use") == 0)
		return add_option(json, "single-use", "true");
	if (strncmp(argv[0], "--", 2) == 0)
		snprintf(key, sizeof key, "%.*s", (int)(equals ? equals - argv[0] - 2 : 63), argv[0] + 2);
	if (!is_known(key))
		client_wrong("deploy", argv[0], "there is no such option");
	else if (!value)
		client_wrong("deploy", argv[0], "it needs a value");
	else if (add_option(json, key, value))
		return equals ? 1 : 2;
	else
		client_wrong("deploy", argv[0], "NAME=VALUE is wanted");
	return 0;
}

static int read_deploy(cJSON *json, int argc, char **argv)
{
	int taken = 1;

	if (argc < 2 || argv[1][0] == '-')
		return client_usage("deploy");
	for (int i = 2; i < argc; i += taken) {
		taken = take_option(json, argv + i, argc - i);
		if (!taken)
			return 2;
	}
	return cJSON_GetObjectItem(json, "image") ? 0 : client_wrong("deploy", "--image", "it is missing");
}

int command_deploy(struct client *c, int argc, char **argv)
{
	cJSON *json = cJSON_CreateObject();
	char *body;
	int rc;

	cJSON_AddStringToObject(json, "service", argc > 1 ? argv[1] : "");
	cJSON_AddObjectToObject(json, "envVars");
	cJSON_AddObjectToObject(json, "labels");
	cJSON_AddObjectToObject(json, "annotations");
	cJSON_AddArrayToObject(json, "secrets");
	rc = read_deploy(json, argc, argv);
	if (rc == 0)
		rc = send_files(c, argv[1], json);
	body = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	if (rc == 0)
		rc = client_print(c, "POST", "/system/functions", body);
	free(body);
	return rc;
}
