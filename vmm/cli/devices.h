/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's devices: what they need of the host, which we open, and what the worker is told. */
#ifndef CLI_DEVICES_H
#define CLI_DEVICES_H

#include "device_options.h"
#include "disk.h"
#include "net.h"
#include "vsock.h"

enum { DEVICE_NAME = MESSAGE_NAME };

struct devices {
	struct disk disk[DEVICES_MAX];
	struct net net[DEVICES_MAX];
	struct vsock vsock;
	char disk_name[DEVICES_MAX][DEVICE_NAME], net_name[DEVICES_MAX][DEVICE_NAME];
};

/* Opens files and taps, connects sockets, starts programs. 0, or -1 after a report. */
int devices_open(struct devices *d, const struct device_options *o);

/* Waits for those programs. 0, or -1 after a report. */
int devices_await(struct devices *d, const struct device_options *o);

/* All of them for the worker: disks, cards, console, rng, vsock, so that a guest finds them in an order that does not
 * depend on that of the options. */
void devices_fill(const struct devices *d, const struct device_options *o, struct message_job *job);

/* The name of the device of this index (struct message_broken). */
const char *devices_name(const struct devices *d, const struct device_options *o, uint64_t index);

/* Takes away what has a name, gives up locks. The worker is dead. */
void devices_close(struct devices *d, const struct device_options *o);

#endif
