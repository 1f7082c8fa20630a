/* SPDX-License-Identifier: Apache-2.0 */
/* What a revision keeps open: its files stay whatever becomes of their names. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

void revision_unref(struct revision *r)
{
	if (!r || --r->references > 0)
		return;
	if (r->image_fd >= 0)
		close(r->image_fd);
	if (r->initrd_fd >= 0)
		close(r->initrd_fd);
	for (uint32_t i = 0; i < r->spec->n_disks && r->disk_fd[i] >= 0; i++)
		close(r->disk_fd[i]);
	spec_unref(r->spec);
	free(r);
}

static int open_files(struct dispatcher *d, struct revision *r)
{
	const struct spec *spec = r->spec;

	r->initrd_fd = -1;
	for (uint32_t i = 0; i < SPEC_DISKS; i++)
		r->disk_fd[i] = -1;
	r->image_fd = d->config.open_image(d->config.arg, spec->hash);
	if (r->image_fd < 0)
		return r->image_fd;
	if (spec->initrd[0] && (r->initrd_fd = d->config.open_image(d->config.arg, spec->initrd)) < 0)
		return r->initrd_fd;
	for (uint32_t i = 0; i < spec->n_disks; i++)
		if ((r->disk_fd[i] = d->config.open_image(d->config.arg, spec->disk[i])) < 0)
			return r->disk_fd[i];
	return 0;
}

int revision_new(struct dispatcher *d, struct spec *spec, struct revision **out)
{
	struct revision *r = calloc(1, sizeof *r);
	int rc;

	if (!r)
		return -ENOMEM;
	*r = (struct revision){ .references = 1, .spec = spec_ref(spec) };
	rc = open_files(d, r);
	if (rc < 0)
		revision_unref(r);
	else
		*out = r;
	return rc;
}
