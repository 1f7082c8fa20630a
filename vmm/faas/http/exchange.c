/* SPDX-License-Identifier: Apache-2.0 */
/* One request to an instance: what libcurl is told and what it tells. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "upstream_internal.h"

static size_t on_read(char *to, size_t size, size_t n, void *arg)
{
	struct upstream_call *call = arg;
	ssize_t got = call->ops->read(call->user, to, size * n);

	if (got > 0)
		return (size_t)got;
	if (got == UPSTREAM_EOF)
		return 0;
	call->read_waits = true;
	return CURL_READFUNC_PAUSE;
}

static size_t on_write(char *bytes, size_t size, size_t n, void *arg)
{
	struct upstream_call *call = arg;

	if (call->ops->write(call->user, bytes, size * n))
		return size * n;
	call->write_waits = true;
	return CURL_WRITEFUNC_PAUSE;
}

/* "Name: value\r\n" in two; libcurl has checked neither. */
static bool field(struct upstream_call *call, char *line, size_t len)
{
	char *colon = memchr(line, ':', len), *value;

	if (!colon || memchr(line, 0, len))
		return false;
	while (len > 0 && strchr(" \t\r\n", line[len - 1]))
		len--;
	line[len] = 0;
	*colon = 0;
	value = colon + 1;
	value += strspn(value, " \t");
	return call->ops->field(call->user, line, value);
}

static bool line(struct upstream_call *call, char *text, size_t len)
{
	if (call->headed)
		return true; /* trailers are not passed on */
	if (strncmp(text, "HTTP/", 5) == 0 && !call->status) {
		call->status = (unsigned int)strtoul(text + strcspn(text, " "), NULL, 10);
		return call->status >= 100 && call->status != 101 && call->status < 600;
	}
	if (text[strspn(text, "\r\n")]) /* fields of a 1xx are not the answer's */
		return call->status < 200 || field(call, text, len);
	if (call->status < 200) {
		call->status = 0;
		return true;
	}
	call->headed = true;
	if (call->up->n_sockets >= call->up->n_calls + MAX_IDLE)
		curl_easy_setopt(call->easy, CURLOPT_FORBID_REUSE, 1L);
	return call->ops->head(call->user, call->status);
}

static size_t on_header(char *bytes, size_t size, size_t n, void *arg)
{
	struct upstream_call *call = arg;
	size_t len = size * n;
	char most[512], *copy = len < sizeof most ? most : malloc(len + 1);
	bool fine;

	if (!copy)
		return 0;
	memcpy(copy, bytes, len);
	copy[len] = 0;
	fine = line(call, copy, len);
	if (copy != most)
		free(copy);
	call->too_much |= !fine;
	return fine ? len : 0;
}

/* Of the head. Before there is a connection, libcurl tells what the handle's last request was. */
static long sent_bytes(const struct upstream_call *call)
{
	long bytes = 0;

	if (!call->begun)
		return 0;
	return curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &bytes) == CURLE_OK ? bytes : -1;
}

/*
 * A connection is there, and the request is about to go out. Perhaps once more: where a connection that was used before is
 * closed without an answer, libcurl takes another one. Not with what the instance may have done already.
 */
static int on_connected(void *arg, char *to_ip, char *from_ip, int to_port, int from_port)
{
	struct upstream_call *call = arg;

	(void)to_ip;
	(void)from_ip;
	(void)to_port;
	(void)from_port;
	if (sent_bytes(call) != 0 && call->repeats-- == 0)
		return CURL_PREREQFUNC_ABORT;
	call->begun = true;
	return CURL_PREREQFUNC_OK;
}

/*
 * A close is a reset: what was asked was answered, or is not wanted any more. A FIN would stay behind for a machine that
 * has ended meanwhile, and be sent again and again to the one that has its address next, which answers each.
 */
static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	(void)purpose;
	upstream_forget_socket(arg, fd);
	return setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) < 0 ? CURL_SOCKOPT_ERROR : CURL_SOCKOPT_OK;
}

/* Options that are the same for every request. No proxy, no redirect, nothing of the environment. */
static CURL *easy_new(struct upstream *up)
{
	CURL *e = curl_easy_init();

	if (!e)
		return NULL;
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_NOPROXY, "*"); /* or the environment is searched with each request */
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_HTTP09_ALLOWED, 0L);
	curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(e, CURLOPT_SOCKOPTFUNCTION, on_socket);
	curl_easy_setopt(e, CURLOPT_SOCKOPTDATA, up);
	curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, upstream_close_socket);
	curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, up);
	curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_connected);
	curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_write);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
	curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, 4L); /* servers close idle connections, some after five seconds */
	return e;
}

struct list {
	struct curl_slist *first, *last;
};

/* At the end, without a walk to it. */
static bool add(struct list *list, const char *text)
{
	struct curl_slist *at = curl_slist_append(list->last, text);

	if (!at)
		return false;
	list->last = list->first ? at->next : at;
	list->first = list->first ? list->first : at;
	return true;
}

static bool add_fields(struct upstream_call *call, const struct upstream_request *r)
{
	char to[64], ip[INET_ADDRSTRLEN];
	struct list list = { NULL, NULL };
	bool fine;

	inet_ntop(AF_INET, &r->address.sin_addr, ip, sizeof ip);
	snprintf(to, sizeof to, "::%s:%u", ip, ntohs(r->address.sin_port));
	call->to = curl_slist_append(NULL, to);
	fine = call->to && add(&list, "Expect:") && add(&list, "Accept:") && add(&list, "User-Agent:");
	for (uint32_t i = 0; fine && i < r->n_fields; i++)
		fine = add(&list, r->fields[i]);
	call->fields = list.first;
	return fine;
}

static void set_method(CURL *e, const struct upstream_request *r)
{
	bool head = strcmp(r->method, "HEAD") == 0, get = strcmp(r->method, "GET") == 0;

	/* each of these resets what the ones before have set */
	curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
	if (head && r->body_len == 0)
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	else if (r->body_len != 0 || strcmp(r->method, "POST") == 0 || strcmp(r->method, "PUT") == 0)
		curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->body_len);
	curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, head || (get && r->body_len == 0) ? NULL : r->method);
}

/* RFC 9110 section 9.2.2 */
static bool repeatable(const char *method)
{
	static const char *const names[] = { "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(method, names[i]) == 0)
			return true;
	return false;
}

static void set_options(struct upstream_call *call, const struct upstream_request *r)
{
	CURL *e = call->easy;
	char url[128];

	call->uploads = r->body_len != 0;
	call->repeats = repeatable(r->method) ? 1 : 0;
	snprintf(url, sizeof url, "http://%s/", r->instance);
	set_method(e, r);
	curl_easy_setopt(e, CURLOPT_FORBID_REUSE, r->last ? 1L : 0L);
	curl_easy_setopt(e, CURLOPT_URL, url);
	curl_easy_setopt(e, CURLOPT_REQUEST_TARGET, r->target);
	curl_easy_setopt(e, CURLOPT_CONNECT_TO, call->to);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, call->fields);
	curl_easy_setopt(e, CURLOPT_PREREQDATA, call);
	curl_easy_setopt(e, CURLOPT_READDATA, call);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, call);
	curl_easy_setopt(e, CURLOPT_PRIVATE, call);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, call->why);
}

static void release(struct upstream_call *call)
{
	struct upstream *up = call->up;

	curl_easy_setopt(call->easy, CURLOPT_PRIVATE, NULL); /* of its socket's end nobody is told */
	if (call->lane)
		curl_multi_remove_handle(call->lane->multi, call->easy);
	lane_leave(call);
	curl_easy_setopt(call->easy, CURLOPT_ERRORBUFFER, NULL);
	/* used again only after a transfer that ended as it should: nothing of another one's state can be left in it */
	if (up->n_spare < SPARES && call->clean)
		up->spare[up->n_spare++] = call->easy;
	else
		curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->fields);
	curl_slist_free_all(call->to);
	free(call);
}

int upstream_start(struct upstream *up, const struct upstream_request *request, const struct upstream_ops *ops,
	void *user, struct upstream_call **out)
{
	struct upstream_call *call = calloc(1, sizeof *call);

	if (!call)
		return -ENOMEM;
	call->up = up;
	call->ops = ops;
	call->user = user;
	call->fd = CURL_SOCKET_BAD;
	call->easy = up->n_spare > 0 ? up->spare[--up->n_spare] : easy_new(up);
	if (!call->easy) {
		free(call);
		return -ENOMEM;
	}
	if (!add_fields(call, request) || lane_take(call, request->instance) < 0) {
		release(call);
		return -ENOMEM;
	}
	set_options(call, request);
	*out = call;
	if (curl_multi_add_handle(call->lane->multi, call->easy) == CURLM_OK)
		return 0;
	release(call);
	return -ENOMEM;
}

static void go_on(struct upstream_call *call)
{
	curl_easy_pause(call->easy, (call->read_waits ? CURLPAUSE_SEND : 0) | (call->write_waits ? CURLPAUSE_RECV : 0));
}

void upstream_more(struct upstream_call *call)
{
	if (!call->read_waits)
		return;
	call->read_waits = false;
	go_on(call);
}

void upstream_room(struct upstream_call *call)
{
	if (!call->write_waits)
		return;
	call->write_waits = false;
	go_on(call);
}

void upstream_cancel(struct upstream_call *call)
{
	release(call);
}

/* What lies in the socket's queue was not acknowledged. A machine that ended without a word acknowledges nothing. */
bool upstream_untaken(const struct upstream_call *call)
{
	long sent = sent_bytes(call);
	int queued = 0;

	if (call->headed || call->status)
		return false;
	return sent == 0 ||
		(sent > 0 && call->fd != CURL_SOCKET_BAD && ioctl(call->fd, SIOCOUTQ, &queued) == 0 && queued >= sent);
}

static enum upstream_end meaning(const struct upstream_call *call, CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return call->headed ? UPSTREAM_WHOLE : UPSTREAM_GARBAGE;
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_BAD_CONTENT_ENCODING:
		return UPSTREAM_GARBAGE;
	default:
		if (call->too_much)
			return UPSTREAM_GARBAGE;
		return sent_bytes(call) == 0 ? UPSTREAM_REFUSED : UPSTREAM_BROKEN;
	}
}

void exchange_ended(struct upstream_call *call, CURLcode code)
{
	const struct upstream_ops *ops = call->ops;
	enum upstream_end end = meaning(call, code);
	void *user = call->user;
	char why[CURL_ERROR_SIZE];

	call->clean = end == UPSTREAM_WHOLE && !call->uploads && !call->write_waits;
	snprintf(why, sizeof why, "%s", call->why[0] ? call->why : curl_easy_strerror(code));
	release(call);
	ops->done(user, end, why);
}
