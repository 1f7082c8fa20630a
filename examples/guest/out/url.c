/* SPDX-License-Identifier: Apache-2.0 */
#include "url.h"

#include <string.h>

enum { HTTP_PORT = 80, SCHEME = 7 };

static bool port(struct fn_str digits, uint16_t *out)
{
	uint32_t n = 0;

	for (size_t i = 0; i < digits.len; i++) {
		if (digits.at[i] < '0' || digits.at[i] > '9' || digits.len > 5)
			return false;
		n = n * 10 + (uint32_t)(digits.at[i] - '0');
	}
	*out = (uint16_t)n;
	return n && n <= 0xffff;
}

/* One line of a request is made of it. */
static bool is_plain(const char *text)
{
	for (; *text; text++) {
		if (*text <= ' ' || *text > '~' || *text == '#' || *text == '@')
			return false;
	}
	return true;
}

bool url_read(const char *text, struct url *url)
{
	size_t host;

	if (!text || strncmp(text, "http://", SCHEME) || !is_plain(text + SCHEME))
		return false;
	text += SCHEME;
	url->authority = (struct fn_str){ text, strcspn(text, "/?") };
	url->target = (struct fn_str){ text + url->authority.len, strlen(text + url->authority.len) };
	host = strcspn(text, ":/?");
	if (!host || host >= sizeof url->host)
		return false;
	memcpy(url->host, text, host);
	url->host[host] = 0;
	url->port = HTTP_PORT;
	return host == url->authority.len ||
		port((struct fn_str){ text + host + 1, url->authority.len - host - 1 }, &url->port);
}
