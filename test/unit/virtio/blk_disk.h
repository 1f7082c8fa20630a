/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk in a driven VM whose host side is the test's: a back end over memory that records what it is asked and can
 * be told what to answer, and an engine that does nothing until the test says so.
 */
#ifndef TEST_BLK_DISK_H
#define TEST_BLK_DISK_H

#include "../kvm/test.h"

#include <pthread.h>

#include "blk.h"
#include "drive.h"
#include "virtio_reg.h"

enum { DISK_SECTORS = 4096, DISK_RECORDS = 512, NOT_ANSWERED = 0xaa };

struct record {
	enum block_op op;
	uint32_t flags;
	uint64_t off, len;
};

struct recorder {
	struct block_backend b;
	struct block_backend *memory;
	struct record record[DISK_RECORDS]; /* what was done, in order; attempts that gave -EAGAIN are not */
	uint32_t records, attempts;	    /* attempts: with BLOCK_NOW */
	int now;			    /* what BLOCK_NOW gives: 0 does it */
	int fail[BLOCK_OPS];		    /* what operations give; 0 does them */
	uint32_t *closed;		    /* counted when it is closed */
};

struct disk {
	struct drive d;
	struct drive_dev dev;
	struct virtio_blk *blk;
	struct recorder *rec;
	struct block_engine engine;
	struct block_io *waiting, **tail; /* at the engine */
	uint32_t waits, closed;
};

/* now, read_only...: as in recorder and block_backend. Made, not yet sealed. */
void disk_new(struct disk *k, int now, bool read_only, uint32_t flags, const struct ukvmm_rate *rate);
/* With every feature that it offers but `without`. */
void disk_up(struct disk *k, uint64_t without);
void disk_driver(struct disk *k, uint64_t without); /* again: resets it */
void disk_down(struct disk *k);
/* Does `n` of what waits at the engine, oldest first. */
void disk_do(struct disk *k, uint32_t n);
/* Takes `n` from the engine without doing them: their fate is the test's. */
struct block_io *disk_steal(struct disk *k, uint32_t n);
uint8_t *disk_bytes(struct disk *k, uint64_t sector);

struct ask {
	uint64_t header, data, status;
	uint32_t len, used_len;
	uint16_t head;
};

/* Offers a request whose data is in one buffer of len bytes, 0: none; data of an OUT is `fill` in every byte. */
void ask_put(struct disk *k, struct ask *a, uint32_t type, uint64_t sector, uint32_t len, uint8_t fill);
void ask_put_range(struct disk *k, struct ask *a, uint32_t type, uint64_t sector, uint32_t sectors, uint32_t flags);
/* Kicks and waits until it is used: its status. */
uint8_t ask_go(struct disk *k, struct ask *a);
uint8_t ask_status(struct disk *k, const struct ask *a);
uint8_t *ask_data(struct disk *k, const struct ask *a);
uint8_t ask_once(struct disk *k, uint32_t type, uint64_t sector, uint32_t len, uint8_t fill);
uint8_t ask_range(struct disk *k, uint32_t type, uint64_t sector, uint32_t sectors, uint32_t flags);
/* Nothing is used after a kick and a turn of the poller. */
void ask_none(struct disk *k);

#endif
