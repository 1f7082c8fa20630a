/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ukvmm-faas with the no-op function, client on the same machine: cold starts one by one and in bursts, warm requests
 * through the server beside those that go directly to the same instance, and what idle instances cost. It makes a network
 * namespace of its own; root only.
 *
 * usage: faas [--json] [--runs N]	runs: cold starts one by one
 */
#include "faas.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] = "usage: faas [--json] [--runs N]";

enum { WARM = 3000, LOAD = 8192, IDLE_S = 10, IDLE = 100 };

static unsigned int failures;

static double ask(const char *path, unsigned int runs, unsigned int together, bool keep, struct bench_series *s)
{
	char url[128];
	unsigned int failed;
	double ms;

	snprintf(url, sizeof url, "%s%s", strncmp(path, "http", 4) == 0 ? "" : faas_url, path);
	ms = faas_ask(url, runs, together, keep, s, &failed);
	failures += failed;
	return ms;
}

static void deploy(void)
{
	faas_command((const char *const[]){ "image", "import", "noop", FAAS_GUESTS "/noop.elf", NULL }, NULL, 0);
	faas_command((const char *const[]){ "deploy", "once", "--image", "noop", "--memory", "16M", "--single-use",
		"--max-instances", "200", NULL }, NULL, 0);
	faas_command((const char *const[]){ "deploy", "warm", "--image", "noop", "--memory", "16M", "--concurrency", "10000",
		"--max-instances", "1", "--idle-timeout", "10m", NULL }, NULL, 0);
	faas_command((const char *const[]){ "deploy", "idle", "--image", "noop", "--memory", "16M", "--max-instances", "200",
		"--idle-timeout", "10m", NULL }, NULL, 0);
}

static void cold(struct bench *b, unsigned int runs)
{
	struct bench_series *s = bench_series(b, "cold_us", "us");
	static char name[4][32]; /* as long as the benchmark */
	int at = 0;

	for (unsigned int i = 0; i < runs; i++)
		ask("/function/once", 1, 1, false, s);
	for (unsigned int n = 10; n <= 100; n += n < 20 ? 10 : 40, at++) {
		snprintf(name[at], sizeof name[at], "burst_%u_us", n);
		ask("/function/once", n, n, false, bench_series(b, name[at], "us"));
	}
}

/* Where the server would send the requests to. */
static void find_instance(char *url, size_t len)
{
	static char text[65536];
	const cJSON *i;
	cJSON *json;

	faas_command((const char *const[]){ "invoke", "warm", NULL }, NULL, 0);
	faas_command((const char *const[]){ "ps", "--json", NULL }, text, sizeof text);
	json = cJSON_Parse(text);
	*url = 0;
	cJSON_ArrayForEach(i, json)
		if (strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(i, "function")), "warm") == 0)
			snprintf(url, len, "http://%s/", cJSON_GetStringValue(cJSON_GetObjectItem(i, "address")));
	cJSON_Delete(json);
	if (!*url)
		bench_die("there is no instance to ask directly");
}

static void warm(struct bench *b)
{
	struct bench_series *through = bench_series(b, "warm_through_us", "us");
	struct bench_series *direct = bench_series(b, "warm_direct_us", "us");
	static char name[4][48];
	char url[64];
	int at = 0;

	find_instance(url, sizeof url);
	for (int i = 0; i < 10; i++) { /* in turn: both see the same host */
		ask("/function/warm", WARM / 10, 1, true, through);
		ask(url, WARM / 10, 1, true, direct);
	}
	bench_value(b, "warm_added_us", bench_percentile(through, 50) - bench_percentile(direct, 50));
	for (unsigned int clients = 1; clients <= 1024; clients *= 8, at++) {
		snprintf(name[at], sizeof name[at], "requests_per_s_through_%u", clients);
		bench_value(b, name[at], LOAD * 1000.0 / ask("/function/warm", LOAD, clients, true, NULL));
	}
	bench_value(b, "requests_per_s_direct_8", LOAD * 1000.0 / ask(url, LOAD, 8, true, NULL));
}

static void idle(struct bench *b)
{
	struct faas_workers before, after;
	char text[65536];

	faas_command((const char *const[]){ "scale", "idle", "100", NULL }, NULL, 0);
	do
		faas_command((const char *const[]){ "describe", "idle", NULL }, text, sizeof text);
	while (!strstr(text, "\"availableReplicas\":\t100"));
	faas_workers(&before);
	sleep(IDLE_S);
	faas_workers(&after);
	bench_value(b, "workers", after.n);
	bench_value(b, "idle_pss_kib_each", after.pss_kib / after.n);
	bench_value(b, "idle_cpu_ms_per_s_all", (after.cpu_ms - before.cpu_ms) / IDLE_S);
}

int main(int argc, char **argv)
{
	struct bench_options options = { .runs = 100 };
	struct bench *b;

	bench_parse(argc, argv, usage, &options);
	faas_serve(NULL, -1);
	curl_global_init(CURL_GLOBAL_NOTHING);
	b = bench_new("Functions over HTTP");
	deploy();
	cold(b, options.runs);
	warm(b);
	idle(b);
	bench_value(b, "failures", failures);
	bench_print(b, options.json);
	bench_free(b);
	faas_stop();
	return failures > 0;
}
