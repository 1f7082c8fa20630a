/* SPDX-License-Identifier: Apache-2.0 */
#include "address.h"

#include <string.h>

#include "lwip/def.h"
#include "ukvmm_rt.h"

static bool address(const char *at, size_t len, ip4_addr_t *out)
{
	char text[16];

	if (len >= sizeof text)
		return false;
	memcpy(text, at, len);
	text[len] = 0;
	return ip4addr_aton(text, out);
}

static bool argument(const char *name, ip4_addr_t *out)
{
	const char *word = rt_arg(name);

	return !word || address(word, strlen(word), out);
}

static bool prefix(const char *at, ip4_addr_t *mask)
{
	uint32_t bits = 0;

	if (*at < '0' || *at > '9')
		return false;
	for (; *at >= '0' && *at <= '9' && bits <= 32; at++)
		bits = bits * 10 + (uint32_t)(*at - '0');
	if (bits > 32 || (*at && *at != ','))
		return false;
	mask->addr = bits ? lwip_htonl(~0u << (32 - bits)) : 0;
	return true;
}

bool address_of_words(ip4_addr_t *ip, ip4_addr_t *mask, ip4_addr_t *gateway)
{
	const char *word = rt_arg("ip"), *comma;
	size_t len;

	ip4_addr_set_zero(ip);
	ip4_addr_set_zero(gateway);
	IP4_ADDR(mask, 255, 255, 255, 0);
	if (!word)
		return true;
	len = strcspn(word, "/,");
	if (!address(word, len, ip) || (word[len] == '/' && !prefix(word + len + 1, mask)))
		return false;
	comma = strchr(word, ',');
	if (comma && !address(comma + 1, strlen(comma + 1), gateway))
		return false;
	return argument("netmask", mask) && argument("gateway", gateway);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool address_mac(struct eth_addr *mac)
{
	const char *at = rt_arg("gateway-mac");

	for (int i = 0; at && i < ETH_HWADDR_LEN; i++, at += 3) {
		int high = digit(at[0]), low = high < 0 ? -1 : digit(at[1]);

		if (low < 0 || at[2] != (i + 1 < ETH_HWADDR_LEN ? ':' : 0))
			return false;
		mac->addr[i] = (uint8_t)(high << 4 | low);
	}
	return at;
}
