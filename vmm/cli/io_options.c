/* SPDX-License-Identifier: Apache-2.0 */
/* --io-max KEY=VALUE[,...], with the keys of a cgroup's io.max. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "parse.h"
#include "subopt.h"

static const char *take(uint64_t *a, uint64_t *b, const char *value)
{
	uint64_t per_s, burst;

	/* 1 is none for the kernel */
	if (strchr(value, ':') || parse_rate(value, &per_s, &burst) < 0 || per_s < 2)
		return "a number a second is wanted, as 10M or 10M/s, from 2 on";
	*a = per_s;
	if (b)
		*b = per_s;
	return NULL;
}

static const char *take_rbps(void *to, const char *value)
{
	return take(&((struct cgroup_io *)to)->read_bytes, NULL, value);
}

static const char *take_wbps(void *to, const char *value)
{
	return take(&((struct cgroup_io *)to)->write_bytes, NULL, value);
}

static const char *take_riops(void *to, const char *value)
{
	return take(&((struct cgroup_io *)to)->read_ops, NULL, value);
}

static const char *take_wiops(void *to, const char *value)
{
	return take(&((struct cgroup_io *)to)->write_ops, NULL, value);
}

static const char *take_bps(void *to, const char *value)
{
	struct cgroup_io *io = to;

	return take(&io->read_bytes, &io->write_bytes, value);
}

static const char *take_iops(void *to, const char *value)
{
	struct cgroup_io *io = to;

	return take(&io->read_ops, &io->write_ops, value);
}

static const struct subopt table[] = {
	{ "bps", SUBOPT_VALUE, 0, take_bps },
	{ "iops", SUBOPT_VALUE, 0, take_iops },
	{ "rbps", SUBOPT_VALUE, 0, take_rbps },
	{ "wbps", SUBOPT_VALUE, 0, take_wbps },
	{ "riops", SUBOPT_VALUE, 0, take_riops },
	{ "wiops", SUBOPT_VALUE, 0, take_wiops },
	{ NULL, 0, 0, NULL },
};

int options_io_max(struct cgroup_io *io, const char *text)
{
	char *words = device_options_copy("--io-max", text);
	int rc = words ? subopt_parse("run", "--io-max", words, table, io) : -EINVAL;

	free(words);
	return rc;
}
