/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json PATH: the value at PATH ("findings.0.name") of the JSON object on stdin: a string as it is, anything
 * else as JSON. Status 1: no such value. 2: stdin is not one JSON value and nothing more.
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

int main(int argc, char **argv)
{
	size_t len = fread(text, 1, sizeof text - 1, stdin);
	cJSON *root, *at;

	text[len] = '\0';
	root = cJSON_ParseWithOpts(text, NULL, 1);
	if (!root || argc != 2)
		return 2;
	at = find(root, argv[1]);
	if (!at)
		return 1;
	if (cJSON_IsString(at))
		puts(at->valuestring);
	else
		puts(cJSON_PrintUnformatted(at));
	return 0;
}
