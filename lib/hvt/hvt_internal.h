/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HVT_INTERNAL_H
#define HVT_INTERNAL_H

#include <stdatomic.h>

#include "hvt.h"

/* solo5_result_t */
enum { SOLO5_OK, SOLO5_AGAIN, SOLO5_EINVAL, SOLO5_EUNSPEC };

#define HVT_LOW_END 0x100000ull /* below, the guest's memory is read-only */

struct hvt_block {
	struct block_backend *backend; /* NULL: not one */
	uint32_t flags;
	bool dirty; /* written since the last flush */
};

struct hvt_net {
	struct net_backend *backend; /* NULL: not one */
	uint8_t mac[HVT_MAC];
	bool any_mac, gone;
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
	bool polling;
	uint64_t poll_gpa, poll_deadline;
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

void hvt_block_rw(struct hvt *h, struct hvt_args *args, enum block_op op);
void hvt_block_flush(struct hvt_block *b);

void hvt_net_write(struct hvt *h, struct hvt_args *args);
void hvt_net_read(struct hvt *h, struct hvt_args *args);
/* Is there a frame to read? Takes it from the back end if need be. */
bool hvt_net_ready(struct hvt_net *n);

void hvt_poll_begin(struct hvt *h, struct hvt_args *args);

#endif
