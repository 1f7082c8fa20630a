/* SPDX-License-Identifier: Apache-2.0 */
/* A request on its way through libmicrohttpd: its line, its head, its body, its end. */
#include "internal.h"

void *handler_line(void *arg, const char *target, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	(void)arg;
	return info && info->socket_context ? call_new(info->socket_context, target) : NULL;
}

static void begin(struct call *call, const char *method, const char *version)
{
	struct http_server *server = call->server;
	const char *why;
	unsigned int status = head_check(call, method, version, &why);

	call->begun = true;
	conn_head_done(call->conn);
	if (status) {
		call->refused = true;
		call_error(call, status, "%s", why);
		return;
	}
	server->config.route(server->config.arg, call);
	if (!call->ops && !call->response)
		call_error(call, 404, "there is nothing here");
}

/* Answering before the body is read ends the connection: worth it for a long one, or where it is not sent yet; and due
 * where nobody can say which bytes are the body. */
static bool answer_ahead(const struct call *call)
{
	return call->refused || call->expects || call->body_len > DISCARD_AHEAD;
}

static enum MHD_Result at_head(struct call *call)
{
	if (call->response && answer_ahead(call))
		return call_queue(call);
	if (call->held && !call->response) {
		call_suspend(call);
		return MHD_YES;
	}
	call->stage = CALL_BODY;
	if (call->body_len != 0)
		call_watch(call);
	if (call->response)
		conn_discards(call->conn);
	return MHD_YES;
}

static enum MHD_Result at_body(struct call *call, const char *bytes, size_t *len)
{
	size_t taken = *len;

	call->in_bytes += *len;
	if (!call->response && call->ops->body)
		taken = call->ops->body(call, bytes, *len);
	else
		call->discarded += *len;
	if (call->discarded > DISCARD_BYTES)
		return MHD_NO;
	if (call->discarded)
		conn_discards(call->conn);
	call->in_bytes -= *len - taken;
	*len -= taken;
	if (*len && !call->response)
		call_suspend(call);
	return MHD_YES;
}

static enum MHD_Result at_end(struct call *call)
{
	if (call->stage != CALL_ENDED) {
		call->stage = CALL_ENDED;
		call_unwatch(call);
		conn_head_done(call->conn);
		if (!call->response && call->ops->end)
			call->ops->end(call);
	}
	if (call->response)
		return call_queue(call);
	call_suspend(call);
	return MHD_YES;
}

enum MHD_Result handler_request(void *arg, struct MHD_Connection *mhd, const char *url, const char *method,
	const char *version, const char *bytes, size_t *len, void **context)
{
	struct call *call = *context;

	(void)arg;
	(void)mhd;
	(void)url;
	if (!call)
		return MHD_NO;
	if (!call->begun)
		begin(call, method, version);
	if (call->aborted)
		return MHD_NO;
	if (call->stage == CALL_HEAD)
		return at_head(call);
	return *len ? at_body(call, bytes, len) : at_end(call);
}

static void tell(struct call *call, enum MHD_RequestTerminationCode code)
{
	struct http_server *server = call->server;
	bool whole = code == MHD_REQUEST_TERMINATED_COMPLETED_OK && call->queued && !call->aborted;
	struct http_record r = { call->conn->client, call->method ? call->method : "-", call->target, call->id,
		call->function, call->instance, call->queued ? call->status : 0, whole, call->start_time,
		loop_clock() - call->began, call->in_bytes, call->out_bytes };

	server->counts.in_flight--;
	if (!call->begun || !call->queued || !whole)
		server->counts.aborted++;
	else if (call->status >= 400 && !call->ops)
		server->counts.refused++;
	else
		server->counts.answered++;
	if (server->config.record)
		server->config.record(server->config.arg, &r);
}

void handler_completed(void *arg, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode code)
{
	struct call *call = *context;

	(void)arg;
	(void)mhd;
	if (!call)
		return;
	*context = NULL;
	if (call->ops && call->ops->gone)
		call->ops->gone(call);
	tell(call, code);
	conn_end(call->conn);
	call_free(call);
}
