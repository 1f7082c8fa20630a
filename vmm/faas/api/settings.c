/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"
#include "spec_json.h"

#define S UINT64_C(1000000000)
#define MIB UINT64_C(1048576)

enum kind { NUMBER, SIZE, TIME, SWITCH, ENDS, READY, TEXT, COUNT, EGRESS, DNS };

struct setting {
	const char *key;
	enum kind kind;
	size_t at;
	uint64_t least, most, otherwise;
	const char *form;
};

#define AT(field) offsetof(struct spec, field)
static const struct setting settings[] = {
	{ "memory", SIZE, AT(memory), 2 * MIB, 64 * 1024 * MIB, 128 * MIB, "a size from 2M to 64G" },
	{ "vcpus", NUMBER, AT(vcpus), 1, 32, 1, "1 to 32" },
	{ "port", NUMBER, AT(port), 1, 65535, 8080, "1 to 65535" },
	{ "concurrency", NUMBER, AT(concurrency), 1, 10000, 1, "1 to 10000" },
	{ "max-instances", NUMBER, AT(max_instances), 1, 10000, 100, "1 to 10000" },
	{ "min-warm", NUMBER, AT(min_warm), 0, 10000, 0, "0 to 10000" },
	{ "queue", NUMBER, AT(queue), 1, 100000, 1000, "1 to 100000" },
	{ "max-inflight", NUMBER, AT(max_inflight), 0, 1000000, 0, "0 to 1000000" },
	{ "weight", NUMBER, AT(weight), 1, 1000, 100, "1 to 1000" },
	{ "rate", COUNT, AT(rate), 0, 1000000, 0, "requests a second, 0 to 1000000" },
	{ "single-use", SWITCH, AT(single_use), 0, 1, 0, "true or false" },
	{ "on-timeout", ENDS, AT(keep), 0, 1, 0, "end or keep" },
	{ "idle-timeout", TIME, AT(idle_ns), S / 1000, 86400 * S, 60 * S, "a time from 1ms to 24h, such as 30s" },
	{ "start-timeout", TIME, AT(start_ns), S / 1000, 600 * S, 25 * S, "a time from 1ms to 10m, such as 25s" },
	{ "timeout", TIME, AT(timeout_ns), S / 1000, 86400 * S, 60 * S, "a time from 1ms to 24h, such as 60s" },
	{ "queue-timeout", TIME, AT(queue_ns), S / 1000, 600 * S, 25 * S, "a time from 1ms to 10m, such as 25s" },
	{ "body-max", SIZE, AT(body_max), 0, UINT64_C(1) << 50, 1024 * MIB, "a size such as 16M" },
	{ "ready", READY, AT(ready), 0, 0, READY_DOORBELL, "doorbell, callback or tcp" },
	{ "egress", EGRESS, 0, 0, 0, 0, "a list of CIDR[:PORTS][/tcp|/udp|/icmp] or @FUNCTION" },
	{ "dns", DNS, 0, 0, 0, 0, "host, none or an IPv4 address" },
	{ "cmdline", TEXT, AT(cmdline), 0, 0, 0, "a line of text" },
	{ "initrd", TEXT, 0, 0, 0, 0, "the name of an image" }, /* looked up when it is deployed */
	{ "disks", TEXT, 0, 0, 0, 0, "names of images" },	/* likewise */
};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

static void store(struct spec *spec, const struct setting *s, uint64_t value)
{
	char *at = (char *)spec + s->at;

	switch (s->kind) {
	case NUMBER:
		*(uint32_t *)at = (uint32_t)value;
		break;
	case SWITCH:
	case ENDS:
		*(bool *)at = value != 0;
		break;
	case READY:
		*(enum spec_ready *)at = (enum spec_ready)value;
		break;
	case TEXT:
	case EGRESS:
	case DNS:
		break;
	default:
		*(uint64_t *)at = value;
	}
}

void settings_default(struct spec *spec)
{
	for (int i = 0; i < SETTINGS; i++)
		store(spec, &settings[i], settings[i].otherwise);
}

int settings_size(const char *text, uint64_t *bytes)
{
	size_t len = strlen(text);
	char copy[32];

	if (len + 2 > sizeof copy || len == 0)
		return -EINVAL;
	strcpy(copy, text);
	if (copy[len - 1] == 'i')
		strcpy(copy + len, "B");
	if (copy[len - 1] == 'm' || copy[len - 1] == 'k' || copy[len - 1] == 'g')
		copy[len - 1] = (char)(copy[len - 1] - 'a' + 'A');
	return parse_size(copy, bytes);
}

/* "90s", "1.5h", and as Go writes them, in parts: "1h30m0s". */
static int read_time(const char *text, uint64_t *ns)
{
	const char *at = text;
	uint64_t one;
	char part[32];
	size_t n;

	*ns = 0;
	do {
		n = strspn(at, "0123456789.");
		n += strcspn(at + n, "0123456789.");
		if (n == 0 || n >= sizeof part)
			return -EINVAL;
		memcpy(part, at, n);
		part[n] = 0;
		at += n;
		if (parse_duration(part, &one) < 0 || __builtin_add_overflow(*ns, one, ns))
			return -EINVAL;
		if (at - n > text && strspn(part, "0123456789.") == n)
			return -EINVAL; /* only a number alone is seconds */
	} while (*at);
	return 0;
}

static int text_fits(const char *value)
{
	if (strlen(value) > 4096)
		return -EINVAL;
	for (; *value; value++)
		if ((unsigned char)*value < ' ')
			return -EINVAL;
	return 0;
}

static int read_value(const struct setting *s, const char *text, uint64_t *value)
{
	static const char *const ready[] = { "doorbell", "callback", "tcp", NULL };
	static const char *const switches[] = { "false", "true", NULL };
	static const char *const ends[] = { "end", "keep", NULL };
	uint32_t n = 0;
	int rc;

	switch (s->kind) {
	case SIZE:
		return settings_size(text, value);
	case TIME:
		return read_time(text, value);
	case SWITCH:
	case ENDS:
	case READY:
		rc = parse_choice(text, s->kind == READY ? ready : s->kind == ENDS ? ends : switches);
		*value = (uint64_t)(rc < 0 ? 0 : rc);
		return rc < 0 ? rc : 0;
	case TEXT:
		return text_fits(text);
	default:
		rc = parse_u32(text, 0, UINT32_MAX, &n);
		*value = n;
		return rc;
	}
}

static int set_egress(struct spec *spec, const char *text, char *why)
{
	struct egress *egress = malloc(sizeof *egress);
	int rc = egress ? egress_read(text, egress, why, SPEC_WHY) : -ENOMEM;

	if (rc < 0 || (egress->n == 0 && egress->n_peers == 0)) {
		free(egress);
		return rc == -E2BIG ? -EINVAL : rc;
	}
	free(spec->egress);
	spec->egress = egress;
	return 0;
}

static int set(struct spec *spec, const struct setting *s, const char *text, char *why)
{
	uint64_t value = 0;
	int rc;

	if (s->kind == EGRESS)
		return set_egress(spec, text, why);
	rc = s->kind == DNS ? egress_read_dns(text, &spec->dns, &spec->dns_address) : read_value(s, text, &value);
	if (rc == 0 && s->most && (value < s->least || value > s->most))
		rc = -ERANGE;
	if (rc < 0) {
		snprintf(why, SPEC_WHY, "%s%s is not %s", SETTINGS_PREFIX, s->key, s->form);
		return -EINVAL;
	}
	if (s->kind == DNS || (s->kind == TEXT && !s->at))
		return 0;
	if (s->kind == TEXT) {
		free(spec->cmdline);
		spec->cmdline = strdup(text);
		return spec->cmdline ? 0 : -ENOMEM;
	}
	if (s->at == AT(memory))
		value = (value + 4095) / 4096 * 4096;
	store(spec, s, value);
	return 0;
}

bool settings_has(const char *key)
{
	for (int i = 0; i < SETTINGS; i++)
		if (strcmp(settings[i].key, key) == 0)
			return true;
	return false;
}

int settings_set(struct spec *spec, const char *key, const char *value, char *why)
{
	for (int i = 0; i < SETTINGS; i++)
		if (strcmp(settings[i].key, key) == 0)
			return set(spec, &settings[i], value, why);
	snprintf(why, SPEC_WHY, "%s%s is no setting", SETTINGS_PREFIX, key);
	return -EINVAL;
}
