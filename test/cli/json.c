/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json PATH: the value at PATH ("findings.0.name") of the JSON object on stdin: a string as it is,
 * anything else as JSON. Status 1: no such value. 2: stdin is not one JSON value and nothing more.
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char text[1 << 20];

static cJSON *find(cJSON *at, char *path)
{
	for (char *word = strtok(path, "."); word && at; word = strtok(NULL, "."))
		at = cJSON_IsArray(at) ? cJSON_GetArrayItem(at, atoi(word))
				       : cJSON_GetObjectItemCaseSensitive(at, word);
	return at;
}

static int print(cJSON *root, char *path)
{
	cJSON *at = find(root, path);
	char *value;

	if (!at)
		return 1;
	if (cJSON_IsString(at)) {
		puts(at->valuestring);
		return 0;
	}
	value = cJSON_PrintUnformatted(at);
	puts(value ? value : "");
	cJSON_free(value);
	return 0;
}

int main(int argc, char **argv)
{
	size_t len = fread(text, 1, sizeof text - 1, stdin);
	cJSON *root;
	int status = 2;

	text[len] = '\0';
	root = cJSON_ParseWithOpts(text, NULL, 1);
	if (root && argc == 2)
		status = print(root, argv[1]);
	cJSON_Delete(root);
	return status;
}
