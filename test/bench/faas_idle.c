/* SPDX-License-Identifier: Apache-2.0 */
/* What instances cost that nobody asks anything. */
#include <cjson/cJSON.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "faas.h"

enum { IDLE = 100, IDLE_MS = 10000, IDLE_MIB = 16, LIST_BYTES = 1 << 18, ANSWER_MS = 200, NAME_BYTES = 64 };

struct exits {
	char name[NAME_BYTES];
	double n;
};

static cJSON *list(void)
{
	static char text[LIST_BYTES];
	cJSON *json;

	faas_command((const char *const[]){ "ps", "--json", NULL }, text, sizeof text);
	json = cJSON_Parse(text);
	if (!json)
		bench_die("ps: %.100s", text);
	return json;
}

/* As its VMMs count them. A list has what they said last, and asks them anew. */
static unsigned int look_exits(struct exits *e, unsigned int most)
{
	unsigned int n = 0;
	const cJSON *one;
	cJSON *json;

	cJSON_Delete(list());
	poll(NULL, 0, ANSWER_MS);
	json = list();
	cJSON_ArrayForEach(one, json) {
		const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(one, "name"));

		if (n == most || strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(one, "function")), "idle") != 0)
			continue;
		strncpy(e[n].name, name, NAME_BYTES - 1);
		e[n++].n = cJSON_GetNumberValue(cJSON_GetObjectItem(one, "exits"));
	}
	cJSON_Delete(json);
	return n;
}

static void exit_rows(struct bench *b, const struct exits *before, unsigned int n, const struct exits *after, unsigned int m)
{
	struct bench_series *s = bench_series(b, "idle_exits_in_10_s", "exits");

	for (unsigned int i = 0; i < n; i++)
		for (unsigned int j = 0; j < m; j++)
			if (strcmp(before[i].name, after[j].name) == 0)
				bench_add(s, after[j].n - before[i].n);
}

/* Those that are there before and after, which are all but what a pool makes and ends. */
static void rows(struct bench *b, const struct faas_worker *before, unsigned int n, const struct faas_worker *after,
	unsigned int m)
{
	struct bench_series *worker = bench_series(b, "idle_worker_pss_kib", "KiB");
	struct bench_series *guest = bench_series(b, "idle_guest_pss_kib", "KiB");
	struct bench_series *cpu = bench_series(b, "idle_cpu_us_in_10_s", "us");

	bench_spread(cpu);
	for (unsigned int i = 0; i < n; i++) {
		for (unsigned int j = 0; j < m; j++) {
			if (before[i].pid != after[j].pid)
				continue;
			bench_add(worker, after[j].worker_kib);
			bench_add(guest, after[j].guest_kib);
			bench_add(cpu, after[j].cpu_us - before[i].cpu_us);
		}
	}
}

void faas_idle(struct bench *b)
{
	static struct faas_worker before[2 * IDLE], after[2 * IDLE];
	static struct exits exits_before[2 * IDLE], exits_after[2 * IDLE];
	unsigned int n, m, exits_n;
	char text[65536];

	faas_command((const char *const[]){ "scale", "idle", "100", NULL }, NULL, 0);
	do
		faas_command((const char *const[]){ "describe", "idle", NULL }, text, sizeof text);
	while (!strstr(text, "\"availableReplicas\":\t100"));
	faas_settle();
	/* being asked costs them, too */
	exits_n = look_exits(exits_before, 2 * IDLE);
	n = faas_look(IDLE_MIB << 10, before, 2 * IDLE);
	poll(NULL, 0, IDLE_MS);
	m = faas_look(IDLE_MIB << 10, after, 2 * IDLE);
	rows(b, before, n, after, m);
	exit_rows(b, exits_before, exits_n, exits_after, look_exits(exits_after, 2 * IDLE));
}
