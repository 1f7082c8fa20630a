/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "../arch/arch.h"

const char *rt_arg(const char *name)
{
	static char value[256];
	size_t n = strlen(name), len;

	for (const char *s = rt_boot.cmdline; *s;) {
		while (*s == ' ')
			s++;
		for (len = 0; s[len] && s[len] != ' ';)
			len++;
		if (len > n && !strncmp(s, name, n) && s[n] == '=' && len - n <= sizeof value) {
			memcpy(value, s + n + 1, len - n - 1);
			value[len - n - 1] = 0;
			return value;
		}
		s += len;
	}
	return NULL;
}

bool rt_initrd(const uint8_t **bytes, size_t *len)
{
	*bytes = (const uint8_t *)(uintptr_t)rt_boot.initrd;
	*len = rt_boot.initrd_bytes;
	return *len;
}
