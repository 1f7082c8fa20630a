/* SPDX-License-Identifier: Apache-2.0 */
#include "parse.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum { SIZE_TEXT = 32, MAC_BYTES = 6 };

/* The first `len` characters as a size. */
static int part(const char *text, size_t len, uint64_t *value)
{
	char copy[SIZE_TEXT];

	if (len >= sizeof copy)
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return parse_size(copy, value);
}

int parse_rate(const char *text, uint64_t *per_s, uint64_t *burst)
{
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);
	uint64_t rate = 0, once = 0;
	int rc;

	if (len > 2 && memcmp(text + len - 2, "/s", 2) == 0)
		len -= 2;
	rc = part(text, len, &rate);
	if (rc == 0 && colon)
		rc = parse_size(colon + 1, &once);
	if (rc < 0)
		return rc;
	/* 0 would be "no limit" to the library, the contrary of what it says */
	if (rate == 0 || (colon && once == 0))
		return -ERANGE;
	*per_s = rate;
	*burst = once;
	return 0;
}

static int hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c | 0x20) : NULL;

	/* | 0x20 makes small letters; it leaves digits alone, but makes digits of control
	 * characters */
	return at && c >= '0' ? (int)(at - digits) : -1;
}

int parse_mac(const char *text, uint8_t mac[6])
{
	uint8_t m[MAC_BYTES], all = 0;

	for (int i = 0; i < MAC_BYTES; i++, text += 2) {
		if (i > 0 && *text++ != ':')
			return -EINVAL;
		if (hex(text[0]) < 0 || hex(text[1]) < 0)
			return -EINVAL;
		m[i] = (uint8_t)(hex(text[0]) << 4 | hex(text[1]));
		all |= m[i];
	}
	if (*text)
		return -EINVAL;
	if (all == 0 || m[0] & 1)
		return -ERANGE;
	memcpy(mac, m, sizeof m);
	return 0;
}
