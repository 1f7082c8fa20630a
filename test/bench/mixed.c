/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ukvmm-faas under everything at once: clients with bodies both ways, clients that leave, cold, warm and single-use
 * functions, deploys, removes and scales, and a SIGKILL for one of its workers at random, several times a second. Fails
 * if a request is lost whose instance was not killed, if client and server do not agree on what became of each, if the
 * server's counters do not balance, or if it keeps anything: memory, descriptors, processes, taps, cgroups. Half a
 * minute or more says something, ten minutes are the measure. It makes a network namespace of its own; root only.
 *
 * usage: faas-mixed [--json] [--runs SEED] [SECONDS]
 */
#include "mixed.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "faas.h"

static const char usage[] = "usage: faas-mixed [--json] [--runs SEED] [SECONDS]";

enum { SECONDS = 30, PRINTED = 40, SETTLE_S = 60, KINDS = 2, METRICS = 1 << 20 };

unsigned int mixed_complaints;
static uint64_t state;
static pid_t server;

void mixed_complain(const char *fmt, ...)
{
	va_list args;

	if (++mixed_complaints > PRINTED)
		return;
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

uint32_t mixed_random(uint32_t below)
{
	state = state * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
	return (uint32_t)((state >> 33) % below);
}

static void command(const char *text, char *out, size_t len)
{
	static char copy[512];
	const char *words[20];
	int n = 0;

	snprintf(copy, sizeof copy, "%s", text);
	for (char *word = strtok(copy, " "); word && n < 19; word = strtok(NULL, " "))
		words[n++] = word;
	words[n] = NULL;
	faas_command(words, out, len);
	log_read();
}

static void deploy(void)
{
	command("deploy warm --image noop --memory 16M --concurrency 16 --max-instances 4", NULL, 0);
	command("deploy echo --image echo --memory 32M --concurrency 4 --max-instances 4", NULL, 0);
	command("deploy once --image noop --memory 16M --single-use", NULL, 0);
	command("deploy changing --image noop --memory 16M --concurrency 4", NULL, 0);
	command("deploy todos --image todos --memory 16M --max-instances 8 --idle-timeout 200ms", NULL, 0);
}

/* Of the instances or functions, as JSON. */
static unsigned int list(const char *what, bool remove)
{
	static char text[1 << 20];
	char line[160];
	unsigned int n = 0;
	const cJSON *one;
	cJSON *json;

	command(what, text, sizeof text);
	json = cJSON_Parse(text);
	cJSON_ArrayForEach(one, json) {
		n++;
		snprintf(line, sizeof line, "remove %s", cJSON_GetStringValue(cJSON_GetObjectItem(one, "name")));
		if (remove)
			command(line, NULL, 0);
	}
	cJSON_Delete(json);
	return n;
}

/* The pool is as it should be; connections that have ended are closed a moment later, ours among them. */
static bool settled(const struct holding *h, const struct holding *before)
{
	return h->workers == KINDS * MIXED_POOL && h->cgroups <= h->workers + MIXED_KEPT &&
		(!before || (h->fds - h->taps <= before->fds - before->taps && h->broker_fds <= before->broker_fds));
}

/* No functions, no instances: what the server has then is what it always has. before: when it was so last, or NULL. */
static void settle(struct holding *h, const struct holding *before)
{
	double until = bench_now_ms() + SETTLE_S * 1e3;

	list("list --json", true);
	while (list("ps --json", false) > 0 && bench_now_ms() < until)
		;
	do
		watch_look(server, h);
	while (!settled(h, before) && bench_now_ms() < until);
	if (h->workers != KINDS * MIXED_POOL || h->cgroups > h->workers + MIXED_KEPT)
		mixed_complain("%u workers and %u cgroups are left, %d wait in the pool", h->workers, h->cgroups, KINDS * MIXED_POOL);
	log_settle();
}

/* A round of load, and what it came to. */
static void load(unsigned int seconds, unsigned int *counts, unsigned int *died)
{
	double end = bench_now_ms() + seconds * 1e3, now;
	bool busy = true;

	memory_begin();
	deploy();
	calls_reset();
	load_begin();
	trouble_begin(server);
	while (busy || bench_now_ms() < end) {
		now = bench_now_ms();
		busy = load_turn(now, now < end) > 0;
		busy |= trouble_turn(now, now < end);
		log_read();
		memory_sample(server, now);
	}
	load_end();
	trouble_end(); /* with its connections, which the server would have beside what it always has, or not */
	log_settle();
	calls_judge(trouble_kills, counts, died);
}

static size_t keep(char *bytes, size_t size, size_t n, void *arg)
{
	char *text = arg;
	size_t have = strlen(text);

	snprintf(text + have, METRICS - have, "%.*s", (int)(size * n), bytes);
	return size * n;
}

static double metric(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtod(at + strlen(name), NULL) : -1;
}

/* accepted = answered + refused + aborted: nothing is under way. */
static void balance(void)
{
	static char text[METRICS];
	double accepted, ended;
	CURL *e = curl_easy_init();

	curl_easy_setopt(e, CURLOPT_URL, "http://127.0.0.1:8082/metrics");
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, keep);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, (void *)text);
	curl_easy_perform(e);
	curl_easy_cleanup(e);
	accepted = metric(text, "ukvmm_requests_total{end=\"accepted\"} ");
	ended = metric(text, "ukvmm_requests_total{end=\"answered\"} ") + metric(text, "ukvmm_requests_total{end=\"refused\"} ") +
		metric(text, "ukvmm_requests_total{end=\"aborted\"} ");
	if (accepted < 1 || accepted != ended)
		mixed_complain("requests do not balance: %.0f accepted, %.0f ended", accepted, ended);
	if (metric(text, "ukvmm_memory_committed_bytes ") != 0)
		mixed_complain("memory of instances is committed, and there are none");
}

static void import_images(void)
{
	static const char *const names[] = { "noop", "echo", "todos" };
	char line[256];

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(line, sizeof line, "image import %s " FAAS_GUESTS "/%s.elf", names[i], names[i]);
		command(line, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	struct bench_options options = { .runs = 1 };
	unsigned int counts[FATES], died, seconds = SECONDS;
	struct holding before, after;
	struct bench *b;
	int log;

	bench_parse(argc, argv, usage, &options);
	if (options.words < argc)
		seconds = (unsigned int)strtoul(argv[options.words], NULL, 10);
	if (seconds < 4 || seconds > MIXED_SECONDS)
		bench_die("%s", usage);
	state = options.runs;
	log = log_open();
	server = faas_serve("own", "16", log); /* MIXED_POOL: as many wait, always */
	close(log);
	curl_global_init(CURL_GLOBAL_NOTHING);
	b = bench_new("Functions under mixed load, with kills");
	import_images();
	load(seconds / 4, counts, &died); /* warms up: pools, allocators */
	settle(&before, NULL);
	load(seconds - seconds / 4, counts, &died);
	settle(&after, &before);
	balance();
	memory_judge(&before, &after);
	if (mixed_complaints)
		watch_tell(server);
	if (faas_stop() != 0)
		mixed_complain("the server did not end as it should");
	log_read();
	memory_report(b, counts, died, &before, &after);
	bench_print(b, options.json);
	bench_free(b);
	return mixed_complaints > 0;
}
