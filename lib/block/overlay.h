/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copy on write. The disk is cut into clusters; a bit for each says whether the top has it. Data in the top lies
 * at the offset that it has in the disk: nothing is looked up but the bit.
 *
 * A bit is set only after the cluster's data is in the top, and never cleared. Reads, and writes to clusters that
 * are there already, take no lock; a write that makes a cluster present does, since it also writes the base's
 * bytes around its own.
 *
 * The file: a header of OVERLAY_PAGE bytes (struct overlay_header, little-endian), the bitmap (bit n % 8 of byte
 * n / 8 is cluster n; padded to OVERLAY_PAGE with zeroes), the data. A flush copies the bits, syncs the data, and
 * only then writes and syncs those bits: after a crash no bit speaks of data that is not there.
 */
#ifndef BLOCK_OVERLAY_H
#define BLOCK_OVERLAY_H

#include <pthread.h>
#include <stdatomic.h>

#include "block.h"

enum { OVERLAY_PAGE = 4096, OVERLAY_CLUSTER = 4096, OVERLAY_CLUSTER_MAX = 1 << 20, OVERLAY_VERSION = 1 };

struct overlay_header {
	uint8_t magic[8]; /* "UKVMMOVL" */
	uint32_t version, cluster_bytes;
	uint64_t base_bytes;
	uint64_t bitmap_off, data_off, reserved[2];
};

/* Where bytes of the top are, for a disk of `bytes`. */
struct overlay_layout {
	uint64_t clusters;
	uint64_t bitmap_bytes; /* whole pages */
	uint64_t data_off, file_bytes;
};

enum bits_page { PAGE_CLEAN, PAGE_DIRTY, PAGE_WRITING };

struct overlay {
	struct block_backend b;
	struct block_backend *base;
	pthread_mutex_t lock; /* clusters become present; `merge` */
	uint32_t cluster_bytes;
	struct overlay_layout layout;
	_Atomic uint64_t *present;
	uint8_t *merge; /* a cluster */
	atomic_bool base_blocks, top_blocks; /* BLOCK_NOW is -EOPNOTSUPP there */
	/* a top in memory */
	uint8_t *memory;
	size_t mapped;
	/* a top in a file */
	int fd; /* -1: memory */
	pthread_mutex_t flush_lock;
	uint64_t *written;    /* of the bitmap, what is or is to be in the file */
	atomic_uchar *page;   /* enum bits_page of each OVERLAY_PAGE of the bitmap */
};

/* -EOVERFLOW: no file can be that large. cluster_bytes: a power of two, OVERLAY_CLUSTER to OVERLAY_CLUSTER_MAX. */
int overlay_lay_out(struct overlay_layout *l, uint64_t bytes, uint32_t cluster_bytes);

bool overlay_present(const struct overlay *o, uint64_t cluster);
/* How many bytes from `off` on, `len` at most, are in the top (or not: *there). */
uint64_t overlay_run(const struct overlay *o, uint64_t off, uint64_t len, bool *there);
/* First byte after the cluster in which `off` lies. */
uint64_t overlay_cluster_end(const struct overlay *o, uint64_t off);
void overlay_set_present(struct overlay *o, uint64_t off, uint64_t len); /* whole clusters */

int overlay_base_read(struct overlay *o, uint64_t off, void *buf, uint64_t len, uint32_t flags);
int overlay_write(struct overlay *o, uint64_t off, const void *buf, uint64_t len, uint32_t flags);
int overlay_zero(struct overlay *o, uint64_t off, uint64_t len, uint32_t flags);
int overlay_discard(struct overlay *o, uint64_t off, uint64_t len);

/* The top, memory or file; ranges as for block_ops. */
int top_open(struct overlay *o, int top_fd, const char *object, struct ukvmm_err *err);
void top_close(struct overlay *o);
int top_rw(struct overlay *o, enum block_op op, uint64_t off, void *buf, uint64_t len, uint32_t flags);
int top_zero(struct overlay *o, uint64_t off, uint64_t len, bool unmap);
int top_discard(struct overlay *o, uint64_t off, uint64_t len);

/* overlay_file.c: o->fd is the file. The layout is settled by it. */
int top_file_open(struct overlay *o, const char *object, struct ukvmm_err *err);
int top_file_flush(struct overlay *o);

#endif
