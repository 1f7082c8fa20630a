/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Solo5's hvt interface (ABI 2): hypercalls by a 32-bit OUT to HVT_PORT + n, whose value is the guest address of the
 * call's structure. The structure is copied once, its buffers are checked, and nothing is ever written below 1 MiB or
 * to what hvt_protect names, which the guest cannot write either. A device is known by its handle, its index in the guest's manifest.
 *
 * One vCPU, and everything here on its thread, or while it is out (rebind, walk). What may take long is the back
 * end's business: a disk is read and written in place, at most HVT_BLOCK_MAX bytes a call.
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

enum { HVT_PORT = 0x500, HVT_HANDLES = 64, HVT_MAC = 6, HVT_BLOCK_MAX = 16 << 20, HVT_RANGES = 64 };

struct hvt_host {
	void (*output)(void *ctx, const void *bytes, size_t len);
	uint64_t (*now)(void *ctx); /* ns of the VM's clock, by which a poll's deadline is kept */
};

struct hvt;

/* mem is borrowed and may still be empty. -ENOMEM. */
int hvt_new(struct hvt **out, struct mem *mem, const struct hvt_host *host, void *ctx);
void hvt_free(struct hvt *h); /* with its back ends; disks are flushed */

/* The back end is taken over, also on failure. handle < HVT_HANDLES, free. flags: BLOCK_SYNC or 0, for writes. */
int hvt_add_block(struct hvt *h, uint32_t handle, struct block_backend *backend, uint32_t flags);
/* any_mac: frames from other addresses than mac are sent, too. */
int hvt_add_net(struct hvt *h, uint32_t handle, struct net_backend *backend, const uint8_t mac[HVT_MAC], bool any_mac);
/* [gpa, gpa + len) is read-only. -ENOSPC: HVT_RANGES are. */
int hvt_protect(struct hvt *h, uint64_t gpa, uint64_t len);
bool hvt_attached(const struct hvt *h, uint32_t handle);
int hvt_rebind(struct hvt *h, uint32_t handle, int fd);
uint32_t hvt_fds(const struct hvt *h); /* that the back ends hold */

struct hvt_stats {
	uint64_t rx_bytes, tx_bytes, read_bytes, write_bytes, violations;
};
void hvt_stats(const struct hvt *h, struct hvt_stats *stats); /* any thread */

enum hvt_result {
	HVT_DONE,
	HVT_WAITS,  /* a poll: not done before hvt_poll_try says so */
	HVT_HALTED, /* *status is the guest's exit status */
	HVT_BROKEN, /* no such call, or an address outside of memory: the guest cannot go on; *why says what */
};

enum hvt_result hvt_call(struct hvt *h, uint32_t call, uint64_t gpa, int32_t *status, const char **why);

/* Is a poll open? */
bool hvt_polling(const struct hvt *h);
/* Looks whether the open poll is over (its deadline, a frame to read) and answers it; true: it was. */
bool hvt_poll_try(struct hvt *h);
/* What to wait for otherwise: fills in at most HVT_HANDLES entries, and the deadline by the VM's clock. */
uint32_t hvt_poll_fds(const struct hvt *h, struct pollfd *fds, uint64_t *deadline);

/* The open poll. Frames on their way are lost, as on any network. */
int hvt_walk(struct hvt *h, struct ukvmm_state *s);

#endif
