/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "faas.h"
#include "mixed.h"

enum { LIMIT_MS = 60000, PAUSE_MS = 40, LEAVES_PERCENT = 8, LEAVES_MS = 30 };

static const struct kind {
	const char *path, *text; /* text: what it answers; NULL: the body again */
	unsigned int share;
	bool comes;		 /* and goes: 404 is an answer */
} kinds[] = {
	{ "/function/warm/", "", 35, false },
	{ "/function/echo/", NULL, 30, false },
	{ "/function/once/", "", 8, false },
	{ "/function/todos/todos/2", "{\"id\":2,\"title\":\"serve\",\"done\":true}", 12, false },
	{ "/function/changing/", "", 10, false },
	{ "/function/coming/", "", 5, true },
};

static struct client {
	CURL *easy;
	struct curl_slist *fields;
	const struct kind *kind;
	uint32_t id, seed, body, sent, got;
	bool busy, chunked, wrong;
	double next, leaves; /* when */
} clients[MIXED_CLIENTS];
static CURLM *multi;

static char pattern(const struct client *c, uint32_t at)
{
	return (char)(c->seed + at * 7 + (at >> 8));
}

static size_t on_read(char *to, size_t size, size_t n, void *arg)
{
	struct client *c = arg;
	uint32_t left = c->body - c->sent, len = left < size * n ? left : (uint32_t)(size * n);

	for (uint32_t i = 0; i < len; i++)
		to[i] = pattern(c, c->sent + i);
	c->sent += len;
	return len;
}

/* A kept connection that has ended is tried once more by libcurl. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct client *c = arg;

	if (origin != SEEK_SET || offset < 0 || offset > c->body)
		return CURL_SEEKFUNC_FAIL;
	c->sent = (uint32_t)offset;
	return CURL_SEEKFUNC_OK;
}

static size_t on_write(char *bytes, size_t size, size_t n, void *arg)
{
	struct client *c = arg;
	size_t len = size * n, text = c->kind->text ? strlen(c->kind->text) : c->body;
	long status = 0;

	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	for (size_t i = 0; i < len && status == 200; i++)
		c->wrong |= c->got + i >= text ||
			bytes[i] != (c->kind->text ? c->kind->text[c->got + i] : pattern(c, c->got + (uint32_t)i));
	c->got += (uint32_t)len;
	return len;
}

static const struct kind *any_kind(void)
{
	uint32_t n = mixed_random(100);
	const struct kind *k = kinds;

	while (n >= k->share)
		n -= (k++)->share;
	return k;
}

static uint32_t any_length(void)
{
	static const uint32_t most[] = { 1, 100, 4096, 65536, 1000000 };

	return mixed_random(most[mixed_random(5)] + 1);
}

static void set_body(struct client *c)
{
	bool posts = !c->kind->text;

	c->body = posts ? any_length() : 0;
	c->chunked = posts && mixed_random(2);
	curl_easy_setopt(c->easy, CURLOPT_HTTPGET, 1L);
	if (!posts)
		return;
	curl_easy_setopt(c->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(c->chunked ? -1 : (long long)c->body));
	c->fields = curl_slist_append(c->fields, c->chunked ? "Transfer-Encoding: chunked" : "X-Length: known");
}

static void set_head(struct client *c)
{
	char text[128];

	curl_slist_free_all(c->fields);
	snprintf(text, sizeof text, "X-Call-Id: mixed-%u", c->id);
	c->fields = curl_slist_append(NULL, text);
	c->fields = curl_slist_append(c->fields, "Expect:");
	snprintf(text, sizeof text, "%s%s", faas_url, c->kind->path);
	curl_easy_setopt(c->easy, CURLOPT_URL, text);
}

static void begin(struct client *c, double now)
{
	c->kind = any_kind();
	c->id = calls_begin();
	c->seed = mixed_random(256);
	c->sent = c->got = 0;
	c->wrong = false;
	c->leaves = mixed_random(100) < LEAVES_PERCENT ? now + mixed_random(LEAVES_MS) : 0;
	set_head(c);
	set_body(c);
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->fields);
	/* some of them do not keep their connection */
	curl_easy_setopt(c->easy, CURLOPT_FORBID_REUSE, mixed_random(4) ? 0L : 1L);
	if (curl_multi_add_handle(multi, c->easy) != CURLM_OK)
		bench_die("curl_multi_add_handle");
	c->busy = true;
}

static void over(struct client *c, enum fate fate, double now)
{
	calls_seen(c->id, fate);
	curl_multi_remove_handle(multi, c->easy);
	c->busy = false;
	c->next = now + mixed_random(PAUSE_MS);
}

static enum fate fate_of(struct client *c, CURLcode code)
{
	size_t text = c->kind->text ? strlen(c->kind->text) : c->body;
	long status = 0;

	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200 && !c->wrong && code == CURLE_OK)
		return c->got == text ? FATE_WHOLE : FATE_WRONG;
	if (status == 200 && !c->wrong && (code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR))
		return FATE_CUT;
	if (code != CURLE_OK || status == 200) {
		mixed_complain("request %u (%s): %s, status %ld", c->id, c->kind->path, curl_easy_strerror(code), status);
		return FATE_WRONG;
	}
	if (status == 404 && c->kind->comes)
		return FATE_GONE;
	return status == 502 ? FATE_DEAD : FATE_REFUSED;
}

void load_begin(void)
{
	multi = curl_multi_init();
	for (struct client *c = clients; c < clients + MIXED_CLIENTS; c++) {
		*c = (struct client){ .easy = curl_easy_init() };
		curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c);
		curl_easy_setopt(c->easy, CURLOPT_PROXY, "");
		curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, (long)LIMIT_MS);
		curl_easy_setopt(c->easy, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(c->easy, CURLOPT_READDATA, c);
		curl_easy_setopt(c->easy, CURLOPT_SEEKFUNCTION, on_seek);
		curl_easy_setopt(c->easy, CURLOPT_SEEKDATA, c);
		curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, on_write);
		curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
	}
}

static void go_on(double now)
{
	int running, left;
	struct client *c;
	CURLMsg *m;

	if (curl_multi_perform(multi, &running) != CURLM_OK)
		bench_die("curl_multi_perform");
	while ((m = curl_multi_info_read(multi, &left))) {
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c);
		over(c, fate_of(c, m->data.result), now);
	}
}

unsigned int load_turn(double now, bool more)
{
	struct curl_waitfd log = { .fd = log_fd(), .events = CURL_WAIT_POLLIN };
	unsigned int busy = 0;

	for (struct client *c = clients; c < clients + MIXED_CLIENTS; c++) {
		if (!c->busy && more && now >= c->next)
			begin(c, now);
		else if (c->busy && c->leaves > 0 && now >= c->leaves)
			over(c, FATE_LEFT, now);
		busy += c->busy;
	}
	go_on(now);
	curl_multi_poll(multi, &log, 1, 5, NULL);
	return busy;
}

void load_end(void)
{
	for (struct client *c = clients; c < clients + MIXED_CLIENTS; c++) {
		curl_easy_cleanup(c->easy);
		curl_slist_free_all(c->fields);
	}
	curl_multi_cleanup(multi);
}
