/* SPDX-License-Identifier: Apache-2.0 */
#include "cmdline.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "egress/uplink.h"

#define PLAIN "ip=%ip/30,%gateway gateway-mac=%gateway-mac"

enum { WORDS = 7 };

struct words {
	const char *name;
	char value[96];
};

/* The longer of two names that begin alike is the first. */
static void fill(struct words w[WORDS], const struct tap *tap, bool dns, uint16_t port, const char *token)
{
	const uint8_t *mac = tap->host_mac;
	char host[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &tap->host, host, sizeof host);
	w[0].name = "%ip";
	inet_ntop(AF_INET, &tap->guest, w[0].value, sizeof w[0].value);
	w[1].name = "%netmask";
	snprintf(w[1].value, sizeof w[1].value, "255.255.255.252");
	w[2].name = "%gateway-mac";
	snprintf(w[2].value, sizeof w[2].value, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		mac[5]);
	w[3].name = "%gateway";
	snprintf(w[3].value, sizeof w[3].value, "%s", host);
	w[4].name = "%ready";
	snprintf(w[4].value, sizeof w[4].value, "http://%s:%u/ready/%s", host, port, token);
	w[5].name = "%dns";
	snprintf(w[5].value, sizeof w[5].value, "%s", dns ? host : "none");
	w[6].name = "%functions";
	snprintf(w[6].value, sizeof w[6].value, "http://%s:%u/function", host, port);
}

static void replace(FILE *to, const char *from, const struct words w[WORDS])
{
	while (*from) {
		int i = 0;

		while (i < WORDS && strncmp(from, w[i].name, strlen(w[i].name)) != 0)
			i++;
		if (i < WORDS) {
			fputs(w[i].value, to);
			from += strlen(w[i].name);
		} else {
			fputc(*from++, to);
		}
	}
}

char *cmdline_make(const struct spec *spec, const struct tap *tap, uint16_t ready_port, const char *token)
{
	bool dns = uplink_resolves(spec);
	struct words w[WORDS];
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fill(w, tap, dns, ready_port, token);
	replace(f, *spec->cmdline ? spec->cmdline : dns ? PLAIN " dns=%dns" : PLAIN, w);
	for (uint32_t i = 0; i < spec->env.n; i++) {
		const char *quote = strpbrk(spec->env.at[i].value, " \t") ? "\"" : "";

		fprintf(f, " %s=%s%s%s", spec->env.at[i].name, quote, spec->env.at[i].value, quote);
	}
	fclose(f);
	return text;
}
