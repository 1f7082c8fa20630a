/* SPDX-License-Identifier: Apache-2.0 */
#include "fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "call.h"

static const char *const one_hop[] = { "connection", "keep-alive", "proxy-connection", "proxy-authenticate",
	"proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings", NULL };
/* Made anew by us or by libcurl. */
static const char *const ours[] = { "content-length", "expect", "x-call-id", "x-start-time", "x-duration-seconds",
	"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-openfaas-internal", NULL };

static bool among(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (strcasecmp(name, *list) == 0)
			return true;
	return false;
}

/* Is it one of the words of a list with commas? */
static bool listed(const char *name, const char *list)
{
	size_t len = strlen(name), n;

	while (list && *list) {
		list += strspn(list, ", \t");
		n = strcspn(list, ", \t");
		if (n == len && n > 0 && strncasecmp(list, name, n) == 0)
			return true;
		list += n;
	}
	return false;
}

bool fields_hop_by_hop(const char *name, const char *connection)
{
	return among(name, one_hop) || listed(name, connection);
}

bool fields_add(struct fields *f, const char *name, const char *value)
{
	size_t len = strlen(name) + strlen(value) + 3;
	char *text;

	if (f->n == FIELDS_MAX || f->bytes + len > FIELDS_BYTES || !(text = malloc(len)))
		return false;
	/* libcurl's way of saying that a header is there, and empty, is without the colon */
	strcpy(stpcpy(stpcpy(text, name), *value ? ": " : ";"), value);
	f->at[f->n++] = text;
	f->bytes += (uint32_t)len;
	return true;
}

void fields_free(struct fields *f)
{
	while (f->n > 0)
		free(f->at[--f->n]);
	f->bytes = 0;
}

struct copy {
	struct fields *to;
	const char *connection, *forwarded;
	bool fine;
};

static bool each(void *arg, const char *name, const char *value)
{
	struct copy *c = arg;

	if (strcasecmp(name, "x-forwarded-for") == 0 && !c->forwarded)
		c->forwarded = value;
	if (fields_hop_by_hop(name, c->connection) || among(name, ours))
		return true;
	c->fine = fields_add(c->to, name, value);
	return c->fine;
}

static bool add_ours(struct fields *f, const struct call *call, const char *forwarded)
{
	const char *host = call_header(call, "Host");
	char start[24], chain[512];

	snprintf(start, sizeof start, "%llu", (unsigned long long)call_start_time(call));
	snprintf(chain, sizeof chain, "%s%s%s", forwarded ? forwarded : "", forwarded ? ", " : "", call_client(call));
	return fields_add(f, "X-Call-Id", call_id(call)) && fields_add(f, "X-Start-Time", start) &&
		fields_add(f, "X-Forwarded-For", chain) && fields_add(f, "X-Forwarded-Host", host ? host : "") &&
		fields_add(f, "X-Forwarded-Proto", "http");
}

bool fields_for_instance(struct fields *f, const struct call *call)
{
	struct copy c = { f, call_header(call, "Connection"), NULL, true };

	call_headers(call, each, &c);
	if (c.forwarded && strlen(c.forwarded) > 400)
		c.forwarded = NULL;
	return c.fine && add_ours(f, call, c.forwarded);
}
