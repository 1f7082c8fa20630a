/* SPDX-License-Identifier: Apache-2.0 */
/* The devices that the command line of `ukvmm run` asks for: --disk, --net, --rng, --console,
 * --vsock. */
#ifndef CLI_DEVICE_OPTIONS_H
#define CLI_DEVICE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <ukvmm/ukvmm.h>

enum { DEVICES_MAX = 64, FORWARDS_MAX = 64 }; /* a Solo5 guest's, others take 16; a card's */

enum overlay { OVERLAY_NONE, OVERLAY_MEMORY, OVERLAY_FILE };

/* Strings point into `words`, a copy of what was given, cut up; it lives as long as the process. */
struct disk_options {
	char *words;
	const char *name; /* NULL: diskN */
	const char *path, *top, *serial;
	enum overlay overlay;
	uint32_t flags; /* UKVMM_BLK_* but those of an overlay */
	uint32_t block_bytes;
	struct ukvmm_rate rate;
};

enum net_to {
	NET_TO_NOBODY,
	NET_TO_NONE,
	NET_TO_TAP,
	NET_TO_FD,
	NET_TO_SOCKET,
	NET_TO_UNIX,
	NET_TO_PASST
};

struct net_options {
	char *words;
	const char *name;  /* NULL: netN */
	enum net_to to;	   /* NOBODY: not said */
	const char *where; /* the tap's name, the socket's path */
	int fd;
	uint8_t mac[6];
	uint32_t mtu, flags; /* UKVMM_NET_* flags */
	struct ukvmm_rate rx, tx;
	/* passt's -t and -u, as it wants them */
	const char *tcp[FORWARDS_MAX], *udp[FORWARDS_MAX];
	uint32_t tcp_len, udp_len;
};

struct vsock_options {
	char *words;
	const char *path; /* NULL: none */
	uint64_t cid;
	bool listen;
};

struct device_options {
	struct disk_options *disks[DEVICES_MAX];
	struct net_options *nets[DEVICES_MAX];
	uint32_t disks_len, nets_len;
	struct vsock_options vsock;
	bool rng, console;
};

/* Each takes one option's value. 0, or -EINVAL after a report. */
int device_options_disk(struct device_options *d, const char *text);
int device_options_net(struct device_options *d, const char *text);
int device_options_vsock(struct device_options *d, const char *text);

/* How many devices that is. */
uint32_t device_options_len(const struct device_options *d);

/* ---- for the files that take one kind ---- */

/* take functions of struct subopt: a rate of bytes, of operations. */
const char *device_options_bytes(struct ukvmm_rate *rate, const char *value);
const char *device_options_ops(struct ukvmm_rate *rate, const char *value);
const char *device_options_name(const char **name, const char *value);
/* A copy of a text, to be cut up, never freed; NULL after a report. */
char *device_options_copy(const char *option, const char *text);
/* Zeroed memory for one more device, where there is room for it; NULL after a report. */
void *device_options_new(const char *option, uint32_t len, size_t size);

#endif
