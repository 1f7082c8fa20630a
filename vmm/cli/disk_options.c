/* SPDX-License-Identifier: Apache-2.0 */
/* --disk FILE[,KEY[=VALUE]]... */
#include "device_options.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "parse.h"
#include "report.h"
#include "subopt.h"

enum { BLOCK_MAX = 32768 };
enum { SERIAL_BYTES = 20 }; /* VIRTIO_BLK_ID_BYTES, virtio 1.2 §5.2.6 */

static const char *take_name(void *to, const char *value)
{
	return device_options_name(&((struct disk_options *)to)->name, value);
}

static const char *take_ro(void *to, const char *value)
{
	(void)value;
	((struct disk_options *)to)->flags |= UKVMM_BLK_READ_ONLY;
	return NULL;
}

static const char *take_overlay(void *to, const char *value)
{
	struct disk_options *d = to;

	d->overlay = value ? OVERLAY_FILE : OVERLAY_MEMORY;
	d->top = value;
	return value && !*value ? "a file is wanted; without \"=\" it is memory" : NULL;
}

static const char *take_writethrough(void *to, const char *value)
{
	(void)value;
	((struct disk_options *)to)->flags |= UKVMM_BLK_WRITETHROUGH;
	return NULL;
}

static const char *take_engine(void *to, const char *value)
{
	static const char *const names[] = { "threads", "io_uring", NULL };
	int i = parse_choice(value, names);

	if (i == 1)
		((struct disk_options *)to)->flags |= UKVMM_BLK_URING;
	return i < 0 ? "there are threads and io_uring" : NULL;
}

static const char *take_serial(void *to, const char *value)
{
	if (strlen(value) > SERIAL_BYTES)
		return "at most 20 characters can be told to the guest";
	((struct disk_options *)to)->serial = value;
	return NULL;
}

static const char *take_block(void *to, const char *value)
{
	uint64_t bytes;

	if (parse_size(value, &bytes) < 0 || !bytes || bytes > BLOCK_MAX || bytes & (bytes - 1))
		return "a power of two, 512 to 32768";
	((struct disk_options *)to)->block_bytes = (uint32_t)bytes;
	return NULL;
}

static const char *take_rate(void *to, const char *value)
{
	return device_options_bytes(&((struct disk_options *)to)->rate, value);
}

static const char *take_ops(void *to, const char *value)
{
	return device_options_ops(&((struct disk_options *)to)->rate, value);
}

static const struct subopt table[] = {
	{ "name", SUBOPT_VALUE, 0, take_name },
	{ "ro", SUBOPT_BARE, 0, take_ro },
	{ "overlay", SUBOPT_MAYBE, 0, take_overlay },
	{ "rate", SUBOPT_VALUE, 0, take_rate },
	{ "ops", SUBOPT_VALUE, 0, take_ops },
	{ "serial", SUBOPT_VALUE, 0, take_serial },
	{ "block", SUBOPT_VALUE, 0, take_block },
	{ "writethrough", SUBOPT_BARE, 0, take_writethrough },
	{ "engine", SUBOPT_VALUE, 0, take_engine },
	{ NULL, 0, 0, NULL },
};

/* What is right word by word may still be nonsense together. */
static int check(const struct disk_options *d)
{
	if (d->overlay == OVERLAY_NONE || !(d->flags & UKVMM_BLK_READ_ONLY))
		return 0;
	report("run", "--disk",
		"\"%s\": an overlay is there to be written, so \"ro\" does not go with it",
		d->path);
	return -EINVAL;
}

int device_options_disk(struct device_options *d, const char *text)
{
	struct disk_options *disk = device_options_new("--disk", d->disks_len, sizeof *disk);
	char *rest;

	if (!disk)
		return -EINVAL;
	d->disks[d->disks_len++] = disk;
	rest = disk->words = device_options_copy("--disk", text);
	if (!rest)
		return -EINVAL;
	disk->rate.size = sizeof disk->rate;
	disk->path = subopt_first("run", "--disk", &rest, "a file");
	if (!disk->path || subopt_parse("run", "--disk", rest, table, disk) < 0)
		return -EINVAL;
	return check(disk);
}
