/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "faas.h"

struct load {
	const char *url;
	CURLM *multi;
	unsigned int left, failed;
	bool keep;
	struct bench_series *s;
};

static size_t drop(char *bytes, size_t size, size_t n, void *arg)
{
	(void)bytes;
	(void)arg;
	return size * n;
}

static void begin(struct load *l, CURL *e)
{
	curl_easy_setopt(e, CURLOPT_URL, l->url);
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, drop);
	curl_easy_setopt(e, CURLOPT_FORBID_REUSE, l->keep ? 0L : 1L);
	curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, l->keep ? 0L : 1L);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, 60000L);
	if (curl_multi_add_handle(l->multi, e) != CURLM_OK)
		bench_die("curl_multi_add_handle");
	l->left--;
}

/* True: another one is begun in its place. */
static bool ended(struct load *l, CURL *e, CURLcode code)
{
	long status = 0;
	double seconds = 0;

	curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(e, CURLINFO_TOTAL_TIME, &seconds);
	if (code != CURLE_OK || status != 200)
		l->failed++;
	else if (l->s)
		bench_add(l->s, seconds * 1e6);
	curl_multi_remove_handle(l->multi, e);
	if (l->left > 0) {
		begin(l, e);
		return true;
	}
	curl_easy_cleanup(e);
	return false;
}

double faas_ask(const char *url, unsigned int runs, unsigned int together, bool keep, struct bench_series *s,
	unsigned int *failed)
{
	struct load l = { url, curl_multi_init(), runs, 0, keep, s };
	double start = bench_now_ms();
	int running = 1, left;
	CURLMsg *m;

	curl_multi_setopt(l.multi, CURLMOPT_MAXCONNECTS, (long)together);
	for (unsigned int i = 0; i < together && l.left > 0; i++)
		begin(&l, curl_easy_init());
	while (running > 0) {
		if (curl_multi_perform(l.multi, &running) != CURLM_OK)
			bench_die("curl_multi_perform");
		while ((m = curl_multi_info_read(l.multi, &left)))
			/* with nothing left the wait below would be for its whole second */
			if (m->msg == CURLMSG_DONE && ended(&l, m->easy_handle, m->data.result))
				running = 1;
		if (running > 0)
			curl_multi_poll(l.multi, NULL, 0, 1000, NULL);
	}
	curl_multi_cleanup(l.multi);
	*failed = l.failed;
	return bench_now_ms() - start;
}
