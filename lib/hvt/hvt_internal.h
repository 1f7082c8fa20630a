/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HVT_INTERNAL_H
#define HVT_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include <ukvmm/devices.h>

#include "bucket.h"
#include "hvt.h"

enum { WALLTIME = 1, PUTS, POLL, BLOCK_WRITE_CALL, BLOCK_READ_CALL, NET_WRITE, NET_READ, HALT };

/* solo5_result_t */
enum { SOLO5_OK, SOLO5_AGAIN, SOLO5_EINVAL, SOLO5_EUNSPEC };

#define HVT_LOW_END 0x100000ull /* below, the guest's memory is read-only */

struct hvt_limit {
	struct rate rate;
	bool changed;		/* of hvt.lock, with next */
	struct ukvmm_rate next;
};

struct hvt_block {
	struct block_backend *backend; /* NULL: not one */
	uint32_t flags, sector;
	struct hvt_limit limit;
	bool dirty; /* written since the last flush */
};

struct hvt_net {
	struct net_backend *backend; /* NULL: not one */
	uint8_t mac[HVT_MAC];
	bool any_mac, gone;
	struct hvt_limit rx, tx;
	bool rx_paid;	/* the limit lets the guest have `frame` ... */
	uint64_t rx_at; /* ... or will, then */
	int64_t have;	/* bytes in `frame` that the guest has not read, with their header; 0: none */
	uint8_t *frame; /* NET_BUFFER each */
	uint8_t *out;
};

struct hvt {
	struct mem *mem;
	struct hvt_host host;
	void *ctx;
	struct hvt_block block[HVT_HANDLES];
	struct hvt_net net[HVT_HANDLES];
	struct {
		uint64_t gpa, len;
	} read_only[HVT_RANGES];
	uint32_t ranges;
	struct {
		uint32_t call; /* 0: none is open */
		uint64_t gpa, at; /* at: not before; of a poll: its deadline */
		uint64_t done; /* bytes of a transfer */
		bool paid;     /* the limit has let it pass */
	} open;
	pthread_mutex_t lock;
	atomic_bool limits_changed;
	atomic_ullong rx_bytes, tx_bytes, read_bytes, write_bytes, violations;
};

/* A call's structure in guest memory and its copy here. */
struct hvt_args {
	uint64_t gpa;
	const char *why; /* set: the guest is broken */
};

/* Neither read-only nor (the caller asks mem for that) outside of memory. */
bool hvt_may_write(const struct hvt *h, uint64_t gpa, uint64_t len);
/* Copies len bytes of the structure; false (and why) where it is not in memory that can be written. */
bool hvt_args_take(struct hvt *h, struct hvt_args *args, void *copy, size_t len);
/* The same of one that gets no answer: it may lie in read-only memory, above HVT_LOW_END. */
bool hvt_args_read(struct hvt *h, struct hvt_args *args, void *copy, size_t len);
void hvt_args_give(struct hvt *h, const struct hvt_args *args, size_t at, const void *value, size_t len);
/* The guest's buffer: NULL (and why) where it is not in memory; `written` to: or that cannot be written. */
void *hvt_buffer(struct hvt *h, struct hvt_args *args, uint64_t gpa, uint64_t len, bool written);

enum hvt_result hvt_block_rw(struct hvt *h, struct hvt_args *args, enum block_op op);
void hvt_block_flush(struct hvt_block *b);

enum hvt_result hvt_net_write(struct hvt *h, struct hvt_args *args);
void hvt_net_read(struct hvt *h, struct hvt_args *args);
/* Is there a frame to read? Takes it from the back end if need be. */
bool hvt_net_ready(struct hvt *h, struct hvt_net *n);

void hvt_poll_begin(struct hvt *h, struct hvt_args *args);
bool hvt_poll_try(struct hvt *h); /* is the open poll over? Then it is answered */

/* Leaves the call open, what is `done` of it kept. HVT_WAITS. */
enum hvt_result hvt_leave_open(struct hvt *h, uint32_t call, const struct hvt_args *args, uint64_t at);

/* limit.c: 0: one operation of that many bytes may pass, and is counted; else when to ask again. */
uint64_t hvt_limit_take(struct hvt *h, struct hvt_limit *l, uint64_t bytes);

#endif
