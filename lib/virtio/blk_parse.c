/* SPDX-License-Identifier: Apache-2.0 */
/* From a chain to a checked request: virtio 1.2 §5.2.6. The header is copied once. */
#include "blk.h"
#include "checked.h"

enum { FLAG_UNMAP = 1 };

static uint64_t sectors(const struct virtio_blk *b)
{
	return b->backend->bytes / BLOCK_SECTOR;
}

/* The data is all of the chain but header and status: the capacity is checked over the whole of it. */
static uint8_t transfer(struct blk_req *req, enum block_op op, uint64_t sector, uint64_t bytes)
{
	struct virtio_blk *b = req->b;

	if (bytes % BLOCK_SECTOR || out_of(sector, bytes / BLOCK_SECTOR, sectors(b)))
		return BLK_S_IOERR;
	if (op == BLOCK_WRITE && b->backend->read_only)
		return BLK_S_IOERR;
	req->io.op = op;
	req->off = sector * BLOCK_SECTOR;
	req->bytes = bytes;
	return BLK_S_NONE;
}

static uint8_t range(struct blk_req *req, enum block_op op)
{
	bool zero = op == BLOCK_ZERO;
	struct virtio_blk *b = req->b;
	struct blk_range r;

	if (!(b->features & (zero ? BLK_F_WRITE_ZEROES : BLK_F_DISCARD)))
		return BLK_S_UNSUPP;
	/* max_discard_seg and max_write_zeroes_seg are 1 */
	if (ukvmm_chain_readable(req->chain) != sizeof r || ukvmm_chain_read(req->chain, &r, sizeof r) != sizeof r)
		return BLK_S_IOERR;
	if (r.flags & ~(zero ? (uint32_t)FLAG_UNMAP : 0))
		return BLK_S_UNSUPP;
	if (r.sectors > (zero ? BLK_ZERO_SECTORS : BLK_DISCARD_SECTORS) || out_of(r.sector, r.sectors, sectors(b)))
		return BLK_S_IOERR;
	req->io.op = op;
	req->io.flags = r.flags & FLAG_UNMAP ? BLOCK_UNMAP : 0;
	req->off = r.sector * BLOCK_SECTOR;
	req->bytes = (uint64_t)r.sectors * BLOCK_SECTOR;
	return BLK_S_NONE;
}

static uint8_t get_id(struct blk_req *req, uint64_t room)
{
	if (room < BLK_ID)
		return BLK_S_IOERR;
	return ukvmm_chain_write(req->chain, req->b->id, BLK_ID) == BLK_ID ? BLK_S_OK : BLK_S_IOERR;
}

/* §5.2.5.1, §5.2.6.2: is a write done when it is in the cache? */
static bool writeback(const struct virtio_blk *b)
{
	uint8_t on = 0;

	if (b->features & BLK_F_CONFIG_WCE)
		return !ukvmm_device_config_get(b->dev, offsetof(struct blk_config, writeback), &on, 1) && on;
	return b->features & BLK_F_FLUSH;
}

static uint8_t parse(struct blk_req *req, const struct blk_header *h)
{
	uint64_t room = ukvmm_chain_writable(req->chain) - 1;

	switch (h->type) {
	case BLK_T_IN:
		return transfer(req, BLOCK_READ, h->sector, room);
	case BLK_T_OUT:
		return transfer(req, BLOCK_WRITE, h->sector, ukvmm_chain_readable(req->chain));
	case BLK_T_FLUSH:
		req->io.op = BLOCK_FLUSH;
		return BLK_S_NONE;
	case BLK_T_GET_ID:
		return get_id(req, room);
	case BLK_T_DISCARD:
		return range(req, BLOCK_DISCARD);
	case BLK_T_WRITE_ZEROES:
		return range(req, BLOCK_ZERO);
	default:
		return BLK_S_UNSUPP;
	}
}

uint8_t blk_parse(struct blk_req *req)
{
	struct blk_header h;
	uint8_t status;

	req->io.flags = 0;
	req->off = req->bytes = 0;
	/* without a place for the status there is nothing to do; see blk_answer */
	if (!ukvmm_chain_writable(req->chain) || ukvmm_chain_read(req->chain, &h, sizeof h) != sizeof h)
		return BLK_S_IOERR;
	status = parse(req, &h);
	req->left = req->bytes;
	if (status == BLK_S_NONE && req->io.op != BLOCK_READ && req->io.op != BLOCK_FLUSH && !writeback(req->b))
		req->io.flags |= BLOCK_SYNC;
	return status;
}
