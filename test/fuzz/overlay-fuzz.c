/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An overlay file from nowhere. The input is the first page of the file and the start of its bitmap, then a program
 * of operations. Either the file is refused, or what the operations do is what an array does: nothing is read or
 * written outside of the disk, and a disk that was accepted answers for every sector.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ukvmm/error.h>

#include "block.h"
#include "cursor.h"
#include "overlay.h"
#include "raw.h"

enum { BYTES = 70 * 4096 + 512, STEPS = 64, RUN = 24 * 512 };

#define CHECK(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file(void)
{
	int fd = memfd_create("overlay", MFD_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

/* Bits of the first byte: 1: a good file first; 2: a header from the input, and the length that it asks for; 4: bits
 * of the input. */
static int top(struct reader *in)
{
	struct overlay_layout l = { 0 };
	uint8_t head[sizeof(struct overlay_header)] = { 0 }, bits[64] = { 0 }, how = reader_u8(in);
	uint32_t cluster;
	int fd = file();

	if (how & 1) {
		struct block_backend *base, *b;

		CHECK(!block_memory(&base, BYTES, "base", NULL) && !block_overlay(&b, base, fd, "top", NULL));
		b->ops->close(b);
	}
	if (how & 2 && reader_bytes(in, head, sizeof head))
		CHECK(!file_rw(fd, BLOCK_WRITE, 0, head, sizeof head, 0));
	if (how & 4 && reader_bytes(in, bits, 1 + (how >> 3 & 31)))
		CHECK(!file_rw(fd, BLOCK_WRITE, OVERLAY_PAGE, bits, 1 + (how >> 3 & 31), 0));
	memcpy(&cluster, head + 12, sizeof cluster);
	if (how & 2 && cluster >= OVERLAY_CLUSTER && cluster <= OVERLAY_CLUSTER_MAX && !(cluster & (cluster - 1)) &&
		!overlay_lay_out(&l, BYTES, cluster))
		CHECK(!ftruncate(fd, (off_t)l.file_bytes));
	return fd;
}

static void step(struct block_backend *b, uint8_t *model, struct reader *in)
{
	static uint8_t buf[RUN];
	uint64_t off = reader_u16(in) % (BYTES / 512) * 512ull, len = (1 + reader_u8(in) % (RUN / 512)) * 512ull;
	uint8_t what = reader_u8(in);

	if (len > BYTES - off)
		len = BYTES - off;
	switch (what % 5) {
	case 0:
		CHECK(!b->ops->rw(b, BLOCK_READ, off, buf, len, 0) && !memcmp(buf, model + off, len));
		break;
	case 1:
		memset(buf, what, len);
		memset(model + off, what, len);
		CHECK(!b->ops->rw(b, BLOCK_WRITE, off, buf, len, what & 8 ? BLOCK_SYNC : 0));
		break;
	case 2:
		memset(model + off, 0, len);
		CHECK(!b->ops->zero(b, off, len, what & 8 ? BLOCK_UNMAP : 0));
		break;
	case 3:
		CHECK(!b->ops->discard(b, off, len, 0));
		CHECK(!b->ops->rw(b, BLOCK_READ, off, model + off, len, 0));
		break;
	default:
		CHECK(!b->ops->flush(b));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t model[BYTES];
	struct ukvmm_err err = { .size = sizeof err };
	struct block_backend *base, *b;
	struct reader in;
	int fd, rc;

	reader_init(&in, data, size);
	fd = top(&in);
	CHECK(!block_memory(&base, BYTES, "base", NULL));
	for (uint32_t i = 0; i < BYTES; i++)
		model[i] = (uint8_t)(i / 512 * 3 + 1);
	CHECK(!base->ops->rw(base, BLOCK_WRITE, 0, model, BYTES, 0));
	rc = block_overlay(&b, base, fd, "top", &err);
	CHECK(rc <= 0 && (!rc || (err.code == rc && *err.text)));
	if (!rc) {
		CHECK(b->bytes == BYTES);
		CHECK(!b->ops->rw(b, BLOCK_READ, 0, model, BYTES, 0));
		for (int i = 0; i < STEPS && in.pos < in.len; i++)
			step(b, model, &in);
		b->ops->close(b);
	}
	close(fd);
	return 0;
}
