/* SPDX-License-Identifier: Apache-2.0 */
/* `ukvmm inspect`: what the library makes of an image, or why it would refuse it. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ukvmm/ukvmm.h>

#include "cli.h"
#include "options.h"
#include "report.h"

struct inspect {
	const char *path;
	uint32_t boot;
	bool decompress, json, help;
	struct ukvmm_image *image;
	struct ukvmm_image_info info;
};

static const char usage[] =
	"usage: ukvmm inspect [--boot PROTOCOL] [--decompress] [--json] IMAGE\n"
	"  --boot PROTOCOL   as if run with it: auto, linux, pvh or multiboot (default auto)\n"
	"  --decompress      look at what a bzImage unpacks to\n"
	"  --json            one JSON object\n"
	"Status: 0 bootable, 125 our failure, 126 not bootable, 127 image not found.\n";

/* In the order of UKVMM_BOOT_*. */
static const struct protocol {
	const char *name, *text;
} protocols[] = {
	{ "auto", "unknown protocol" },
	{ "linux", "Linux 64-bit protocol" },
	{ "pvh", "PVH" },
	{ "multiboot", "multiboot 1" },
	{ "hvt", "Solo5 hvt" },
};

static const struct protocol *protocol(uint32_t boot)
{
	return &protocols[boot < sizeof protocols / sizeof protocols[0] ? boot : 0];
}

static int parse(struct inspect *in, int argc, char **argv)
{
	static const struct option known[] = {
		{ "boot", required_argument, NULL, 'b' },
		{ "decompress", no_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", known, NULL)) != -1) {
		if (c == 'b' && options_boot("inspect", &in->boot) < 0)
			return -EINVAL;
		in->decompress |= c == 'd';
		in->json |= c == 'j';
		in->help |= c == 'h';
		if (c != '?' && c != ':')
			continue;
		cli_bad_option("inspect", c, argv);
		return -EINVAL;
	}
	in->path = argv[optind];
	if (in->help || argc - optind == 1)
		return 0;
	report("inspect", "IMAGE", "%s; see ukvmm inspect --help",
		in->path ? "one image only" : "none given");
	return -EINVAL;
}

static int read_image(struct inspect *in)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_image_config config = {
		.size = sizeof config,
		.flags = in->decompress ? UKVMM_IMAGE_DECOMPRESS : 0,
		.boot = in->boot,
	};
	int rc, fd = cli_open_image(in->path);

	if (fd < 0)
		return -fd;
	/* no host: this must work where no VM can */
	rc = ukvmm_image_open(NULL, fd, -1, &config, &in->image, &err);
	close(fd);
	if (rc < 0) {
		report_err(&err, in->path);
		return rc == -ENOEXEC || rc == -EFBIG ? CLI_NOT_BOOTABLE : CLI_FAILED;
	}
	in->info.size = sizeof in->info;
	rc = ukvmm_image_info(in->image, &in->info);
	if (rc < 0)
		report_errno("ukvmm_image_info", in->path, rc);
	return rc < 0 ? CLI_FAILED : CLI_OK;
}

static void print_segments(const struct inspect *in)
{
	struct ukvmm_image_segment s;

	printf("segments   %12s %12s %14s %12s\n", "file offset", "file bytes", "address",
		"memory");
	for (uint32_t i = 0; i < in->info.segments; i++) {
		s = (struct ukvmm_image_segment){ .size = sizeof s };
		if (ukvmm_image_segment(in->image, i, &s) < 0)
			return;
		printf("%9u  %#12llx %#12llx %#14llx %#12llx  %c%c%c\n", i,
			(unsigned long long)s.offset, (unsigned long long)s.file_bytes,
			(unsigned long long)s.gpa, (unsigned long long)s.mem_bytes,
			s.flags & 4 ? 'r' : '-', s.flags & 2 ? 'w' : '-', s.flags & 1 ? 'x' : '-');
	}
}

static void print_text(const struct inspect *in)
{
	const struct ukvmm_image_info *info = &in->info;

	printf("image      %s\n", in->path);
	printf("format     %s\n", info->format);
	printf("guest      %s\n", info->guest[0] ? info->guest : "does not say what it is");
	printf("starts by  %s, entry %#llx\n", protocol(info->boot)->text,
		(unsigned long long)info->entry);
	printf("notes      PVH %s, multiboot header %s\n", info->has_pvh ? "yes" : "no",
		info->has_multiboot ? "yes" : "no");
	printf("takes      %#llx to %#llx (%llu KiB)\n", (unsigned long long)info->low,
		(unsigned long long)info->high,
		(unsigned long long)(info->high - info->low + 1023) / 1024);
	print_segments(in);
}

static void add_segments(const struct inspect *in, cJSON *list)
{
	struct ukvmm_image_segment s;
	cJSON *o;

	for (uint32_t i = 0; i < in->info.segments; i++) {
		s = (struct ukvmm_image_segment){ .size = sizeof s };
		if (ukvmm_image_segment(in->image, i, &s) < 0)
			return;
		o = cJSON_CreateObject();
		cJSON_AddNumberToObject(o, "offset", (double)s.offset);
		cJSON_AddNumberToObject(o, "file_bytes", (double)s.file_bytes);
		cJSON_AddNumberToObject(o, "address", (double)s.gpa);
		cJSON_AddNumberToObject(o, "memory_bytes", (double)s.mem_bytes);
		cJSON_AddBoolToObject(o, "read", s.flags & 4);
		cJSON_AddBoolToObject(o, "write", s.flags & 2);
		cJSON_AddBoolToObject(o, "execute", s.flags & 1);
		cJSON_AddItemToArray(list, o);
	}
}

static void print_json(const struct inspect *in)
{
	const struct ukvmm_image_info *info = &in->info;
	cJSON *o = cJSON_CreateObject();
	char *text;

	cJSON_AddStringToObject(o, "image", in->path);
	cJSON_AddStringToObject(o, "format", info->format);
	cJSON_AddStringToObject(o, "guest", info->guest);
	cJSON_AddStringToObject(o, "protocol", protocol(info->boot)->name);
	cJSON_AddNumberToObject(o, "entry", (double)info->entry);
	cJSON_AddBoolToObject(o, "pvh", info->has_pvh != 0);
	cJSON_AddBoolToObject(o, "multiboot", info->has_multiboot != 0);
	cJSON_AddNumberToObject(o, "low", (double)info->low);
	cJSON_AddNumberToObject(o, "high", (double)info->high);
	add_segments(in, cJSON_AddArrayToObject(o, "segments"));
	text = cJSON_Print(o);
	puts(text ? text : "{}");
	cJSON_free(text);
	cJSON_Delete(o);
}

int cli_inspect(int argc, char **argv)
{
	struct inspect in = { .boot = UKVMM_BOOT_AUTO };
	int status;

	if (parse(&in, argc, argv) < 0)
		return CLI_FAILED;
	if (in.help) {
		fputs(usage, stdout);
		return cli_flush(CLI_OK);
	}
	status = read_image(&in);
	if (status == CLI_OK && in.json)
		print_json(&in);
	if (status == CLI_OK && !in.json)
		print_text(&in);
	if (status == CLI_OK)
		status = cli_flush(CLI_OK);
	ukvmm_image_unref(in.image);
	return status;
}
