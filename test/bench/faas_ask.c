/* SPDX-License-Identifier: Apache-2.0 */
/* Clients on one thread: libcurl tells which sockets it waits for, epoll tells which of them are ready. */
#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "faas.h"

/* GROUP: clients that share a handle, which looks at all its connections with each request: not to be measured, too. */
enum { EVENTS = 256, LONGEST_MS = 1000, PATIENCE_MS = 60000, GROUP = 32 };

struct group {
	struct load *load;
	CURLM *multi;
	uint32_t number;
	double due; /* of libcurl's timer, in ms; 0: none */
};

struct load {
	const char *url;
	struct group *groups;
	unsigned int n_groups;
	int epoll;
	unsigned int left, running, failed;
	bool keep;
	struct bench_series *s;
};

static size_t drop(char *bytes, size_t size, size_t n, void *arg)
{
	(void)bytes;
	(void)arg;
	return size * n;
}

static int on_socket(CURL *e, curl_socket_t fd, int what, void *arg, void *known)
{
	struct group *g = arg;
	struct load *l = g->load;
	struct epoll_event event = {
		.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u),
		.data.u64 = (uint64_t)g->number << 32 | (uint32_t)fd,
	};

	(void)e;
	if (what == CURL_POLL_REMOVE)
		epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL); /* it may be closed, and out of the set by that */
	else if (epoll_ctl(l->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) < 0)
		bench_die("epoll_ctl: %s", strerror(errno));
	curl_multi_assign(g->multi, fd, what == CURL_POLL_REMOVE ? NULL : l);
	return 0;
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
	struct group *g = arg;

	(void)multi;
	g->due = ms < 0 ? 0 : bench_now_ms() + (double)ms;
	return 0;
}

static void begin(struct group *g, CURL *e)
{
	struct load *l = g->load;

	curl_easy_setopt(e, CURLOPT_URL, l->url);
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, drop);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_FORBID_REUSE, l->keep ? 0L : 1L);
	curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, l->keep ? 0L : 1L);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)PATIENCE_MS);
	if (curl_multi_add_handle(g->multi, e) != CURLM_OK)
		bench_die("curl_multi_add_handle");
	l->left--;
	l->running++;
}

static void ended(struct group *g, CURL *e, CURLcode code)
{
	struct load *l = g->load;
	long status = 0;
	double seconds = 0;

	curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(e, CURLINFO_TOTAL_TIME, &seconds);
	if (code != CURLE_OK || status != 200)
		l->failed++;
	else if (l->s)
		bench_add(l->s, seconds * 1e6);
	curl_multi_remove_handle(g->multi, e);
	l->running--;
	if (l->left > 0)
		begin(g, e);
	else
		curl_easy_cleanup(e);
}

static void act(struct group *g, curl_socket_t fd, int what)
{
	CURLMsg *m;
	int n;

	if (curl_multi_socket_action(g->multi, fd, what, &n) != CURLM_OK)
		bench_die("curl_multi_socket_action");
	while ((m = curl_multi_info_read(g->multi, &n)))
		if (m->msg == CURLMSG_DONE)
			ended(g, m->easy_handle, m->data.result);
}

/* The timers that are due; how long until the next one is. */
static int timers(struct load *l)
{
	double now = bench_now_ms(), next = now + LONGEST_MS;

	for (unsigned int i = 0; i < l->n_groups; i++) {
		struct group *g = &l->groups[i];

		if (g->due != 0 && g->due <= now) {
			g->due = 0;
			act(g, CURL_SOCKET_TIMEOUT, 0);
		}
		if (g->due != 0 && g->due < next)
			next = g->due;
	}
	return next <= now ? 0 : (int)(next - now) + 1;
}

static void turn(struct load *l)
{
	struct epoll_event e[EVENTS];
	int n = epoll_wait(l->epoll, e, EVENTS, timers(l));

	for (int i = 0; i < n; i++)
		act(&l->groups[e[i].data.u64 >> 32], (curl_socket_t)(uint32_t)e[i].data.u64,
			(e[i].events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
				(e[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
				(e[i].events & EPOLLERR ? CURL_CSELECT_ERR : 0));
}

static void open_group(struct load *l, uint32_t number)
{
	struct group *g = &l->groups[number];

	*g = (struct group){ .load = l, .multi = curl_multi_init(), .number = number };
	if (!g->multi)
		bench_die("no clients: %s", strerror(ENOMEM));
	curl_multi_setopt(g->multi, CURLMOPT_MAXCONNECTS, (long)GROUP);
	curl_multi_setopt(g->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(g->multi, CURLMOPT_SOCKETDATA, g);
	curl_multi_setopt(g->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(g->multi, CURLMOPT_TIMERDATA, g);
}

double faas_ask(const char *url, unsigned int runs, unsigned int together, bool keep, struct bench_series *s,
	unsigned int *failed)
{
	struct load l = { .url = url, .n_groups = (together + GROUP - 1) / GROUP, .epoll = epoll_create1(EPOLL_CLOEXEC),
		.left = runs, .keep = keep, .s = s };
	double start = bench_now_ms();

	l.groups = calloc(l.n_groups, sizeof *l.groups);
	if (!l.groups || l.epoll < 0)
		bench_die("no clients: %s", strerror(errno));
	for (uint32_t i = 0; i < l.n_groups; i++)
		open_group(&l, i);
	for (unsigned int i = 0; i < together && l.left > 0; i++)
		begin(&l.groups[i / GROUP], curl_easy_init());
	while (l.running > 0)
		turn(&l);
	*failed = l.failed;
	start = bench_now_ms() - start;
	for (uint32_t i = 0; i < l.n_groups; i++)
		curl_multi_cleanup(l.groups[i].multi);
	free(l.groups);
	close(l.epoll);
	return start;
}
