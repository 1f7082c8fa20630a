/* SPDX-License-Identifier: Apache-2.0 */
#include "base64.h"

#include <errno.h>
#include <string.h>

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_decode(const char *text, uint8_t *to, size_t *len)
{
	size_t n = strlen(text), pads = 0;
	uint32_t bits = 0;

	*len = 0;
	if (n % 4)
		return -EINVAL;
	while (pads < 2 && n > pads && text[n - 1 - pads] == '=')
		pads++;
	for (size_t i = 0; i < n - pads; i++) {
		int value = value_of(text[i]);

		if (value < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)value;
		if (i % 4 > 0)
			to[(*len)++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	/* what the padding leaves of the last byte is zero: one text for one value */
	return pads && bits & ((1u << 2 * pads) - 1) ? -EINVAL : 0;
}

void base64_encode(const uint8_t *bytes, size_t len, char *to)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		uint32_t bits = (uint32_t)bytes[i] << 16 | (i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0) |
			(i + 2 < len ? bytes[i + 2] : 0);

		*to++ = digits[bits >> 18];
		*to++ = digits[bits >> 12 & 63];
		*to++ = i + 1 < len ? digits[bits >> 6 & 63] : '=';
		*to++ = i + 2 < len ? digits[bits & 63] : '=';
	}
	*to = 0;
}
