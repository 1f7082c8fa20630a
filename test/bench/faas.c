/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ukvmm-faas with the no-op function, client on the same machine: cold starts one by one and in bursts, warm requests
 * through the server beside those that go directly to the same instance, and what idle instances cost. It makes a network
 * namespace of its own; root only. Ends after ten minutes, whatever happens.
 *
 * usage: faas [--json] [--runs N]	runs: cold starts one by one
 */
#include "faas.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const char usage[] = "usage: faas [--json] [--runs N]";

enum {
	WARM = 3000, WARM_TURNS = 10,
	LOAD = 32768, CLIENTS_MOST = 4096,
	BURST = 100, BURST_STEP = 10,
	LONGEST_S = 600,
};

static unsigned int failures;
static pid_t server;

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
	faas_command((const char *const[]){ "deploy", "first", "--image", "noop", "--memory", "18M", "--single-use",
		"--max-instances", "200", NULL }, NULL, 0);
	/* room for the connections that it is asked over directly */
	faas_command((const char *const[]){ "deploy", "warm", "--image", "noop", "--memory", "128M", "--concurrency", "10000",
		"--queue", "10000", "--max-instances", "1", "--idle-timeout", "10m", NULL }, NULL, 0);
	faas_command((const char *const[]){ "deploy", "idle", "--image", "noop", "--memory", "16M", "--max-instances", "200",
		"--idle-timeout", "10m", NULL }, NULL, 0);
}

static struct bench_series *spread(struct bench *b, const char *name)
{
	struct bench_series *s = bench_series(b, name, "us");

	bench_spread(s);
	return s;
}

/* The last burst is of a kind of machine that few were ever wanted of: most of its workers are made in it. */
static void cold(struct bench *b, unsigned int runs)
{
	struct bench_series *s = spread(b, "cold_us");
	static char name[BURST / BURST_STEP][32]; /* as long as the benchmark */

	faas_settle();
	for (unsigned int i = 0; i < runs; i++)
		ask("/function/once", 1, 1, false, s);
	for (unsigned int n = BURST_STEP, at = 0; n <= BURST; n += BURST_STEP, at++) {
		snprintf(name[at], sizeof name[at], "burst_%u_us", n);
		faas_settle();
		ask("/function/once", n, n, false, spread(b, name[at]));
	}
	faas_settle();
	ask("/function/first", BURST, BURST, false, spread(b, "burst_100_unprepared_us"));
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

static void warm(struct bench *b, const char *url)
{
	struct bench_series *through = spread(b, "warm_through_us"), *direct = spread(b, "warm_direct_us");

	for (int i = 0; i < WARM_TURNS; i++) { /* in turn: both see the same host */
		ask("/function/warm", WARM / WARM_TURNS, 1, true, through);
		ask(url, WARM / WARM_TURNS, 1, true, direct);
	}
	bench_value(b, "warm_added_us", bench_percentile(through, 50) - bench_percentile(direct, 50));
}

static void load(struct bench *b, const char *url)
{
	static char name[8][2][48];
	int at = 0;

	for (unsigned int clients = 1; clients <= CLIENTS_MOST; clients *= 8, at++) {
		snprintf(name[at][0], sizeof name[at][0], "requests_per_s_through_%u", clients);
		bench_value(b, name[at][0], LOAD * 1000.0 / ask("/function/warm", LOAD, clients, true, NULL));
		snprintf(name[at][1], sizeof name[at][1], "requests_per_s_direct_%u", clients);
		bench_value(b, name[at][1], LOAD * 1000.0 / ask(url, LOAD, clients, true, NULL));
	}
}

/* It is late, or not wanted any more: the server is not left behind. */
static void on_end(int signal)
{
	(void)signal;
	kill(server, SIGTERM);
	_exit(3);
}

static void many_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static void run(struct bench *b, unsigned int runs)
{
	double loads[1] = { 0 };
	char url[64];

	getloadavg(loads, 1);
	bench_value(b, "load_before", loads[0]);
	deploy();
	cold(b, runs);
	find_instance(url, sizeof url);
	warm(b, url);
	load(b, url);
	faas_idle(b);
	getloadavg(loads, 1);
	bench_value(b, "load_after", loads[0]);
	bench_value(b, "failures", failures);
}

int main(int argc, char **argv)
{
	struct bench_options options = { .runs = 100 };
	struct bench *b;

	bench_parse(argc, argv, usage, &options);
	many_files();
	server = faas_serve("shared", "100", -1);
	signal(SIGALRM, on_end);
	signal(SIGTERM, on_end);
	signal(SIGINT, on_end);
	alarm(LONGEST_S);
	curl_global_init(CURL_GLOBAL_NOTHING);
	b = bench_new("Functions over HTTP");
	run(b, options.runs);
	bench_print(b, options.json);
	bench_free(b);
	faas_stop();
	return failures > 0;
}
