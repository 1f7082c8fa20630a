/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's devices: what they need of the host first, since that is where mistakes show, then
 * they themselves. */
#ifndef CLI_DEVICES_H
#define CLI_DEVICES_H

#include "device_options.h"
#include "disk.h"
#include "net.h"

enum { DEVICE_NAME = 32 };

struct devices {
	struct disk disk[DEVICES_MAX];
	struct net net[DEVICES_MAX];
	char disk_name[DEVICES_MAX][DEVICE_NAME], net_name[DEVICES_MAX][DEVICE_NAME];
};

/* Opens files, connects sockets, starts programs. 0, or -1 after a report. */
int devices_open(struct devices *d, const struct device_options *o);

/* Adds them to a VM that is not sealed: disks, cards, console, rng, vsock, so that a guest finds
 * them in an order that does not depend on that of the options. 0, or -1 after a report. */
int devices_add(struct devices *d, const struct device_options *o, struct ukvmm_vm *vm);

/* The name of the device that the library knows by this index (UKVMM_EV_DEVICE_BROKEN). */
const char *devices_name(const struct devices *d, const struct device_options *o, uint64_t index);

/* Lends the host threads for what may block: requests to disks. 0 or negative errno. */
int devices_lend(const struct device_options *o, struct ukvmm_host *host);

#endif
