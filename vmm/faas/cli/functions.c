/* SPDX-License-Identifier: Apache-2.0 */
/* list, describe, remove, rollback, scale, ps, info. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "parse.h"
#include "report.h"

static const char *text(const cJSON *json, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

	return cJSON_IsString(item) ? item->valuestring : "";
}

static double number(const cJSON *json, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

	return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

/* ---- what there is ---- */

static int print_json(const struct client *c, const char *path)
{
	cJSON *json = client_get(c, path);
	char *out = json ? cJSON_Print(json) : NULL;

	if (out)
		puts(out);
	free(out);
	cJSON_Delete(json);
	return out ? 0 : 1;
}

int command_list(struct client *c, int argc, char **argv)
{
	cJSON *json, *f;

	(void)argv;
	if (argc != 1)
		return client_usage("list");
	if (c->json)
		return print_json(c, "/system/functions");
	json = client_get(c, "/system/functions");
	if (!json)
		return 1;
	printf("%-24s %-24s %10s %6s %6s\n", "NAME", "IMAGE", "REQUESTS", "INST", "READY");
	cJSON_ArrayForEach(f, json) {
		printf("%-24s %-24s %10.0f %6.0f %6.0f\n", text(f, "name"), text(f, "image"), number(f, "invocationCount"),
			number(f, "replicas"), number(f, "availableReplicas"));
	}
	cJSON_Delete(json);
	return 0;
}

int command_ps(struct client *c, int argc, char **argv)
{
	cJSON *json, *i, *call;

	(void)argv;
	if (argc != 1)
		return client_usage("ps");
	if (c->json)
		return print_json(c, "/system/instances");
	json = client_get(c, "/system/instances");
	if (!json)
		return 1;
	printf("%-40s %-20s %-9s %4s %9s %9s %8s %s\n", "INSTANCE", "FUNCTION", "STATE", "REV", "AGE s", "CPU s", "MEM MiB",
		"CALLS");
	cJSON_ArrayForEach(i, json) {
		printf("%-40s %-20s %-9s %4.0f %9.1f %9.3f %8.0f", text(i, "name"), text(i, "function"),
			text(i, "state"), number(i, "revision"), number(i, "ageSeconds"), number(i, "cpuSeconds"),
			number(i, "memory") / 1048576);
		cJSON_ArrayForEach(call, cJSON_GetObjectItemCaseSensitive(i, "calls"))
			printf(" %s", cJSON_IsString(call) ? call->valuestring : "");
		putchar('\n');
	}
	cJSON_Delete(json);
	return 0;
}

int command_info(struct client *c, int argc, char **argv)
{
	(void)argv;
	return argc == 1 ? print_json(c, "/system/info") : client_usage("info");
}

int command_describe(struct client *c, int argc, char **argv)
{
	char path[256];

	if (argc != 2)
		return client_usage("describe");
	return client_path(path, sizeof path, "/system/function/", argv[1]) ? print_json(c, path) : 2;
}

int command_remove(struct client *c, int argc, char **argv)
{
	char body[320], path[256];

	if (argc != 2)
		return client_usage("remove");
	if (!client_path(path, sizeof path, "", argv[1]))
		return 2;
	snprintf(body, sizeof body, "{\"functionName\":\"%s\"}", path);
	return client_print(c, "DELETE", "/system/functions", body);
}

int command_rollback(struct client *c, int argc, char **argv)
{
	char path[256];

	if (argc != 2)
		return client_usage("rollback");
	return client_path(path, sizeof path, "/system/rollback/", argv[1]) ? client_print(c, "POST", path, "") : 2;
}

int command_scale(struct client *c, int argc, char **argv)
{
	char path[256], body[320];
	uint32_t n;

	if (argc != 3 || parse_u32(argv[2], 0, 10000, &n) < 0)
		return client_usage("scale");
	if (!client_path(path, sizeof path, "/system/scale-function/", argv[1]))
		return 2;
	snprintf(body, sizeof body, "{\"serviceName\":\"%s\",\"replicas\":%u}", argv[1], n);
	return client_print(c, "POST", path, body);
}

/* ---- looking into one ---- */

int command_dump(struct client *c, int argc, char **argv)
{
	char path[256];
	struct client_request r = { .method = "GET", .path = path, .stream = true };
	struct client_answer a;
	int rc;

	if (argc != 2)
		return client_usage("dump");
	if (!client_path(path, sizeof path, "/system/core/", argv[1]))
		return 2;
	rc = client_ask(c, &r, &a);
	free(a.text);
	return rc < 0;
}

static void print_vcpu(const cJSON *vcpu)
{
	const cJSON *r;
	int n = 0;

	printf("vCPU %.0f: %s %s", number(vcpu, "vcpu"), text(vcpu, "rip"), text(vcpu, "symbol"));
	cJSON_ArrayForEach(r, cJSON_GetObjectItemCaseSensitive(vcpu, "registers"))
		printf("%s%7s %-18s", n++ % 4 ? " " : "\n", r->string, cJSON_IsString(r) ? r->valuestring : "");
	putchar('\n');
}

int command_stack(struct client *c, int argc, char **argv)
{
	char path[256];
	cJSON *json, *vcpu;

	if (argc != 2)
		return client_usage("stack");
	if (!client_path(path, sizeof path, "/system/stack/", argv[1]))
		return 2;
	if (c->json)
		return print_json(c, path);
	json = client_get(c, path);
	cJSON_ArrayForEach(vcpu, json)
		print_vcpu(vcpu);
	cJSON_Delete(json);
	return json ? 0 : 1;
}

int command_end(struct client *c, int argc, char **argv)
{
	char path[256];

	if (argc != 2)
		return client_usage("end");
	return client_path(path, sizeof path, "/system/instances/", argv[1]) ? client_print(c, "DELETE", path, NULL) : 2;
}
