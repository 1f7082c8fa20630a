/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"
#include "report.h"

enum kind { TEXT, SIZE, TIME, NUMBER, NETWORK, LOG, FLAG };

static const struct entry {
	const char *name;
	enum kind kind;
	size_t at;
	const char *otherwise, *help;
} entries[] = {
#define AT(field) offsetof(struct serve_options, field)
	{ "listen", TEXT, AT(listen), "127.0.0.1:8080", "ADDR:PORT of functions and /system" },
	{ "metrics", TEXT, AT(metrics), "127.0.0.1:8082", "ADDR:PORT of /metrics, or none" },
	{ "callback", TEXT, AT(callback), "none", "ADDR:PORT where guests say that they are ready, or none" },
	{ "state", TEXT, AT(state), "/var/lib/ukvmm-faas", "folder of functions, images and secrets" },
	{ "config", TEXT, AT(config), NULL, "file of lines OPTION = VALUE" },
	{ "user", TEXT, AT(user), "admin", "of /system" },
	{ "password-file", TEXT, AT(password_file), NULL, "password of /system; none is asked for without it" },
	{ "addresses", TEXT, AT(addresses), "10.100.0.0/16", "instances get theirs from this block" },
	{ "network", NETWORK, AT(network), "auto", "namespace of taps: own, given, shared, auto (own if it may)" },
	{ "uplink", TEXT, AT(uplink), "auto", "egress of functions: auto, none, or the interface that it leaves by" },
	{ "resolver", TEXT, AT(resolver), "auto", "who answers their DNS queries: auto (whom the host asks), none, or ADDR" },
	{ "memory", SIZE, AT(memory), "0", "what all instances may have together; 0: 3/4 of the machine's" },
	{ "starting", NUMBER, AT(starting), NULL, "instances that may start at the same time [four a CPU, 16 at least]" },
	{ "pool", NUMBER, AT(pool), "4", "workers and taps that wait for an instance, of each kind" },
	{ "pool-most", NUMBER, AT(pool_most), "100", "and at most, where so many were wanted in a second of late" },
	{ "connections", NUMBER, AT(connections), "8192", "of clients at once; more wait" },
	{ "drain-timeout", TIME, AT(drain_ns), "60s", "how long requests may go on after SIGTERM" },
	{ "header-timeout", TIME, AT(header_ns), "10s", "how long a client may take for a request's head" },
	{ "idle-timeout", TIME, AT(idle_ns), "75s", "how long a connection may stay without a request" },
	{ "log", LOG, AT(json), "lines", "lines or json" },
	{ "no-sandbox", FLAG, AT(no_sandbox), NULL, "no walls around functions, for debugging; with --unsafe only" },
	{ "unsafe", FLAG, AT(unsafe), NULL, "each function may do to this machine what this user may" },
};
enum { ENTRIES = sizeof entries / sizeof entries[0] };

static int set_text(char **to, const char *value)
{
	free(*to);
	*to = strdup(value);
	return *to ? 0 : -ENOMEM;
}

static int set(struct serve_options *o, const struct entry *e, const char *value)
{
	static const char *const logs[] = { "lines", "json", NULL }, *const flags[] = { "no", "yes", NULL };
	static const char *const networks[] = { "auto", "own", "given", "shared", NULL }; /* enum network */
	void *at = (char *)o + e->at;
	int rc;

	switch (e->kind) {
	case TEXT:
		return set_text(at, value);
	case SIZE:
		return parse_size(value, at);
	case TIME:
		return parse_duration(value, at);
	case NUMBER:
		return parse_u32(value, 1, 1000000, at);
	case FLAG:
		rc = value ? parse_choice(value, flags) : 1;
		*(bool *)at = rc > 0;
		return rc < 0 ? rc : 0;
	case NETWORK:
		rc = parse_choice(value, networks);
		if (rc >= 0)
			*(enum network *)at = (enum network)rc;
		return rc < 0 ? rc : 0;
	default:
		rc = parse_choice(value, logs);
		*(bool *)at = rc > 0;
		return rc < 0 ? rc : 0;
	}
}

static const struct entry *find(const char *name)
{
	for (int i = 0; i < ENTRIES; i++)
		if (strcmp(entries[i].name, name) == 0)
			return &entries[i];
	return NULL;
}

static char *trim(char *s)
{
	size_t n;

	s += strspn(s, " \t");
	n = strlen(s);
	while (n > 0 && strchr(" \t\r\n", s[n - 1]))
		s[--n] = 0;
	return s;
}

static int read_line(struct serve_options *o, const char *path, unsigned int n, char *line)
{
	char *equals = strchr(line, '='), *name = trim(line);
	const struct entry *e;

	if (!*name || *name == '#')
		return 0;
	if (equals)
		*equals = 0;
	e = equals ? find(trim(name)) : NULL;
	if (e && set(o, e, trim(equals + 1)) == 0)
		return 0;
	report("config", path, "line %u is not OPTION = VALUE", n);
	return 1;
}

static int read_config(struct serve_options *o, const char *path)
{
	FILE *f = fopen(path, "re");
	char line[1024];
	unsigned int n = 0;
	int rc = 0;

	if (!f) {
		report_errno("open", path, errno);
		return 1;
	}
	while (rc == 0 && fgets(line, sizeof line, f))
		rc = read_line(o, path, ++n, line);
	fclose(f);
	return rc;
}

static void print_help(void)
{
	puts("usage: ukvmm-faas serve [OPTION...]");
	for (int i = 0; i < ENTRIES; i++)
		printf("  --%-16s %s%s%s%s\n", entries[i].name, entries[i].help, entries[i].otherwise ? " [" : "",
			entries[i].otherwise ? entries[i].otherwise : "", entries[i].otherwise ? "]" : "");
}

static int scan(struct serve_options *o, int argc, char **argv, bool config_only, bool *help)
{
	struct option list[ENTRIES + 2] = { [ENTRIES] = { "help", no_argument, NULL, ENTRIES } };
	int c;

	for (int i = 0; i < ENTRIES; i++)
		list[i] = (struct option){ entries[i].name,
			entries[i].kind == FLAG ? no_argument : required_argument, NULL, i };
	optind = 1;
	while ((c = getopt_long(argc, argv, "", list, NULL)) >= 0) {
		if (c == '?')
			return 2;
		if (c == ENTRIES) {
			*help = true;
			return 0;
		}
		if (config_only != (entries[c].at == AT(config)))
			continue;
		if (set(o, &entries[c], optarg) < 0) {
			report("usage", entries[c].name, "%s is not one: %s", optarg, entries[c].help);
			return 2;
		}
	}
	if (optind == argc)
		return 0;
	report("usage", "serve", "%s is no option", argv[optind]);
	return 2;
}

int options_read(struct serve_options *o, int argc, char **argv, bool *help)
{
	int rc;

	*help = false;
	for (int i = 0; i < ENTRIES; i++)
		if (entries[i].otherwise)
			set(o, &entries[i], entries[i].otherwise);
	rc = scan(o, argc, argv, true, help);
	if (*help) {
		print_help();
		return 0;
	}
	if (rc == 0 && o->config)
		rc = read_config(o, o->config);
	rc = rc ? rc : scan(o, argc, argv, false, help);
	if (rc == 0 && o->no_sandbox && !o->unsafe) {
		report("usage", "no-sandbox", "it takes the walls from around every function: it needs --unsafe, too");
		rc = 2;
	}
	return rc;
}

void options_free(struct serve_options *o)
{
	for (int i = 0; i < ENTRIES; i++)
		if (entries[i].kind == TEXT)
			free(*(char **)((char *)o + entries[i].at));
}
