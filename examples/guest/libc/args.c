/* SPDX-License-Identifier: Apache-2.0 */
/* The command line's words, cut apart once; a value may stand in double quotes and then hold spaces. */
#include <stdlib.h>
#include <string.h>

#include "../arch/arch.h"

enum { LINE_MAX_ = 65536 };

static char *words; /* one behind the other, each with its zero, an empty one last */

static void cut_apart(void)
{
	size_t len = strnlen(rt_boot.cmdline, LINE_MAX_);
	bool quoted = false, inside = false;
	char *to = words = malloc(len + 2);

	if (!to)
		rt_panic("no memory for the command line");
	for (size_t i = 0; i < len; i++) {
		char c = rt_boot.cmdline[i];

		if (c == '"') {
			quoted = !quoted;
		} else if (quoted || (c != ' ' && c != '\t' && c != '\n')) {
			*to++ = c;
			inside = true;
		} else if (inside) {
			*to++ = 0;
			inside = false;
		}
	}
	if (inside)
		*to++ = 0;
	*to = 0;
}

const char *rt_arg(const char *name)
{
	size_t n = strlen(name);

	if (!words)
		cut_apart();
	for (const char *s = words; *s; s += strlen(s) + 1)
		if (!strncmp(s, name, n) && s[n] == '=')
			return s + n + 1;
	return NULL;
}

bool rt_initrd(const uint8_t **bytes, size_t *len)
{
	*bytes = (const uint8_t *)(uintptr_t)rt_boot.initrd;
	*len = rt_boot.initrd_bytes;
	return *len;
}
