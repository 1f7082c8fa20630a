/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor.h"

#include <cjson/cJSON.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "cli.h"
#include "report.h"

static const char usage[] =
	"usage: ukvmm doctor [--json]\n"
	"Looks at what this host can run, runs a tiny VM, and names a cure for each trouble.\n"
	"Status: 0 VMs can run here, 1 they cannot, 125 our failure.\n";

static const char *const state_names[] = { "ok", "note", "warn", "fail" };

struct finding *doctor_find(struct doctor *d, const char *name, enum finding_state state,
	const char *fmt, ...)
{
	struct finding *f = &d->finding[d->findings < FINDINGS ? d->findings++ : FINDINGS - 1];
	va_list args;

	f->name = name;
	f->state = state;
	f->cure[0] = '\0';
	va_start(args, fmt);
	vsnprintf(f->text, sizeof f->text, fmt, args);
	va_end(args);
	return f;
}

void doctor_cure(struct finding *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(f->cure, sizeof f->cure, fmt, args);
	va_end(args);
}

static void print_text(const struct doctor *d)
{
	const struct doctor_guest *g = doctor_guests(d->vendor);

	for (uint32_t i = 0; i < d->findings; i++) {
		printf("%-5s %-14s %s\n", state_names[d->finding[i].state], d->finding[i].name,
			d->finding[i].text);
		if (d->finding[i].cure[0])
			printf("%20s cure: %s\n", "", d->finding[i].cure);
	}
	printf("\nGuests on this host (%s):\n", d->vendor_name);
	for (; g->kind; g++)
		printf("%-8s %-30s %s\n", g->verdict, g->kind, g->text);
	printf("\nVMs %s here.\n", d->can_run ? "can run" : "cannot run");
}

static void add_findings(const struct doctor *d, cJSON *list)
{
	for (uint32_t i = 0; i < d->findings; i++) {
		const struct finding *f = &d->finding[i];
		cJSON *o = cJSON_CreateObject();

		cJSON_AddStringToObject(o, "name", f->name);
		cJSON_AddStringToObject(o, "state", state_names[f->state]);
		cJSON_AddStringToObject(o, "text", f->text);
		cJSON_AddStringToObject(o, "cure", f->cure);
		cJSON_AddItemToArray(list, o);
	}
}

static void add_guests(const struct doctor *d, cJSON *list)
{
	for (const struct doctor_guest *g = doctor_guests(d->vendor); g->kind; g++) {
		cJSON *o = cJSON_CreateObject();

		cJSON_AddStringToObject(o, "kind", g->kind);
		cJSON_AddStringToObject(o, "verdict", g->verdict);
		cJSON_AddStringToObject(o, "text", g->text);
		cJSON_AddItemToArray(list, o);
	}
}

static void print_json(const struct doctor *d)
{
	cJSON *o = cJSON_CreateObject();
	struct utsname name;
	char *text;

	cJSON_AddBoolToObject(o, "can_run", d->can_run);
	cJSON_AddStringToObject(o, "kernel", uname(&name) == 0 ? name.release : "unknown");
	cJSON_AddStringToObject(o, "kvm_vendor", d->vendor_name);
	add_findings(d, cJSON_AddArrayToObject(o, "findings"));
	add_guests(d, cJSON_AddArrayToObject(o, "guests"));
	text = cJSON_Print(o);
	puts(text ? text : "{}");
	cJSON_free(text);
	cJSON_Delete(o);
}

/* 0: go on; else the status to end with, minus 1 for a plain end. */
static int parse(int argc, char **argv, bool *json, bool *help)
{
	static const struct option known[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", known, NULL)) != -1) {
		*json |= c == 'j';
		*help |= c == 'h';
		if (c != '?' && c != ':')
			continue;
		cli_bad_option("doctor", c, argv);
		return -1;
	}
	if (optind == argc)
		return 0;
	report("doctor", argv[optind], "doctor takes no words; see ukvmm doctor --help");
	return -1;
}

int cli_doctor(int argc, char **argv)
{
	static struct doctor d;
	bool json = false, help = false;

	if (parse(argc, argv, &json, &help) < 0)
		return CLI_FAILED;
	if (help) {
		fputs(usage, stdout);
		return cli_flush(CLI_OK);
	}
	doctor_kvm(&d);
	doctor_settings(&d);
	doctor_limits(&d);
	doctor_devices(&d);
	if (json)
		print_json(&d);
	else
		print_text(&d);
	return cli_flush(d.can_run ? 0 : 1);
}
