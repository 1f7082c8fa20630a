/* SPDX-License-Identifier: Apache-2.0 */
#include "forward.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "parse.h"

enum { TEXT_MAX = 80 };

static const char wanted[] = "[ADDR:]PORT[:PORT] is wanted, the host's and the guest's, as 8080:80";

static int port(const char *text, uint32_t *value)
{
	return parse_u32(text, 1, 65535, value);
}

/* Ends `text` at its address and returns what follows the ":" behind it; NULL: that is no address.
 */
static char *after_address(char *text, const char **address)
{
	uint8_t bytes[sizeof(struct in6_addr)];
	int family = *text == '[' ? AF_INET6 : AF_INET;
	char *end = family == AF_INET6 ? strstr(text, "]:") : strchr(text, ':');

	if (!end)
		return NULL;
	*end = '\0';
	*address = family == AF_INET6 ? text + 1 : text;
	if (inet_pton(family, *address, bytes) != 1)
		return NULL;
	return end + (family == AF_INET6 ? 2 : 1);
}

const char *forward_spec(const char *text, const char **spec)
{
	char copy[TEXT_MAX], *ports = copy, *colon, *out;
	const char *address = "";
	uint32_t host = 0, guest = 0;

	if (strlen(text) >= sizeof copy)
		return wanted;
	strcpy(copy, text);
	/* a port has no dot and no bracket */
	if (strpbrk(copy, ".["))
		ports = after_address(copy, &address);
	if (!ports)
		return wanted;
	colon = strchr(ports, ':');
	if (colon)
		*colon = '\0';
	if (port(ports, &host) < 0 || port(colon ? colon + 1 : ports, &guest) < 0)
		return wanted;
	if (asprintf(&out, "%s%s%u:%u", address, *address ? "/" : "", host, guest) < 0)
		return "there is no memory left";
	*spec = out;
	return NULL;
}
