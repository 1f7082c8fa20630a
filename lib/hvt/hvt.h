/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Solo5's hvt interface (ABI 2): hypercalls by a 32-bit OUT to HVT_PORT + n, whose value is the guest address of the
 * call's structure. The structure is copied once, its buffers are checked, and nothing is ever written below 1 MiB or
 * to what hvt_protect names, which the guest cannot write either. A device is known by its handle, its index in the guest's manifest.
 *
 * One vCPU, and everything here on its thread, or while it is out (rebind, walk), but for what says otherwise. A call
 * that is not done at once stays open: a poll, a transfer of more than HVT_BLOCK_STEP bytes, one that a rate limit
 * holds back. Between two steps the caller may look at other things, pause, save.
 */
#ifndef HVT_H
#define HVT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "block.h"
#include "mem.h"
#include "net.h"
#include "state.h"

struct ukvmm_rate;

enum { HVT_PORT = 0x500, HVT_HANDLES = 64, HVT_MAC = 6, HVT_BLOCK_STEP = 256 << 10, HVT_RANGES = 64 };

struct hvt_host {
	void (*output)(void *ctx, const void *bytes, size_t len);
	uint64_t (*now)(void *ctx); /* ns of the VM's clock, by which a poll's deadline is kept */
};

struct hvt;

/* mem is borrowed and may still be empty. -ENOMEM. */
int hvt_new(struct hvt **out, struct mem *mem, const struct hvt_host *host, void *ctx);
void hvt_free(struct hvt *h); /* with its back ends; disks are flushed */

/* The back end is taken over, also on failure. handle < HVT_HANDLES, free. flags: BLOCK_SYNC or 0, for writes.
 * sector: what the guest is told its block size is, a power of two of at least BLOCK_SECTOR. */
int hvt_add_block(struct hvt *h, uint32_t handle, struct block_backend *backend, uint32_t flags, uint32_t sector);
/* any_mac: frames from other addresses than mac are sent, too. */
int hvt_add_net(struct hvt *h, uint32_t handle, struct net_backend *backend, const uint8_t mac[HVT_MAC], bool any_mac);
/* [gpa, gpa + len) is read-only. -ENOSPC: HVT_RANGES are. */
int hvt_protect(struct hvt *h, uint64_t gpa, uint64_t len);
bool hvt_attached(const struct hvt *h, uint32_t handle);
/* New limits from the next operation on; direction: UKVMM_RATE_*. -EINVAL: the device has no such limit. Any thread. */
int hvt_set_rate(struct hvt *h, uint32_t handle, uint32_t direction, const struct ukvmm_rate *rate);
int hvt_rebind(struct hvt *h, uint32_t handle, int fd);
uint32_t hvt_fds(const struct hvt *h); /* that the back ends hold */

struct hvt_stats {
	uint64_t rx_bytes, tx_bytes, read_bytes, write_bytes, violations;
};
void hvt_stats(const struct hvt *h, struct hvt_stats *stats); /* any thread */

enum hvt_result {
	HVT_DONE,
	HVT_WAITS,  /* it stays open: not done before hvt_continue says so */
	HVT_HALTED, /* *status is the guest's exit status */
	HVT_BROKEN, /* no such call, or an address outside of memory: the guest cannot go on; *why says what */
};

enum hvt_result hvt_call(struct hvt *h, uint32_t call, uint64_t gpa, int32_t *status, const char **why);

/* The number of the open call, 0: none is. */
uint32_t hvt_open(const struct hvt *h);
/* Goes on with the open call: HVT_DONE, it is answered; HVT_WAITS or HVT_BROKEN. */
enum hvt_result hvt_continue(struct hvt *h, const char **why);
/* What to wait for before the next hvt_continue: fills in at most HVT_HANDLES entries, and the deadline by the VM's
 * clock (0: nothing, go on). */
uint32_t hvt_wait_for(const struct hvt *h, struct pollfd *fds, uint64_t *deadline);

/* The open call. Frames on their way are lost, as on any network; rate limits begin anew. */
int hvt_walk(struct hvt *h, struct ukvmm_state *s);

#endif
