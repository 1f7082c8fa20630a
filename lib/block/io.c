/* SPDX-License-Identifier: Apache-2.0 */
#include "block.h"

#include <errno.h>

static int run(const struct block_io *io)
{
	const struct block_ops *ops = io->backend->ops;

	switch (io->op) {
	case BLOCK_READ:
	case BLOCK_WRITE:
		return ops->rw(io->backend, io->op, io->off, io->buf, io->len, io->flags);
	case BLOCK_FLUSH:
		return ops->flush(io->backend);
	case BLOCK_DISCARD:
		return ops->discard(io->backend, io->off, io->len, io->flags);
	case BLOCK_ZERO:
		return ops->zero(io->backend, io->off, io->len, io->flags);
	default:
		return -EINVAL;
	}
}

void block_io_run(struct block_io *io)
{
	io->result = run(io);
}
