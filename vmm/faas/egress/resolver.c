/* SPDX-License-Identifier: Apache-2.0 */
/* resolv.conf(5): "nameserver ADDRESS", the first that is of use. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

enum { LINES = 1000 };

static int read_file(const char *path, uint32_t *address)
{
	FILE *f = fopen(path, "re");
	char line[512], word[64];
	struct in_addr at;
	int rc = -ENOENT;

	if (!f)
		return rc;
	for (int i = 0; rc < 0 && i < LINES && fgets(line, sizeof line, f); i++) {
		if (sscanf(line, " nameserver %63s", word) != 1 || inet_pton(AF_INET, word, &at) != 1)
			continue;
		*address = ntohl(at.s_addr);
		/* one that listens for its own machine only cannot be asked from elsewhere */
		rc = *address >> 24 == 127 || *address == 0 ? -ENOENT : 0;
	}
	fclose(f);
	return rc;
}

/* The second is where systemd-resolved writes down whom it asks itself. */
int resolver_find(const char *how, uint32_t *address)
{
	struct in_addr at;

	if (strcmp(how, "none") == 0)
		return -ENOENT;
	if (strcmp(how, "auto") != 0) {
		if (inet_pton(AF_INET, how, &at) != 1)
			return -EINVAL;
		*address = ntohl(at.s_addr);
		return 0;
	}
	return read_file("/etc/resolv.conf", address) == 0 ? 0 : read_file("/run/systemd/resolve/resolv.conf", address);
}
