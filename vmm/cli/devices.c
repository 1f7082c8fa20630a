/* SPDX-License-Identifier: Apache-2.0 */
#include "devices.h"

#include <pthread.h>
#include <stdio.h>

#include "report.h"
#include "terminal.h"

enum {
	/* Requests of one disk that may wait for the medium at the same time, and of all. */
	WORKERS_PER_DISK = 4,
	WORKERS_MAX = 16,
};

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
	return 0;
}

static int add_console(struct ukvmm_vm *vm)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_console_config config = { .size = sizeof config, .ring_bytes = 1 << 20 };
	int rc;

	terminal_size(&config.cols, &config.rows);
	rc = ukvmm_vm_add_console(vm, console_name, &config, &err);
	if (rc < 0)
		report_err(&err, NULL);
	return rc;
}

static int add_rng(struct ukvmm_vm *vm)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_rng_config config = { .size = sizeof config };
	int rc = ukvmm_vm_add_rng(vm, rng_name, &config, &err);

	if (rc < 0)
		report_err(&err, NULL);
	return rc;
}

static int add_vsock(struct ukvmm_vm *vm, const struct vsock_options *o)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_vsock_config config = {
		.size = sizeof config,
		.cid = o->cid,
		.path = o->path,
		.listen = o->listen,
	};
	int rc = ukvmm_vm_add_vsock(vm, vsock_name, &config, &err);

	if (rc < 0)
		report_err(&err, o->path);
	return rc;
}

int devices_add(struct devices *d, const struct device_options *o, struct ukvmm_vm *vm)
{
	for (uint32_t i = 0; i < o->disks_len; i++)
		if (disk_add(&d->disk[i], o->disks[i], d->disk_name[i], vm) < 0)
			return -1;
	for (uint32_t i = 0; i < o->nets_len; i++)
		if (net_add(&d->net[i], o->nets[i], d->net_name[i], vm) < 0)
			return -1;
	if (o->console && add_console(vm) < 0)
		return -1;
	if (o->rng && add_rng(vm) < 0)
		return -1;
	return o->vsock.path && add_vsock(vm, &o->vsock) < 0 ? -1 : 0;
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

static void *work(void *host)
{
	/* it dies with the process */
	ukvmm_host_work(host, 0);
	return NULL;
}

int devices_lend(const struct device_options *o, struct ukvmm_host *host)
{
	uint32_t len = o->disks_len * WORKERS_PER_DISK;
	pthread_t thread;
	int rc = 0;

	if (len > WORKERS_MAX)
		len = WORKERS_MAX;
	for (uint32_t i = 0; i < len && rc == 0; i++)
		rc = -pthread_create(&thread, NULL, work, host);
	return rc;
}
