/* SPDX-License-Identifier: Apache-2.0 */
#include "parse.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* strtoull would take signs and blanks */
static int take_digits(const char **text, uint64_t *value)
{
	uint64_t v = 0;

	if (!is_digit(**text))
		return -EINVAL;
	for (; is_digit(**text); (*text)++)
		if (__builtin_mul_overflow(v, 10u, &v) ||
			__builtin_add_overflow(v, (uint64_t)(**text - '0'), &v))
			return -ERANGE;
	*value = v;
	return 0;
}

static const struct unit *find_unit(const struct unit *units, const char *name)
{
	for (; units->name; units++)
		if (strcmp(units->name, name) == 0)
			return units;
	return NULL;
}

int parse_size(const char *text, uint64_t *bytes)
{
	static const struct unit units[] = {
		{ "", 1 }, { "K", 1ull << 10 }, { "M", 1ull << 20 }, { "G", 1ull << 30 },
		{ "T", 1ull << 40 }, { "KiB", 1ull << 10 }, { "MiB", 1ull << 20 },
		{ "GiB", 1ull << 30 }, { "TiB", 1ull << 40 }, { "k", 1ull << 10 },
		{ "m", 1ull << 20 }, { "g", 1ull << 30 }, { NULL, 0 },
	};
	const struct unit *unit;
	uint64_t v = 0;
	int rc = take_digits(&text, &v);

	if (rc < 0)
		return rc;
	unit = find_unit(units, text);
	if (!unit)
		return -EINVAL;
	if (__builtin_mul_overflow(v, unit->factor, &v))
		return -ERANGE;
	*bytes = v;
	return 0;
}

/* ".25" as 250,000,000 billionths; 0 where there is no point */
static int take_fraction(const char **text, uint64_t *billionths)
{
	uint64_t v = 0;
	int digits = 0;

	*billionths = 0;
	if (**text != '.')
		return 0;
	(*text)++;
	for (; is_digit(**text); (*text)++, digits++) {
		if (digits == 9)
			return -ERANGE;
		v = v * 10u + (uint64_t)(**text - '0');
	}
	if (digits == 0)
		return -EINVAL;
	for (; digits < 9; digits++)
		v *= 10u;
	*billionths = v;
	return 0;
}

int parse_duration(const char *text, uint64_t *ns)
{
	static const struct unit units[] = {
		{ "", 1000000000u }, { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 },
		{ "s", 1000000000u }, { "m", 60000000000u }, { "h", 3600000000000u },
		{ "d", 86400000000000u }, { NULL, 0 },
	};
	const struct unit *unit;
	uint64_t whole = 0, part = 0;
	int rc = take_digits(&text, &whole);

	if (rc == 0)
		rc = take_fraction(&text, &part);
	if (rc < 0)
		return rc;
	unit = find_unit(units, text);
	if (!unit)
		return -EINVAL;
	/* part is below a billion: either product fits 64 bits */
	part = unit->factor < 1000000000u ? part * unit->factor / 1000000000u
					  : part * (unit->factor / 1000000000u);
	if (__builtin_mul_overflow(whole, unit->factor, &whole) ||
		__builtin_add_overflow(whole, part, &whole))
		return -ERANGE;
	*ns = whole;
	return 0;
}

int parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *value)
{
	uint64_t v = 0;
	int rc = take_digits(&text, &v);

	if (rc < 0)
		return rc;
	if (*text)
		return -EINVAL;
	if (v < min || v > max)
		return -ERANGE;
	*value = (uint32_t)v;
	return 0;
}

int parse_choice(const char *text, const char *const *names)
{
	for (int i = 0; names[i]; i++)
		if (strcmp(names[i], text) == 0)
			return i;
	return -EINVAL;
}
