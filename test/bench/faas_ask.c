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

enum { EVENTS = 256, LONGEST_MS = 1000, PATIENCE_MS = 60000 };

struct load {
	const char *url;
	CURLM *multi;
	int epoll;
	double due; /* of libcurl's timer, in ms; 0: none */
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
	struct load *l = arg;
	struct epoll_event event = {
		.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u), .data.fd = fd,
	};

	(void)e;
	if (what == CURL_POLL_REMOVE)
		epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL); /* it may be closed, and out of the set by that */
	else if (epoll_ctl(l->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) < 0)
		bench_die("epoll_ctl: %s", strerror(errno));
	curl_multi_assign(l->multi, fd, what == CURL_POLL_REMOVE ? NULL : l);
	return 0;
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
	struct load *l = arg;

	(void)multi;
	l->due = ms < 0 ? 0 : bench_now_ms() + (double)ms;
	return 0;
}

static void begin(struct load *l, CURL *e)
{
	curl_easy_setopt(e, CURLOPT_URL, l->url);
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, drop);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_FORBID_REUSE, l->keep ? 0L : 1L);
	curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, l->keep ? 0L : 1L);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)PATIENCE_MS);
	if (curl_multi_add_handle(l->multi, e) != CURLM_OK)
		bench_die("curl_multi_add_handle");
	l->left--;
	l->running++;
}

static void ended(struct load *l, CURL *e, CURLcode code)
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
	l->running--;
	if (l->left > 0)
		begin(l, e);
	else
		curl_easy_cleanup(e);
}

static void act(struct load *l, curl_socket_t fd, int what)
{
	CURLMsg *m;
	int n;

	if (curl_multi_socket_action(l->multi, fd, what, &n) != CURLM_OK)
		bench_die("curl_multi_socket_action");
	while ((m = curl_multi_info_read(l->multi, &n)))
		if (m->msg == CURLMSG_DONE)
			ended(l, m->easy_handle, m->data.result);
}

static int wait_ms(const struct load *l)
{
	double ms = l->due - bench_now_ms();

	if (l->due == 0 || ms > LONGEST_MS)
		return LONGEST_MS;
	return ms <= 0 ? 0 : (int)ms + 1;
}

static void turn(struct load *l)
{
	struct epoll_event e[EVENTS];
	int n = epoll_wait(l->epoll, e, EVENTS, wait_ms(l));

	for (int i = 0; i < n; i++)
		act(l, e[i].data.fd, (e[i].events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
				(e[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
				(e[i].events & EPOLLERR ? CURL_CSELECT_ERR : 0));
	if (l->due != 0 && l->due <= bench_now_ms()) {
		l->due = 0;
		act(l, CURL_SOCKET_TIMEOUT, 0);
	}
}

double faas_ask(const char *url, unsigned int runs, unsigned int together, bool keep, struct bench_series *s,
	unsigned int *failed)
{
	struct load l = { .url = url, .multi = curl_multi_init(), .epoll = epoll_create1(EPOLL_CLOEXEC), .left = runs,
		.keep = keep, .s = s };
	double start = bench_now_ms();

	if (!l.multi || l.epoll < 0)
		bench_die("no clients: %s", strerror(errno));
	curl_multi_setopt(l.multi, CURLMOPT_MAXCONNECTS, (long)together);
	curl_multi_setopt(l.multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(l.multi, CURLMOPT_SOCKETDATA, &l);
	curl_multi_setopt(l.multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(l.multi, CURLMOPT_TIMERDATA, &l);
	for (unsigned int i = 0; i < together && l.left > 0; i++)
		begin(&l, curl_easy_init());
	while (l.running > 0)
		turn(&l);
	*failed = l.failed;
	start = bench_now_ms() - start;
	curl_multi_cleanup(l.multi);
	close(l.epoll);
	return start;
}
