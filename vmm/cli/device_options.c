/* SPDX-License-Identifier: Apache-2.0 */
#include "device_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"
#include "report.h"
#include "subopt.h"

enum { NAME_MAX_BYTES = 31 };

const char *device_options_bytes(struct ukvmm_rate *rate, const char *value)
{
	if (parse_rate(value, &rate->bytes_per_s, &rate->bytes_burst) < 0)
		return "a rate in bytes is wanted, as 10M/s, or 10M/s:1M with what may pass at "
		       "once";
	return NULL;
}

const char *device_options_ops(struct ukvmm_rate *rate, const char *value)
{
	if (parse_rate(value, &rate->ops_per_s, &rate->ops_burst) < 0)
		return "a rate is wanted, as 1000/s, or 1000/s:50 with what may pass at once";
	return NULL;
}

const char *device_options_name(const char **name, const char *value)
{
	size_t len = strlen(value);

	if (len == 0 || len > NAME_MAX_BYTES)
		return "a name has 1 to 31 characters";
	*name = value;
	return NULL;
}

char *device_options_copy(const char *option, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		report_errno("malloc", option, ENOMEM);
	return copy;
}

void *device_options_new(const char *option, uint32_t len, size_t size)
{
	void *p;

	if (len >= DEVICES_MAX) {
		report("run", option, "a machine has room for %d devices", DEVICES_MAX);
		return NULL;
	}
	p = calloc(1, size);
	if (!p)
		report_errno("malloc", option, ENOMEM);
	return p;
}

/* ---- --vsock PATH[,cid=N][,listen] ---- */

static const char *take_cid(void *to, const char *value)
{
	uint32_t cid = 0;

	if (parse_u32(value, 3, UINT32_MAX - 1, &cid) < 0)
		return "a number from 3 to 4294967294 is wanted";
	((struct vsock_options *)to)->cid = cid;
	return NULL;
}

static const char *take_listen(void *to, const char *value)
{
	(void)value;
	((struct vsock_options *)to)->listen = true;
	return NULL;
}

int device_options_vsock(struct device_options *d, const char *text)
{
	static const struct subopt table[] = {
		{ "cid", SUBOPT_VALUE, 0, take_cid },
		{ "listen", SUBOPT_BARE, 0, take_listen },
		{ NULL, 0, 0, NULL },
	};
	char *rest = device_options_copy("--vsock", text);

	if (!rest)
		return -EINVAL;
	if (d->vsock.path) {
		report("run", "--vsock", "a machine has one of these");
		return -EINVAL;
	}
	d->vsock.path = subopt_first("run", "--vsock", &rest, "the path of a socket");
	if (!d->vsock.path)
		return -EINVAL;
	return subopt_parse("run", "--vsock", rest, table, &d->vsock);
}

uint32_t device_options_len(const struct device_options *d)
{
	return d->disks_len + d->nets_len + (d->rng ? 1 : 0) + (d->console ? 1 : 0) +
	       (d->vsock.path ? 1 : 0);
}
