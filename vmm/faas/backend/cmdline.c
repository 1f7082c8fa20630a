/* SPDX-License-Identifier: Apache-2.0 */
#include "cmdline.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct words {
	const char *name;
	char value[96];
};

static void fill(struct words w[4], const struct tap *tap, uint16_t port, const char *token)
{
	char host[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &tap->host, host, sizeof host);
	w[0].name = "%ip";
	inet_ntop(AF_INET, &tap->guest, w[0].value, sizeof w[0].value);
	w[1].name = "%netmask";
	snprintf(w[1].value, sizeof w[1].value, "255.255.255.252");
	w[2].name = "%gateway";
	snprintf(w[2].value, sizeof w[2].value, "%s", host);
	w[3].name = "%ready";
	snprintf(w[3].value, sizeof w[3].value, "http://%s:%u/ready/%s", host, port, token);
}

static void replace(FILE *to, const char *from, const struct words w[4])
{
	while (*from) {
		int i = 0;

		while (i < 4 && strncmp(from, w[i].name, strlen(w[i].name)) != 0)
			i++;
		if (i < 4) {
			fputs(w[i].value, to);
			from += strlen(w[i].name);
		} else {
			fputc(*from++, to);
		}
	}
}

char *cmdline_make(const struct spec *spec, const struct tap *tap, uint16_t ready_port, const char *token)
{
	struct words w[4];
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fill(w, tap, ready_port, token);
	replace(f, *spec->cmdline ? spec->cmdline : "ip=%ip/30,%gateway", w);
	for (uint32_t i = 0; i < spec->env.n; i++) {
		const char *quote = strpbrk(spec->env.at[i].value, " \t") ? "\"" : "";

		fprintf(f, " %s=%s%s%s", spec->env.at[i].name, quote, spec->env.at[i].value, quote);
	}
	fclose(f);
	return text;
}
