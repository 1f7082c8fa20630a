/* SPDX-License-Identifier: Apache-2.0 */
#include "log_request.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "http/call.h"
#include "parse.h"

#define SECOND UINT64_C(1000000000)

/* Two digits, at most `most`. */
static int two(const char *at, int most)
{
	int value;

	if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9')
		return -EINVAL;
	value = (at[0] - '0') * 10 + at[1] - '0';
	return value <= most ? value : -EINVAL;
}

/* RFC 3339 section 5.6, time-offset: "Z", "+01:30"; none is UTC. Seconds east of it. */
static int read_offset(const char *at, long *seconds)
{
	int hours, minutes;

	*seconds = 0;
	if (!*at || ((*at == 'Z' || *at == 'z') && !at[1]))
		return 0;
	if ((*at != '+' && *at != '-') || strlen(at) != 6 || at[3] != ':')
		return -EINVAL;
	hours = two(at + 1, 23);
	minutes = two(at + 4, 59);
	if (hours < 0 || minutes < 0)
		return -EINVAL;
	*seconds = (hours * 60L + minutes) * (*at == '-' ? -60 : 60);
	return 0;
}

static int read_fraction(const char **at, uint64_t *ns)
{
	uint64_t unit = SECOND / 10;

	*ns = 0;
	if (**at != '.')
		return 0;
	for (++*at; **at >= '0' && **at <= '9'; ++*at, unit /= 10)
		*ns += (uint64_t)(**at - '0') * unit;
	return unit == SECOND / 10 ? -EINVAL : 0;
}

static int read_time(const char *text, uint64_t *ns)
{
	struct tm tm = { 0 };
	const char *at = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	uint64_t fraction;
	time_t seconds;
	long offset;

	if (!at || read_fraction(&at, &fraction) < 0 || read_offset(at, &offset) < 0)
		return -EINVAL;
	seconds = timegm(&tm) - offset;
	*ns = seconds < 0 ? 0 : (uint64_t)seconds * SECOND + fraction;
	return 0;
}

int log_since(const char *text, uint64_t *ns)
{
	struct timespec t;
	uint64_t now, ago;

	if (parse_duration(text, &ago) < 0)
		return read_time(text, ns);
	clock_gettime(CLOCK_REALTIME, &t);
	now = (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
	*ns = ago < now ? now - ago : 0;
	return 0;
}

static bool is_true(const char *text)
{
	static const char *const words[] = { "true", "1", "t", "T", "TRUE", "True" };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcmp(text, words[i]) == 0)
			return true;
	return false;
}

int log_request_read(const struct call *call, struct log_request *out)
{
	char tail[16], since[64], follow[8];

	*out = (struct log_request){ .tail = UINT32_MAX };
	if (call_argument(call, "name", out->function, sizeof out->function) < 0 ||
		call_argument(call, "instance", out->instance, sizeof out->instance) < 0 ||
		call_argument(call, "tail", tail, sizeof tail) < 0 ||
		call_argument(call, "since", since, sizeof since) < 0 ||
		call_argument(call, "follow", follow, sizeof follow) < 0)
		return -EINVAL;
	out->follow = is_true(follow);
	if (*since && log_since(since, &out->since) < 0)
		return -EINVAL;
	/* OpenFaaS's clients say -1 for all */
	if (*tail && strcmp(tail, "-1") != 0 && parse_u32(tail, 0, UINT32_MAX, &out->tail) < 0)
		return -EINVAL;
	return 0;
}
