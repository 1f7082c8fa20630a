/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "egress/block.h"
#include "parse.h"
#include "report.h"

/* the first three are kept as texts */
enum kind { TEXT, BLOCK, RESOLVER, SIZE, TIME, NUMBER, NETWORK, LOG, FLAG };

static const struct entry {
	const char *name;
	enum kind kind;
	size_t at;
	const char *otherwise, *help;
} entries[] = {
#define AT(field) offsetof(struct serve_options, field)
	{ "listen", TEXT, AT(listen), "127.0.0.1:8080", "ADDR:PORT of functions and /system" },
	{ "metrics", TEXT, AT(metrics), "127.0.0.1:8082", "ADDR:PORT of /metrics, or none" },
	{ "callback", TEXT, AT(callback), "none", "ADDR:PORT where guests without a doorbell say that they are ready, or none" },
	{ "state", TEXT, AT(state), "/var/lib/ukvmm-faas", "folder of functions, images and secrets" },
	{ "config", TEXT, AT(config), NULL, "file with a line OPTION = VALUE each; options given here come first" },
	{ "user", TEXT, AT(user), "admin", "who may use /system, with the password" },
	{ "password-file", TEXT, AT(password_file), NULL, "file with the password of /system; without it none is asked for" },
	{ "addresses", BLOCK, AT(addresses), "10.100.0.0/16", "each instance gets a /30 of this block" },
	{ "network", NETWORK, AT(network), "auto", "network namespace of instances: own, given, shared, or auto (own if allowed)" },
	{ "uplink", TEXT, AT(uplink), "auto", "how functions with egress reach out: auto, none, or an interface of the host" },
	{ "resolver", RESOLVER, AT(resolver), "auto", "who answers their DNS queries: auto (whom the host asks), none, or ADDR" },
	{ "memory", SIZE, AT(memory), "0", "of all instances together; 0: 3/4 of the machine's" },
	{ "starting", NUMBER, AT(starting), NULL, "instances that may start at the same time [four for each CPU, at least 16]" },
	{ "pool", NUMBER, AT(pool), "4", "workers and taps that wait for an instance, of each kind of VM" },
	{ "pool-most", NUMBER, AT(pool_most), "100", "and of all kinds together, after a busy second" },
	{ "connections", NUMBER, AT(connections), "8192", "clients at once; more wait" },
	{ "drain-timeout", TIME, AT(drain_ns), "60s", "how long requests may go on after SIGTERM" },
	{ "header-timeout", TIME, AT(header_ns), "10s", "how long a client may take for a request's head" },
	{ "idle-timeout", TIME, AT(idle_ns), "75s", "how long a connection may stay without a request, or stand still in one" },
	{ "log", LOG, AT(json), "lines", "lines or json" },
	{ "no-sandbox", FLAG, AT(no_sandbox), NULL, "no walls around functions, for debugging; only together with --unsafe" },
	{ "unsafe", FLAG, AT(unsafe), NULL, "allows --no-sandbox: a function may do to this machine what this user may" },
};
enum { ENTRIES = sizeof entries / sizeof entries[0] };

static int set_text(char **to, const char *value)
{
	free(*to);
	*to = strdup(value);
	return *to ? 0 : -ENOMEM;
}

/* Looked at here, where it is known which option it is. */
static int set_checked(char **to, enum kind kind, const char *value)
{
	uint32_t base, bits;
	struct in_addr address;
	bool fits = kind == BLOCK ? block_read(value, &base, &bits) == 0 :
		strcmp(value, "auto") == 0 || strcmp(value, "none") == 0 || inet_pton(AF_INET, value, &address) == 1;

	return fits ? set_text(to, value) : -EINVAL;
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
	case BLOCK:
	case RESOLVER:
		return set_checked(at, e->kind, value);
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

/* What a value of this kind looks like. */
static const char *form(enum kind kind)
{
	switch (kind) {
	case BLOCK:
		return "a block of IPv4 addresses such as 10.100.0.0/16, of 8 to 30 bits";
	case RESOLVER:
		return "auto, none or an IPv4 address";
	case SIZE:
		return "a size such as 4G";
	case TIME:
		return "a time such as 10s";
	case NUMBER:
		return "a number from 1 to 1000000";
	case NETWORK:
		return "own, given, shared or auto";
	case LOG:
		return "lines or json";
	case FLAG:
		return "yes or no";
	default:
		return "a text";
	}
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
	if (!equals)
		report("config", path, "line %u is not OPTION = VALUE", n);
	else if (!e)
		report("config", path, "line %u: there is no option \"%s\"; see ukvmm-faas serve --help", n, name);
	else
		report("config", path, "line %u: %s = %s: %s is wanted", n, e->name, trim(equals + 1), form(e->kind));
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
	while (rc == 0 && fgets(line, sizeof line, f)) {
		n++;
		if (strlen(line) == sizeof line - 1 && !strchr(line, '\n')) {
			report("config", path, "line %u is longer than %zu bytes", n, sizeof line - 2);
			rc = 1;
		}
		rc = rc ? rc : read_line(o, path, n, line);
	}
	if (rc == 0 && ferror(f)) {
		report_errno("read", path, errno);
		rc = 1;
	}
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

static int bad_option(int code, char **argv)
{
	const char letter[3] = { '-', (char)optopt, '\0' };
	const char *word = argv[optind - 1];

	if (word[0] != '-' || word[1] != '-') /* a letter, maybe of a group */
		word = letter;
	report("serve", word, "%s; see ukvmm-faas serve --help", code == ':' ? "it needs a value" :
		code == '?' && strchr(word, '=') ? "there is no such option, or it takes no value" : "there is no such option");
	return 2;
}

static int scan(struct serve_options *o, int argc, char **argv, bool config_only, bool *help)
{
	struct option list[ENTRIES + 2] = { [ENTRIES] = { "help", no_argument, NULL, ENTRIES } };
	char name[32];
	int c;

	for (int i = 0; i < ENTRIES; i++)
		list[i] = (struct option){ entries[i].name,
			entries[i].kind == FLAG ? no_argument : required_argument, NULL, i };
	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", list, NULL)) >= 0) {
		if (c == '?' || c == ':')
			return bad_option(c, argv);
		if (c == ENTRIES || c == 'h') {
			*help = true;
			return 0;
		}
		if (config_only != (entries[c].at == AT(config)))
			continue;
		if (set(o, &entries[c], optarg) < 0) {
			snprintf(name, sizeof name, "--%s", entries[c].name);
			report("serve", name, "\"%s\": %s is wanted", optarg, form(entries[c].kind));
			return 2;
		}
	}
	if (optind == argc)
		return 0;
	report("serve", argv[optind], "serve takes options only; see ukvmm-faas serve --help");
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
		report("serve", "--no-sandbox", "it takes the walls from around every function: it needs --unsafe, too");
		rc = 2;
	}
	return rc;
}

void options_free(struct serve_options *o)
{
	for (int i = 0; i < ENTRIES; i++)
		if (entries[i].kind <= RESOLVER)
			free(*(char **)((char *)o + entries[i].at));
}
