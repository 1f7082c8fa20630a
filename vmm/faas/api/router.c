/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "http/call.h"
#include "metrics.h"
#include "namespaces.h"

/* name: the path goes on behind it, and what follows is the name. list: of what is in a namespace. */
enum { NAMED = 1, LIST = 2 };
static const struct route {
	const char *method, *path;
	unsigned int flags;
	api_handler *handler;
} routes[] = {
	{ "GET", "functions", LIST, api_functions_list },
	{ "POST", "functions", 0, api_functions_deploy },
	{ "PUT", "functions", 0, api_functions_update },
	{ "DELETE", "functions", 0, api_functions_remove },
	{ "GET", "function/", NAMED, api_function },
	{ "POST", "scale-function/", NAMED, api_scale },
	{ "POST", "rollback/", NAMED, api_rollback },
	{ "GET", "info", 0, api_info },
	{ "GET", "namespaces", 0, api_namespaces },
	{ NULL, "namespace/", NAMED, api_namespace },
	{ NULL, "namespace/", 0, api_namespace },
	{ NULL, "namespace", 0, api_namespace },
	{ "GET", "instances", 0, api_instances },
	{ "DELETE", "instances/", NAMED, api_instance_end },
	{ "GET", "images", 0, api_images_list },
	{ "POST", "images/", NAMED, api_image_import },
	{ "DELETE", "images/", NAMED, api_image_remove },
	{ "GET", "secrets", LIST, api_secrets_list },
	{ "POST", "secrets", 0, api_secrets_create },
	{ "PUT", "secrets", 0, api_secrets_update },
	{ "DELETE", "secrets", 0, api_secrets_remove },
	{ "GET", "logs", 0, api_logs },
	{ "GET", "core/", NAMED, api_core },
	{ "GET", "stack/", NAMED, api_stack },
	{ NULL, "alert", 0, api_not_here },
	{ NULL, "telemetry", 0, api_not_here },
};

/* What is asked of another namespace is not there; /system/namespaces has no argument of this name. */
static void handle(struct app *app, struct call *call, const struct route *r, const char *name)
{
	char namespace[SPEC_NAME + 1];

	if (call_argument(call, "namespace", namespace, sizeof namespace) >= 0 && namespace_is_ours(namespace))
		r->handler(app, call, name);
	else if (r->flags & LIST)
		call_reply(call, 200, "application/json", "[]", 2);
	else
		call_error(call, 404, "there is one namespace, " NAMESPACE);
}

static void route_system(struct app *app, struct call *call, const char *path, size_t len)
{
	bool known = false;
	char name[256] = "";

	if (app->password && !call_authorized(call, app->user, app->password)) {
		call_add(call, "WWW-Authenticate", "Basic realm=\"ukvmm-faas\"");
		call_error(call, 401, "a user and a password are needed");
		return;
	}
	for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
		const struct route *r = &routes[i];
		size_t n = strlen(r->path);

		if (len < n || strncmp(path, r->path, n) != 0 || (r->flags & NAMED ? len == n : len != n) ||
			len - n >= sizeof name || memchr(path + n, '/', len - n))
			continue;
		known = true;
		if (r->method && strcmp(r->method, call_method(call)) != 0)
			continue;
		memcpy(name, path + n, len - n);
		name[len - n] = 0;
		handle(app, call, r, name);
		return;
	}
	call_error(call, known ? 405 : 404, known ? "this method is not for this path" : "there is nothing here");
}

/* NAME, or NAME.NAMESPACE of ours. */
static struct function *function_of(struct app *app, const char *at, size_t len)
{
	struct function *f;
	char name[SPEC_NAME + 16];
	size_t n = namespace_strip(at, len);

	if (len >= sizeof name)
		return NULL;
	memcpy(name, at, len);
	name[len] = 0;
	f = dispatch_find(app->dispatcher, name);
	name[n] = 0;
	return f ? f : dispatch_find(app->dispatcher, name);
}

static void relay_to(struct app *app, struct call *call, struct function *f, const char *at)
{
	size_t len = strcspn(at, "/?");
	char target[32768];

	snprintf(target, sizeof target, "%s%s", at[len] == '/' ? "" : "/", at + len);
	relay_begin(&app->relay, call, f, target);
}

/* "NAME", "NAME/path?query", "NAME?query": the rest is what the instance is asked for. */
static void route_function(struct app *app, struct call *call, const char *at)
{
	struct function *f = function_of(app, at, strcspn(at, "/?"));

	if (f)
		relay_to(app, call, f, at);
	else
		call_error(call, 404, "there is no function of this name");
}

/* Is it a peer of the caller's, which is known by its address? */
static bool may_call(const struct app *app, const struct call *call, const struct function *f)
{
	const struct spec *caller;
	struct function_view view;
	struct in_addr address;

	if (inet_pton(AF_INET, call_client(call), &address) != 1)
		return false;
	caller = dispatch_spec_at(app->dispatcher, address);
	dispatch_view(f, &view);
	for (uint32_t i = 0; caller && caller->egress && i < caller->egress->n_peers; i++)
		if (strcmp(caller->egress->peer[i], view.spec->name) == 0)
			return true;
	return false;
}

/* A function's request to another one. Which ones there are is not for every function to know. */
static void route_peer(struct app *app, struct call *call, const char *at)
{
	struct function *f = function_of(app, at, strcspn(at, "/?"));

	if (f && may_call(app, call, f))
		relay_to(app, call, f, at);
	else
		call_error(call, 404, "this is no function that you may call");
}

/* The study's: GET /invoke/NAME/SEGMENT, the segment becomes the path. */
static void route_invoke(struct app *app, struct call *call, const char *at)
{
	if (strcmp(call_method(call), "GET") != 0) {
		call_error(call, 405, "only GET here; /function/NAME takes every method");
		return;
	}
	route_function(app, call, at);
}

static bool begins(const char *target, const char *with, const char **rest)
{
	size_t n = strlen(with);

	*rest = target + n;
	return strncmp(target, with, n) == 0;
}

static bool is(const char *target, const char *path)
{
	size_t n = strlen(path);

	return strncmp(target, path, n) == 0 && (target[n] == 0 || target[n] == '?');
}

static void healthy(struct call *call)
{
	call_reply(call, 200, "text/plain; charset=utf-8", "OK", 2);
}

void route_front(void *arg, struct call *call)
{
	struct app *app = arg;
	const char *target = call_target(call), *rest;

	if (begins(target, "/function/", &rest))
		route_function(app, call, rest);
	else if (begins(target, "/invoke/", &rest))
		route_invoke(app, call, rest);
	else if (begins(target, "/system/", &rest))
		route_system(app, call, rest, strcspn(rest, "?"));
	else if (begins(target, "/async-function/", &rest))
		call_error(call, 501, "there are no asynchronous calls here: use /function/NAME, or put a queue in front");
	else if (begins(target, "/ready/", &rest))
		route_callback(arg, call);
	else if (is(target, "/healthz"))
		healthy(call);
	else
		call_error(call, 404, "there is nothing here; functions are at /function/NAME");
}

void route_callback(void *arg, struct call *call)
{
	struct app *app = arg;
	const char *rest;

	if (begins(call_target(call), "/function/", &rest))
		route_peer(app, call, rest);
	else if (begins(call_target(call), "/ready/", &rest) && dispatch_ready(app->dispatcher, rest))
		healthy(call);
	else
		call_error(call, 404, "this is no instance's token");
}

void route_metrics(void *arg, struct call *call)
{
	struct app *app = arg;

	if (is(call_target(call), "/healthz"))
		healthy(call);
	else if (is(call_target(call), "/metrics"))
		metrics_answer(app, call);
	else
		call_error(call, 404, "there is nothing here; metrics are at /metrics");
}
