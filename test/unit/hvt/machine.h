/* SPDX-License-Identifier: Apache-2.0 */
/* A Solo5 guest's memory with a disk and a network card, and its hypercalls made by hand. */
#ifndef TEST_HVT_MACHINE_H
#define TEST_HVT_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hvt.h"

enum { MEMORY = 2 << 20, ARGS = 0x180000, DATA = 0x190000, DISK = 8192, STORAGE = 1, SERVICE = 2 };
enum { WALLTIME = 1, PUTS, POLL, BLOCK_WRITE_CALL, BLOCK_READ_CALL, NET_WRITE, NET_READ, HALT };

struct machine {
	struct mem mem;
	struct hvt *hvt;
	int peer; /* the other end of the network */
	uint64_t now;
	size_t said; /* bytes */
};

int machine_setup(void **state);
int machine_teardown(void **state);
/* The machine's struct hvt_host, for one that a test makes itself. */
void machine_output(void *ctx, const void *bytes, size_t len);
uint64_t machine_now(void *ctx);

/* The call n with these words as its structure at `at`. */
enum hvt_result call_at(struct machine *m, uint32_t n, uint64_t at, const uint64_t *words, size_t len);
/* Is the open call done? */
bool goes_on(struct machine *m);
/* BLOCK_* and NET_*, with their structure at ARGS and 77 for an answer. */
enum hvt_result transfer(struct machine *m, uint32_t n, uint64_t handle, uint64_t off, uint64_t data, uint64_t len);
enum hvt_result frame(struct machine *m, uint32_t n, uint64_t handle, uint64_t data, uint64_t len);
int32_t answer(struct machine *m, uint64_t at);

#endif
