/* SPDX-License-Identifier: Apache-2.0 */
#include "devices.h"

#include <stdio.h>

#include "report.h"
#include "terminal.h"

/* As guest_make.c calls them. */
static const char console_name[] = "console0", rng_name[] = "rng0", vsock_name[] = "vsock0";

static void set_name(char *name, const char *given, const char *kind, uint32_t i)
{
	if (given)
		snprintf(name, DEVICE_NAME, "%s", given);
	else
		snprintf(name, DEVICE_NAME, "%s%u", kind, i);
}

int devices_open(struct devices *d, const struct device_options *o)
{
	for (uint32_t i = 0; i < DEVICES_MAX; i++)
		d->disk[i].fd = d->disk[i].top_fd = -1;
	d->vsock = (struct vsock){ .listener = -1, .door = -1, .worker_door = -1 };
	for (uint32_t i = 0; i < o->disks_len; i++) {
		set_name(d->disk_name[i], o->disks[i]->name, "disk", i);
		if (disk_open(&d->disk[i], o->disks[i]) < 0)
			return -1;
	}
	for (uint32_t i = 0; i < o->nets_len; i++) {
		set_name(d->net_name[i], o->nets[i]->name, "net", i);
		if (net_open(&d->net[i], o->nets[i], d->net_name[i]) < 0)
			return -1;
	}
	return o->vsock.path ? vsock_open(&d->vsock, &o->vsock, vsock_name) : 0;
}

int devices_await(struct devices *d, const struct device_options *o)
{
	for (uint32_t i = 0; i < o->nets_len; i++)
		if (o->nets[i]->to == NET_TO_PASST && passt_await(&d->net[i].passt) < 0)
			return -1;
	return 0;
}

void devices_fill(const struct devices *d, const struct device_options *o, struct message_job *job)
{
	job->disks_len = o->disks_len;
	for (uint32_t i = 0; i < o->disks_len; i++)
		disk_fill(&d->disk[i], o->disks[i], d->disk_name[i], &job->disk[i]);
	job->nets_len = o->nets_len;
	for (uint32_t i = 0; i < o->nets_len; i++)
		net_fill(&d->net[i], o->nets[i], d->net_name[i], &job->net[i]);
	if (o->console) {
		job->flags |= JOB_CONSOLE;
		terminal_size(&job->cols, &job->rows);
	}
	if (o->rng)
		job->flags |= JOB_RNG;
	if (!o->vsock.path)
		return;
	job->flags |= JOB_VSOCK;
	job->vsock_cid = (uint32_t)o->vsock.cid;
	job->vsock_fd = d->vsock.listener;
	job->connect_fd = d->vsock.worker_door;
}

const char *devices_name(const struct devices *d, const struct device_options *o, uint64_t index)
{
	if (index < o->disks_len)
		return d->disk_name[index];
	index -= o->disks_len;
	if (index < o->nets_len)
		return d->net_name[index];
	index -= o->nets_len;
	if (o->console && index-- == 0)
		return console_name;
	if (o->rng && index-- == 0)
		return rng_name;
	return vsock_name;
}

void devices_close(struct devices *d, const struct device_options *o)
{
	for (uint32_t i = 0; i < o->disks_len; i++)
		disk_close(&d->disk[i]);
	vsock_close(&d->vsock);
}
