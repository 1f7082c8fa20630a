/* SPDX-License-Identifier: Apache-2.0 */
#include "call.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include "internal.h"

/* The next 16, of those that were fetched for several. */
static const uint8_t *random_bytes(struct http_server *s)
{
	if (s->n_random == 0) {
		if (getrandom(s->random, sizeof s->random, 0) != sizeof s->random)
			memset(s->random, 0, sizeof s->random);
		s->n_random = sizeof s->random;
	}
	s->n_random -= 16;
	return s->random + s->n_random;
}

static void make_id(struct http_server *server, char id[ID_BYTES + 1])
{
	static const char digit[] = "0123456789abcdef";
	uint8_t b[16];

	memcpy(b, random_bytes(server), sizeof b);
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* RFC 9562 section 5.4 */
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*id++ = '-';
		*id++ = digit[b[i] >> 4];
		*id++ = digit[b[i] & 15];
	}
	*id = 0;
}

/*
 * The client left. While nobody reads from it, what has not been sent will not arrive. In its body libmicrohttpd reads
 * what is there, but misses an end that came together with the last bytes (its epoll is edge-triggered, and after a read
 * that did not fill its buffer it waits for another edge): resumed it looks again, until it has met the end.
 */
static void on_left(struct call *call)
{
	if (call->suspended) {
		call_abort(call);
		return;
	}
	MHD_suspend_connection(call->conn->mhd);
	MHD_resume_connection(call->conn->mhd);
	call->server->run = true;
}

/* Where nobody wants to know it is told at every turn: better not to look. call_watch will be told again. */
void call_client_end(struct loop_fd *watch, uint32_t events)
{
	struct conn *conn = (struct conn *)((char *)watch - offsetof(struct conn, watch));

	(void)events;
	if (conn->watched && conn->call)
		on_left(conn->call);
	else if (!conn->call || !conn->call->begun)
		conn_look_for_end(conn);
	else
		loop_unwatch(conn->server->loop, watch);
}

struct call *call_new(struct conn *conn, const char *target)
{
	struct call *call = calloc(1, sizeof *call);
	struct timespec t;

	if (!call)
		return NULL;
	call->target = strdup(target);
	if (!call->target) {
		free(call);
		return NULL;
	}
	clock_gettime(CLOCK_REALTIME, &t);
	call->start_time = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
	call->began = loop_clock();
	call->conn = conn;
	call->server = conn->server;
	make_id(conn->server, call->id);
	call->server->counts.accepted++;
	call->server->counts.in_flight++;
	conn_begin(conn, call);
	return call;
}

void call_free(struct call *call)
{
	call_unwatch(call);
	if (call->response)
		MHD_destroy_response(call->response);
	for (uint32_t i = 0; i < call->n_fields; i++) {
		free(call->fields[i].name);
		free(call->fields[i].value);
	}
	free(call->fields);
	free(call->function);
	free(call->instance);
	free(call->target);
	free(call);
}

void call_suspend(struct call *call)
{
	if (call->suspended)
		return;
	call->suspended = true;
	MHD_suspend_connection(call->conn->mhd);
	call_watch(call);
}

void call_watch(struct call *call)
{
	struct conn *conn = call->conn;

	conn->watched = true;
	loop_watch(conn->server->loop, &conn->watch, conn->fd, EPOLLRDHUP);
}

void call_unwatch(struct call *call)
{
	call->conn->watched = false;
}

void call_resume(struct call *call)
{
	if (!call->suspended)
		return;
	call->suspended = false;
	if (call->stage != CALL_BODY)
		call_unwatch(call);
	MHD_resume_connection(call->conn->mhd);
	call->server->run = true;
}

enum MHD_Result call_queue(struct call *call)
{
	uint64_t us = (loop_clock() - call->began) / 1000;
	char took[32];
	enum MHD_Result rc;

	snprintf(took, sizeof took, "%u.%06u", (unsigned int)(us / 1000000), (unsigned int)(us % 1000000));
	MHD_add_response_header(call->response, "X-Duration-Seconds", took);
	call->queued = true;
	call_unwatch(call);
	rc = MHD_queue_response(call->conn->mhd, call->status, call->response);
	return rc;
}

void call_take(struct call *call, const struct call_ops *ops, void *user)
{
	call->ops = ops;
	call->user = user;
}

void *call_user(const struct call *call)
{
	return call->user;
}

void call_hold(struct call *call)
{
	call->held = true;
}

void call_go(struct call *call)
{
	call->held = false;
	call_resume(call);
}

void call_wake(struct call *call)
{
	call_resume(call);
}

static ssize_t on_read(void *arg, uint64_t pos, char *to, size_t len)
{
	struct call *call = arg;
	ssize_t n = call->aborted ? CALL_BROKEN : call->ops->read(call, to, len);

	(void)pos;
	if (n == CALL_EOF)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (n == CALL_BROKEN)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (n == 0)
		call_suspend(call);
	call->out_bytes += (uint64_t)n;
	return n;
}

static void answer(struct call *call, unsigned int status, struct MHD_Response *response)
{
	char start[24];

	if (!response) {
		call_abort(call);
		return;
	}
	call->response = response;
	call->status = status;
	for (uint32_t i = 0; i < call->n_fields; i++)
		MHD_add_response_header(response, call->fields[i].name, call->fields[i].value);
	snprintf(start, sizeof start, "%llu", (unsigned long long)call->start_time);
	MHD_add_response_header(response, "X-Call-Id", call->id);
	MHD_add_response_header(response, "X-Start-Time", start);
	if (call->server->draining)
		MHD_add_response_header(response, "Connection", "close");
	if (call->stage == CALL_BODY) /* the answer goes out behind it, and it is not waited for without end */
		conn_discards(call->conn);
	call_resume(call);
}

void call_reply(struct call *call, unsigned int status, const char *type, const void *bytes, size_t len)
{
	struct MHD_Response *r;

	if (call->response || call->aborted)
		return;
	r = MHD_create_response_from_buffer(len, (void *)(uintptr_t)bytes, MHD_RESPMEM_MUST_COPY);
	if (r && type)
		MHD_add_response_header(r, "Content-Type", type);
	call->out_bytes = len;
	answer(call, status, r);
}

/* libmicrohttpd sends a last chunk behind a head that has no body (RFC 9112 section 6.3): not where it may use none. */
static bool bodiless(const struct call *call, unsigned int status)
{
	return status == 304 || strcmp(call->method, "HEAD") == 0;
}

void call_stream(struct call *call, unsigned int status, int64_t len)
{
	struct MHD_Response *r;

	if (call->response || call->aborted)
		return;
	r = MHD_create_response_from_callback(len < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)len,
		len == 0 ? 16 : (size_t)STREAM_BLOCK, on_read, call, NULL);
	if (r && len < 0 && bodiless(call, status))
		MHD_set_response_options(r, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
	answer(call, status, r);
}

void call_error(struct call *call, unsigned int status, const char *fmt, ...)
{
	char line[512];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(line, sizeof line - 1, fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof line - 1)
		n = (int)strlen(line);
	line[n++] = '\n';
	if (!call_answered(call))
		call_add(call, "X-OpenFaaS-Internal", "proxy");
	call_reply(call, status, "text/plain; charset=utf-8", line, (size_t)n);
}

void call_add(struct call *call, const char *name, const char *value)
{
	struct call_field *more = realloc(call->fields, (call->n_fields + 1) * sizeof *more);
	struct call_field f = { strdup(name), strdup(value) };

	if (more)
		call->fields = more;
	if (more && f.name && f.value) {
		more[call->n_fields++] = f;
		return;
	}
	free(f.name);
	free(f.value);
}

void call_abort(struct call *call)
{
	call->aborted = true;
	call->held = false;
	if (!call->suspended) /* libmicrohttpd waits for the client, or sends to it */
		shutdown(call->conn->fd, SHUT_RDWR);
	call_resume(call);
}

bool call_answered(const struct call *call)
{
	return call->response || call->aborted;
}
