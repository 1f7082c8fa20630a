/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "faas.h"
#include "mixed.h"

/* Times in ms, at most; on average half of it. */
enum { KILL_MS = 600, CHANGE_MS = 2000, COME_MS = 1500, WORKERS = 1024 };

unsigned int trouble_kills, trouble_deploys;
static pid_t server;
static double kill_at;

/* Asks the server to change something; one request at a time each, beside the clients'. */
struct operator {
	CURL *easy;
	CURLM *multi;
	struct curl_slist *fields;
	bool busy;
	double next;
	unsigned int step, every;
	void (*ask)(struct operator *o);
	char body[512], answer[512];
};

static size_t on_write(char *bytes, size_t size, size_t n, void *arg)
{
	char *answer = arg;

	snprintf(answer + strlen(answer), 512 - strlen(answer), "%.*s", (int)(size * n), bytes);
	return size * n;
}

static void send_json(struct operator *o, const char *method, const char *path)
{
	char url[128];

	snprintf(url, sizeof url, "%s%s", faas_url, path);
	curl_easy_setopt(o->easy, CURLOPT_URL, url);
	curl_easy_setopt(o->easy, CURLOPT_POSTFIELDS, o->body);
	curl_easy_setopt(o->easy, CURLOPT_CUSTOMREQUEST, method);
	o->answer[0] = 0;
	if (curl_multi_add_handle(o->multi, o->easy) != CURLM_OK)
		bench_die("curl_multi_add_handle");
	o->busy = true;
}

static void change(struct operator *o)
{
	if (o->step % 4 == 3) {
		snprintf(o->body, sizeof o->body, "{\"serviceName\":\"warm\",\"replicas\":0}");
		send_json(o, "POST", "/system/scale-function/warm");
		return;
	}
	snprintf(o->body, sizeof o->body, "{\"service\":\"changing\",\"image\":\"noop\",\"envVars\":{\"V\":\"%u\"},"
		"\"annotations\":{\"ukvmm.memory\":\"16M\",\"ukvmm.concurrency\":\"4\"}}", o->step);
	send_json(o, "PUT", "/system/functions");
}

static void come_and_go(struct operator *o)
{
	bool goes = o->step % 2;

	if (goes)
		snprintf(o->body, sizeof o->body, "{\"functionName\":\"coming\"}");
	else
		snprintf(o->body, sizeof o->body, "{\"service\":\"coming\",\"image\":\"noop\",\"annotations\":{"
			"\"ukvmm.memory\":\"16M\",\"ukvmm.concurrency\":\"4\"}}");
	send_json(o, goes ? "DELETE" : "POST", "/system/functions");
}

static struct operator operators[] = {
	{ .every = CHANGE_MS, .ask = change },
	{ .every = COME_MS, .ask = come_and_go },
};
enum { OPERATORS = sizeof operators / sizeof operators[0] };

/* A trial whose instance is killed is a deploy that fails, and says so. */
static void answered(struct operator *o, CURLcode code, double now)
{
	long status = 0;

	curl_easy_getinfo(o->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK || (status != 202 && !(status == 422 && strstr(o->answer, "signal 9"))))
		mixed_complain("%s: %ld %s %s", o->body, status, curl_easy_strerror(code), o->answer);
	curl_multi_remove_handle(o->multi, o->easy);
	o->busy = false;
	o->next = now + mixed_random(o->every);
	o->step += status == 202;
	trouble_deploys++;
}

static void go_on(struct operator *o, double now)
{
	int running, left;
	CURLMsg *m;

	curl_multi_perform(o->multi, &running);
	while ((m = curl_multi_info_read(o->multi, &left)))
		answered(o, m->data.result, now);
}

void trouble_begin(pid_t of)
{
	server = of;
	trouble_kills = trouble_deploys = 0;
	for (struct operator *o = operators; o < operators + OPERATORS; o++) {
		if (!o->easy) {
			o->easy = curl_easy_init();
			o->multi = curl_multi_init();
			o->fields = curl_slist_append(NULL, "Content-Type: application/json");
		}
		o->step = 0;
		curl_easy_setopt(o->easy, CURLOPT_PROXY, "");
		curl_easy_setopt(o->easy, CURLOPT_TIMEOUT_MS, 90000L);
		curl_easy_setopt(o->easy, CURLOPT_HTTPHEADER, o->fields);
		curl_easy_setopt(o->easy, CURLOPT_WRITEFUNCTION, on_write);
		curl_easy_setopt(o->easy, CURLOPT_WRITEDATA, o->answer);
	}
}

static void kill_one(void)
{
	static pid_t pids[WORKERS];
	unsigned int n = watch_workers(server, pids, WORKERS);

	if (n > 0 && kill(pids[mixed_random(n)], SIGKILL) == 0)
		trouble_kills++;
}

bool trouble_turn(double now, bool more)
{
	bool busy = false;

	if (more && now >= kill_at) {
		if (kill_at > 0)
			kill_one();
		kill_at = now + mixed_random(KILL_MS);
	}
	for (struct operator *o = operators; o < operators + OPERATORS; o++) {
		if (!o->busy && more && now >= o->next)
			o->ask(o);
		go_on(o, now);
		busy |= o->busy;
	}
	return busy;
}

void trouble_end(void)
{
	for (struct operator *o = operators; o < operators + OPERATORS; o++) {
		curl_easy_cleanup(o->easy);
		curl_multi_cleanup(o->multi);
		curl_slist_free_all(o->fields);
		o->easy = NULL;
	}
}
