/* SPDX-License-Identifier: Apache-2.0 */
#include "guest.h"

void print_cmdline(void)
{
	const char *s = boot_cmdline();

	print_bytes("[", 1);
	if (*s)
		print_bytes(s, strlen(s));
	print_bytes("]\n", 2);
}

const char *arg(const char *name)
{
	const char *s = boot_cmdline();
	size_t n = strlen(name);

	while (*s) {
		while (*s == ' ')
			s++;
		if (starts_with(s, name) && (s[n] == '=' || s[n] == ' ' || !s[n]))
			return s[n] == '=' ? s + n + 1 : s + n;
		while (*s && *s != ' ')
			s++;
	}
	return NULL;
}

uint64_t number(const char *s, const char **end)
{
	unsigned base = 10, digit;
	uint64_t v = 0;

	if (starts_with(s, "0x")) {
		base = 16;
		s += 2;
	}
	for (;; s++) {
		if (*s >= '0' && *s <= '9')
			digit = (unsigned)(*s - '0');
		else if (*s >= 'a' && *s <= 'f')
			digit = (unsigned)(*s - 'a' + 10);
		else
			break;
		if (digit >= base)
			break;
		v = v * base + digit;
	}
	if (end)
		*end = s;
	return v;
}

uint64_t arg_number(const char *name, uint64_t otherwise)
{
	const char *v = arg(name);

	return v ? number(v, NULL) : otherwise;
}

bool arg_is(const char *name, const char *value)
{
	const char *v = arg(name);
	size_t n = strlen(value);

	return v && starts_with(v, value) && (v[n] == ' ' || !v[n]);
}
