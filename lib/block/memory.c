/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "block.h"
#include "err.h"

struct memory {
	struct block_backend b;
	uint8_t *bytes;
	size_t mapped;
};

static int memory_rw(struct block_backend *b, enum block_op op, uint64_t off, void *buf, size_t len, uint32_t flags)
{
	uint8_t *at = ((struct memory *)b)->bytes + off;

	(void)flags; /* it never blocks, and there is no medium */
	if (op == BLOCK_READ)
		memcpy(buf, at, len);
	else
		memcpy(at, buf, len);
	return 0;
}

static int memory_flush(struct block_backend *b)
{
	(void)b;
	return 0;
}

static int memory_zero(struct block_backend *b, uint64_t off, uint64_t len, uint32_t flags)
{
	(void)flags;
	memset(((struct memory *)b)->bytes + off, 0, len);
	return 0;
}

static int memory_rebind(struct block_backend *b, int fd)
{
	(void)b;
	(void)fd;
	return -ENOTSUP;
}

static void memory_close(struct block_backend *b)
{
	struct memory *m = (struct memory *)b;

	munmap(m->bytes, m->mapped);
	free(m);
}

static const struct block_ops memory_ops = {
	.rw = memory_rw,
	.flush = memory_flush,
	.zero = memory_zero,
	.discard = memory_zero,
	.rebind = memory_rebind,
	.close = memory_close,
};

int block_memory(struct block_backend **out, uint64_t bytes, const char *object, struct ukvmm_err *err)
{
	struct memory *m = calloc(1, sizeof *m);

	if (!m)
		return err_set(err, -ENOMEM, "calloc", object, "out of memory");
	m->mapped = bytes ? bytes : 1;
	m->bytes = mmap(NULL, m->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m->bytes == MAP_FAILED) {
		int rc = -errno;

		free(m);
		return err_set(err, rc, "mmap", object, "%llu bytes: %s", (unsigned long long)bytes, strerror(-rc));
	}
	m->b = (struct block_backend){ .ops = &memory_ops, .bytes = bytes - bytes % BLOCK_SECTOR, .can_discard = true,
		.flush_free = true, .ring_fd = -1, .ring_slot = -1 };
	*out = &m->b;
	return 0;
}
