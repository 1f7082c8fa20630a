/* SPDX-License-Identifier: Apache-2.0 */
/* /system/namespaces, /system/namespace/NAME. */
#include "namespaces.h"

#include <string.h>

#include "api.h"
#include "http/call.h"
#include "job.h"

static const char *const names[] = { NAMESPACE, "openfaas-fn" };
enum { NAMES = sizeof names / sizeof names[0] };

bool namespace_is_ours(const char *name)
{
	if (!name || !*name)
		return true;
	for (int i = 0; i < NAMES; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

size_t namespace_strip(const char *name, size_t len)
{
	for (int i = 0; i < NAMES; i++) {
		size_t n = strlen(names[i]);

		if (len > n + 1 && name[len - n - 1] == '.' && memcmp(name + len - n, names[i], n) == 0)
			return len - n - 1;
	}
	return len;
}

static void list(struct job *job)
{
	cJSON *json = cJSON_CreateArray();

	cJSON_AddItemToArray(json, cJSON_CreateString(NAMESPACE));
	job_json(job, 200, json);
}

void api_namespaces(struct app *app, struct call *call, const char *name)
{
	(void)name;
	job_begin(app, call, list);
}

void api_namespace(struct app *app, struct call *call, const char *name)
{
	(void)app;
	(void)name;
	call_error(call, 501, "there is one namespace, " NAMESPACE ": run another server for another one");
}
