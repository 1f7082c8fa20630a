/* SPDX-License-Identifier: Apache-2.0 */
#include "block.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "parse.h"

int block_read(const char *text, uint32_t *base, uint32_t *bits)
{
	const char *slash = strchr(text, '/');
	struct in_addr address;
	char copy[32];

	if (!slash || (size_t)(slash - text) >= sizeof copy || parse_u32(slash + 1, 8, 30, bits) < 0)
		return -EINVAL;
	memcpy(copy, text, (size_t)(slash - text));
	copy[slash - text] = 0;
	if (inet_pton(AF_INET, copy, &address) != 1)
		return -EINVAL;
	*base = ntohl(address.s_addr) & ~0u << (32 - *bits);
	return 0;
}
