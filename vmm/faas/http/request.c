/* SPDX-License-Identifier: Apache-2.0 */
/* What a call says about its request. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

const char *call_method(const struct call *call)
{
	return call->method;
}

const char *call_target(const struct call *call)
{
	return call->target;
}

const char *call_id(const struct call *call)
{
	return call->id;
}

uint64_t call_began(const struct call *call)
{
	return call->began;
}

uint64_t call_start_time(const struct call *call)
{
	return call->start_time;
}

const char *call_client(const struct call *call)
{
	return call->conn->client;
}

int64_t call_body_len(const struct call *call)
{
	return call->body_len;
}

const char *call_header(const struct call *call, const char *name)
{
	return MHD_lookup_connection_value(call->conn->mhd, MHD_HEADER_KIND, name);
}

static int digit_of(char c)
{
	const char *at = c ? strchr("0123456789abcdef", tolower((unsigned char)c)) : NULL;

	return at ? (int)(at - "0123456789abcdef") : -1;
}

/* The byte of "%xx"; 0, which no text can have, where it is none. */
static char unescape(const char *at)
{
	int high = digit_of(at[1]), low = high < 0 ? -1 : digit_of(at[2]);

	return low < 0 ? 0 : (char)(high << 4 | low);
}

int call_argument(const struct call *call, const char *name, char *to, size_t len)
{
	const char *at = MHD_lookup_connection_value(call->conn->mhd, MHD_GET_ARGUMENT_KIND, name);
	bool there = at;
	size_t n = 0;

	*to = 0;
	for (; at && *at; at++) {
		char c = *at == '%' ? unescape(at) : *at;

		if (!c || n + 1 == len)
			return -EINVAL;
		to[n++] = c;
		to[n] = 0;
		at += *at == '%' ? 2 : 0;
	}
	return there;
}

struct walk {
	bool (*each)(void *arg, const char *name, const char *value);
	void *arg;
};

static enum MHD_Result step(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct walk *w = arg;

	(void)kind;
	return w->each(w->arg, name, value ? value : "") ? MHD_YES : MHD_NO;
}

void call_headers(const struct call *call, bool (*each)(void *arg, const char *name, const char *value), void *arg)
{
	struct walk w = { each, arg };

	MHD_get_connection_values(call->conn->mhd, MHD_HEADER_KIND, step, &w);
}

/* Looks at all of `given`, whatever it finds. */
static bool same(const char *given, const char *wanted)
{
	size_t len = strlen(given), want = strlen(wanted);
	unsigned int differ = len != want;

	for (size_t i = 0; i < len; i++)
		differ |= (unsigned char)given[i] ^ (unsigned char)(want ? wanted[i % want] : 1);
	return differ == 0;
}

bool call_authorized(const struct call *call, const char *user, const char *password)
{
	char *given = NULL, *name = MHD_basic_auth_get_username_password(call->conn->mhd, &given);
	bool right = name && given && (same(name, user) & same(given, password));

	MHD_free(name);
	MHD_free(given);
	return right;
}

void call_note(struct call *call, const char *function, const char *instance)
{
	free(call->function);
	free(call->instance);
	call->function = function ? strdup(function) : NULL;
	call->instance = instance ? strdup(instance) : NULL;
}
