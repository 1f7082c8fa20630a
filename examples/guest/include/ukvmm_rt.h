/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the runtime's platform gives to what runs on it (network stack, files, functions). Everything here is called in
 * ring 3, on the guest's one thread. Times are nanoseconds since boot.
 */
#ifndef UKVMM_RT_H
#define UKVMM_RT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The program on the platform; the guest powers off with what it returns as its status. */
int rt_main(void);

uint64_t rt_now(void);
uint64_t rt_realtime(void); /* since 1970; 0: unknown */
/* Waits until an interrupt of a device came since the last call, or `until` (0: no limit) has passed. Before it the
 * devices are told what they were given: one way into ring 0 for all of it. */
void rt_wait(uint64_t until);
/* Tells the devices what they were given, and goes on. */
void rt_kick(void);
/* Tells the host that the guest can serve (the doorbell; ignored where there is none). */
void rt_ready(uint32_t value);
_Noreturn void rt_exit(int status);
_Noreturn void rt_panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Lines and bytes for whoever reads: the serial line, or with `console=hvc0` the virtio console where there is one. */
void rt_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void rt_console_write(const char *bytes, size_t len);
size_t rt_console_read(char *bytes, size_t len); /* what was typed, at most len bytes; does not wait */
void rt_random(void *out, size_t len); /* virtio-rng, else a generator seeded by what the boot protocol gave */

/* Bytes that malloc could still give at once. */
size_t rt_memory_left(void);

/* Value of the word `name=` of the command line, or NULL; ends at a space: copied into a buffer of the platform's. */
const char *rt_arg(const char *name);
bool rt_initrd(const uint8_t **bytes, size_t *len);

/* ---- the virtio console itself ---- */

bool rt_hvc_open(void); /* false: there is none */
/* Write: all of it, once the host has it; false: not open. Read: at most len bytes that are there. */
bool rt_hvc_write(const char *bytes, size_t len);
size_t rt_hvc_read(char *bytes, size_t len);

/* ---- one network card (virtio-net): frames without their virtio header ---- */

enum {
	RT_NET_CSUM = 1, /* the host takes frames whose TCP/UDP checksum is only begun, and gives such */
	RT_NET_TSO = 2,	 /* ... and TCP over IPv4 in frames of up to 64 KiB, which it cuts into segments */
};

struct rt_net_info {
	uint8_t mac[6];
	uint16_t mtu;	   /* 1500 if the device does not say */
	uint32_t features; /* RT_NET_* */
};

struct rt_piece {
	const void *at;
	uint32_t len;
};

/* What the device does to a frame; as in struct virtio_net_hdr. */
struct rt_net_offload {
	uint16_t csum_start, csum_offset; /* RT_NET_CSUM; 0 and 0: nothing */
	uint16_t segment, headers;	  /* RT_NET_TSO: payload of a segment, bytes before it; 0 and 0: not cut */
};

enum { RT_NET_PIECES = 8 };

/* False: no card. */
bool rt_net_open(struct rt_net_info *info);
/* Queues a frame of up to RT_NET_PIECES pieces that stay as they are until `done(arg)` is called from within
 * rt_net_poll. offload: NULL for none. False: the ring is full, try after a poll. */
bool rt_net_send(const struct rt_piece *piece, uint32_t n, const struct rt_net_offload *offload,
	void (*done)(void *arg), void *arg);
/* Frames that came, one call each (pieces are valid within the call, the first has at least the Ethernet header unless
 * the frame is shorter; checked: the device vouches for the checksum), and `done` of those that went. Returns how many
 * of both. */
uint32_t rt_net_poll(void (*frame)(void *arg, const struct rt_piece *piece, uint32_t n, bool checked), void *arg,
	uint32_t max);

/* ---- one disk (virtio-blk), read only here ---- */

uint64_t rt_disk_bytes(void); /* 0: none */
/* Reads [off, off + len), multiples of 512, into memory of the caller's; 0 or -1. Waits. */
int rt_disk_read(uint64_t off, void *to, size_t len);

#endif
