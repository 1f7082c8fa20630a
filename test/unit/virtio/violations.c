/* SPDX-License-Identifier: Apache-2.0 */
/* Every way to break the ring: the device needs a reset with the reason counted, its neighbour goes on,
 * and a reset brings it back. */
#include "guest.h"

#include <string.h>

#define PINGS (BUFFERS + 0x200000)

enum { SIZE = 8 };

struct fixture {
	struct guest g, neighbour;
};

static int setup(void **state)
{
	static struct fixture f;

	guest_init(&f.g, 2, 0);
	guest_init(&f.neighbour, 1, 0);
	guest_up(&f.g, 2, SIZE, FEATURES_ALL);
	guest_up(&f.neighbour, 1, SIZE, FEATURES_ALL);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	guest_fini(&f->g);
	guest_fini(&f->neighbour);
	return 0;
}

static void works(struct guest *g, uint32_t q)
{
	struct ukvmm_chain *chain;
	char got[4];
	uint32_t id, len;

	memcpy(guest_at(g, PINGS, 4), "ping", 4);
	guest_desc(g, q, 1, PINGS, 4, DESC_NEXT, 2);
	guest_desc(g, q, 2, PINGS + 8, 4, DESC_WRITE, 0);
	guest_offer(g, q, 1);
	chain = pop(g, q);
	assert_non_null(chain);
	assert_int_equal(ukvmm_chain_read(chain, got, 4), 4);
	assert_memory_equal(got, "ping", 4);
	assert_int_equal(ukvmm_chain_write(chain, "pong", 4), 4);
	push(g, q, chain);
	notify(g, q);
	reg_set(g, REG_INTERRUPT_ACK, 3);
	assert_true(guest_take(g, q, &id, &len));
	assert_int_equal(id, 1);
	assert_int_equal(len, 4);
	assert_memory_equal(guest_at(g, PINGS + 8, 4), "pong", 4);
}

/* The next pop of queue 0 finds `why`. */
static void breaks(struct fixture *f, enum virtio_violation why)
{
	struct guest *g = &f->g;
	uint64_t count = count_of(g, why), all = virtio_dev_violations(g->dev);
	uint32_t brokens = g->brokens, interrupts = g->interrupts;

	assert_null(pop(g, 0));
	assert_int_equal(count_of(g, why), count + 1);
	assert_int_equal(virtio_dev_violations(g->dev), all + 1);
	assert_int_equal(g->brokens, brokens + 1);
	assert_string_equal(g->reason, virtio_violation_name(why));
	assert_int_equal(reg_get(g, REG_STATUS), DOK | STATUS_NEEDS_RESET);
	assert_int_equal(reg_get(g, REG_INTERRUPT_STATUS) & 2, 2);
	assert_int_equal(g->interrupts, interrupts + 1);

	/* said once; nothing moves any more, on no queue */
	guest_offer(g, 1, 0);
	guest_notify(g, 0);
	guest_notify(g, 1);
	assert_null(pop(g, 0));
	assert_null(pop(g, 1));
	assert_int_equal(virtio_dev_violations(g->dev), all + 1);
	assert_int_equal(g->brokens, brokens + 1);
	assert_int_equal(virtio_dev_in_flight(g->dev), 0);

	works(&f->neighbour, 0);
	guest_up(g, 2, SIZE, FEATURES_ALL);
	assert_int_equal(reg_get(g, REG_STATUS), DOK);
	works(g, 0);
	works(g, 1);
	guest_up(g, 2, SIZE, FEATURES_ALL);
}

static void avail_index_jumps(void **state)
{
	struct fixture *f = *state;
	const uint16_t jumps[] = { SIZE + 1, SIZE + 2, 0x7fff, 0x8000, 0xffff };

	for (uint32_t i = 0; i < 5; i++) {
		f->g.q[0].avail_idx = (uint16_t)(jumps[i] - 1);
		guest_offer(&f->g, 0, 0);
		breaks(f, VIRTIO_AVAIL_JUMP);
	}
}

static void avail_index_goes_back(void **state)
{
	struct fixture *f = *state;

	works(&f->g, 0);
	works(&f->g, 0);
	f->g.q[0].avail_idx = 0;
	guest_offer(&f->g, 0, 0);
	breaks(f, VIRTIO_AVAIL_JUMP);
}

static void head_is_out_of_range(void **state)
{
	struct fixture *f = *state;
	const uint16_t heads[] = { SIZE, SIZE + 1, 0x7fff, 0x8000, 0xffff };

	for (uint32_t i = 0; i < 5; i++) {
		guest_offer(&f->g, 0, heads[i]);
		breaks(f, VIRTIO_HEAD_RANGE);
	}
}

/* CVE-2026-45782 */
static void head_is_in_flight(void **state)
{
	struct fixture *f = *state;
	struct guest *g = &f->g;
	struct ukvmm_chain *chain;
	uint32_t id, len;

	guest_desc(g, 0, 3, BUFFERS, 4, DESC_WRITE, 0);
	guest_offer(g, 0, 3);
	guest_offer(g, 0, 3);
	chain = pop(g, 0);
	assert_non_null(chain);
	assert_null(pop(g, 0));
	assert_int_equal(count_of(g, VIRTIO_HEAD_BUSY), 1);
	assert_int_equal(reg_get(g, REG_STATUS), DOK | STATUS_NEEDS_RESET);
	/* the first one comes back to a device that may not use the ring any more */
	push(g, 0, chain);
	notify(g, 0);
	assert_false(guest_take(g, 0, &id, &len));
	assert_int_equal(virtio_dev_in_flight(g->dev), 0);
	guest_up(g, 2, SIZE, FEATURES_ALL);
	works(g, 0);
}

static void next_is_out_of_range(void **state)
{
	struct fixture *f = *state;
	const uint16_t nexts[] = { SIZE, SIZE + 1, 0x8000, 0xffff };

	for (uint32_t i = 0; i < 4; i++) {
		guest_desc(&f->g, 0, 0, BUFFERS, 4, DESC_NEXT, nexts[i]);
		guest_offer(&f->g, 0, 0);
		breaks(f, VIRTIO_NEXT_RANGE);
	}
}

static void chains_that_loop(void **state)
{
	struct fixture *f = *state;
	struct guest *g = &f->g;

	guest_desc(g, 0, 0, BUFFERS, 4, DESC_NEXT, 0);
	guest_offer(g, 0, 0);
	breaks(f, VIRTIO_CHAIN_LONG);
	for (uint16_t i = 0; i < SIZE; i++)
		guest_desc(g, 0, i, BUFFERS, 4, DESC_NEXT, (uint16_t)((i + 1) % SIZE));
	guest_offer(g, 0, 4);
	breaks(f, VIRTIO_CHAIN_LONG);
	guest_desc(g, 0, 2, BUFFERS, 4, DESC_NEXT | DESC_WRITE, 5);
	guest_desc(g, 0, 5, BUFFERS, 4, DESC_NEXT | DESC_WRITE, 2);
	guest_offer(g, 0, 2);
	breaks(f, VIRTIO_CHAIN_LONG);
}

static void readable_after_writable(void **state)
{
	struct fixture *f = *state;
	struct guest *g = &f->g;

	guest_desc(g, 0, 0, BUFFERS, 4, DESC_NEXT | DESC_WRITE, 1);
	guest_desc(g, 0, 1, BUFFERS, 4, 0, 0);
	guest_offer(g, 0, 0);
	breaks(f, VIRTIO_CHAIN_ORDER);
	guest_desc(g, 0, 0, BUFFERS, 4, DESC_NEXT, 1);
	guest_desc(g, 0, 1, BUFFERS, 4, DESC_NEXT | DESC_WRITE, 2);
	guest_desc(g, 0, 2, BUFFERS, 4, DESC_NEXT, 3);
	guest_desc(g, 0, 3, BUFFERS, 4, DESC_WRITE, 0);
	guest_offer(g, 0, 0);
	breaks(f, VIRTIO_CHAIN_ORDER);
}

/* CVE-2019-18960: the whole of it, not its ends; straddling a gap, wrapping, empty. */
static void buffers_outside_of_memory(void **state)
{
	struct fixture *f = *state;
	const struct {
		uint64_t addr;
		uint32_t len;
	} bad[] = {
		{ BUFFERS, 0 },
		{ 0, 0 },
		{ LOW_BYTES - 1, 2 },
		{ LOW_BYTES, 1 },
		{ 0, LOW_BYTES + 1 },
		{ LOW_BYTES - 16, (uint32_t)(HIGH_BASE - LOW_BYTES + 32) }, /* both ends in memory */
		{ HIGH_BASE - 1, 2 },
		{ HIGH_BASE + HIGH_BYTES - 1, 2 },
		{ HIGH_BASE + HIGH_BYTES, 1 },
		{ 0, UINT32_MAX },
		{ 1, UINT32_MAX },
		{ UINT64_MAX, 1 },
		{ UINT64_MAX, 2 },
		{ UINT64_MAX - UINT32_MAX + 1, UINT32_MAX },
		{ 0x8000000000000000, 16 },
		{ 0xd0000000, 4 }, /* the device's own registers: no DMA into them */
	};

	for (uint32_t i = 0; i < sizeof bad / sizeof *bad; i++)
		for (uint16_t write = 0; write <= DESC_WRITE; write += DESC_WRITE) {
			guest_desc(&f->g, 0, 0, BUFFERS, 4, (uint16_t)(DESC_NEXT | write), 1);
			guest_desc(&f->g, 0, 1, bad[i].addr, bad[i].len, write, 0);
			guest_offer(&f->g, 0, 0);
			breaks(f, VIRTIO_BUFFER_PLACE);
		}
}

/* FC#5762: overlapping buffers may not add up to more than a length can say. 512 times 8 MiB is 4 GiB. */
static void chain_of_four_gib(void **state)
{
	struct fixture *f = *state;
	struct guest *g = &f->g;
	struct ukvmm_chain *chain;

	for (uint32_t extra = 0; extra < 2; extra++) {
		for (uint32_t i = 0; i < 512; i++)
			guest_desc_at(g, BUFFERS, i, 0, LOW_BYTES, DESC_NEXT, (uint16_t)(i + 1));
		guest_desc_at(g, BUFFERS, 511, 1, (uint32_t)LOW_BYTES - 1, extra ? DESC_NEXT : 0, 512);
		guest_desc_at(g, BUFFERS, 512, 0, 1, DESC_WRITE, 0);
		guest_desc(g, 0, 0, BUFFERS, 513 * 16, DESC_INDIRECT, 0);
		guest_offer(g, 0, 0);
		if (extra) {
			breaks(f, VIRTIO_CHAIN_TOTAL);
			continue;
		}
		chain = pop(g, 0);
		assert_non_null(chain);
		assert_true(ukvmm_chain_readable(chain) == UINT32_MAX);
		push(g, 0, chain);
	}
}

static void indirect_where_none_may_be(void **state)
{
	struct fixture *f = *state;
	struct guest *g = &f->g;

	/* with NEXT */
	guest_desc_at(g, BUFFERS, 0, BUFFERS, 4, 0, 0);
	guest_desc(g, 0, 0, BUFFERS, 16, DESC_INDIRECT | DESC_NEXT, 1);
	guest_desc(g, 0, 1, BUFFERS, 4, 0, 0);
	guest_offer(g, 0, 0);
	breaks(f, VIRTIO_INDIRECT_REFUSED);
	/* nested, into itself */
	guest_desc_at(g, BUFFERS, 0, BUFFERS, 16, DESC_INDIRECT, 0);
	guest_desc(g, 0, 0, BUFFERS, 16, DESC_INDIRECT, 0);
	guest_offer(g, 0, 0);
	breaks(f, VIRTIO_INDIRECT_REFUSED);
	/* not negotiated */
	guest_up(g, 2, SIZE, FEATURE_VERSION_1);
	guest_desc_at(g, BUFFERS, 0, BUFFERS, 4, 0, 0);
	guest_desc(g, 0, 0, BUFFERS, 16, DESC_INDIRECT, 0);
	guest_offer(g, 0, 0);
	breaks(f, VIRTIO_INDIRECT_REFUSED);
}

static void indirect_tables_that_are_none(void **state)
{
	struct fixture *f = *state;
	const struct {
		uint64_t addr;
		uint32_t len;
	} bad[] = {
		{ BUFFERS, 0 },
		{ BUFFERS, 1 },
		{ BUFFERS, 15 },
		{ BUFFERS, 17 },
		{ BUFFERS, UINT32_MAX },
		{ BUFFERS, 0xfffffff0 },
		{ LOW_BYTES - 16, 32 },
		{ LOW_BYTES, 16 },
		{ HIGH_BASE - 16, 32 },
		{ UINT64_MAX - 15, 32 },
	};

	for (uint32_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		guest_desc(&f->g, 0, 0, bad[i].addr, bad[i].len, DESC_INDIRECT, 0);
		guest_offer(&f->g, 0, 0);
		breaks(f, VIRTIO_INDIRECT_TABLE);
	}
}

static void indirect_next_out_of_the_table(void **state)
{
	struct fixture *f = *state;
	struct guest *g = &f->g;

	/* 2 would be a descriptor of the ring, and there is one behind the table */
	guest_desc_at(g, BUFFERS, 0, BUFFERS, 4, DESC_NEXT, 1);
	guest_desc_at(g, BUFFERS, 1, BUFFERS, 4, DESC_NEXT, 2);
	guest_desc_at(g, BUFFERS, 2, BUFFERS, 4, 0, 0);
	guest_desc(g, 0, 0, BUFFERS, 32, DESC_INDIRECT, 0);
	guest_offer(g, 0, 0);
	breaks(f, VIRTIO_NEXT_RANGE);
}

static void indirect_chains_too_long(void **state)
{
	struct fixture *f = *state;
	struct guest *g = &f->g;

	guest_desc_at(g, BUFFERS, 0, BUFFERS, 4, DESC_NEXT, 0);
	guest_desc(g, 0, 0, BUFFERS, 16, DESC_INDIRECT, 0);
	guest_offer(g, 0, 0);
	breaks(f, VIRTIO_CHAIN_LONG);
	/* 1025 in a table of 65,537, and 1024 behind one direct descriptor */
	for (uint32_t i = 0; i < 1025; i++)
		guest_desc_at(g, BUFFERS, i, BUFFERS, 4, DESC_NEXT, (uint16_t)(i + 1));
	guest_desc(g, 0, 0, BUFFERS, 65537 * 16, DESC_INDIRECT, 0);
	guest_offer(g, 0, 0);
	breaks(f, VIRTIO_CHAIN_LONG);
	guest_desc_at(g, BUFFERS, 1023, BUFFERS, 4, 0, 0);
	guest_desc(g, 0, 0, BUFFERS, 4, DESC_NEXT, 1);
	guest_desc(g, 0, 1, BUFFERS, 1024 * 16, DESC_INDIRECT, 0);
	guest_offer(g, 0, 0);
	breaks(f, VIRTIO_CHAIN_LONG);
}

/* A refused chain keeps nothing of the pool: 100 of 1023 segments that end in a bad one. */
static void refused_chains_leave_nothing_behind(void **state)
{
	struct fixture *f = *state;
	struct guest *g = &f->g;

	for (uint32_t round = 0; round < 100; round++) {
		for (uint32_t i = 0; i < 1024; i++)
			guest_desc_at(g, BUFFERS, i, BUFFERS, 4, i < 1023 ? DESC_NEXT : 0, (uint16_t)(i + 1));
		guest_desc(g, 0, 0, BUFFERS, 1024 * 16, DESC_INDIRECT, 0);
		if (round & 1)
			guest_desc_at(g, BUFFERS, 1023, UINT64_MAX, 4, 0, 0);
		guest_offer(g, 0, 0);
		if (round & 1) {
			breaks(f, VIRTIO_BUFFER_PLACE);
		} else {
			struct ukvmm_chain *chain = pop(g, 0);

			assert_non_null(chain);
			assert_int_equal(ukvmm_chain_readable(chain), 4096);
			push(g, 0, chain);
		}
	}
}

/* What the driver scribbles into the device's part is not read. */
static void used_ring_is_not_read(void **state)
{
	struct fixture *f = *state;
	struct guest *g = &f->g;
	uint8_t *used = guest_at(g, g->q[0].used, 6 + 8 * SIZE);

	memset(used, 0xff, 6 + 8 * SIZE);
	g->q[0].used_idx = 0;
	works(g, 0);
	memset(used, 0xff, 6 + 8 * SIZE);
	works(g, 0);
	assert_int_equal(g->brokens, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(avail_index_jumps),
		T(avail_index_goes_back),
		T(head_is_out_of_range),
		T(head_is_in_flight),
		T(next_is_out_of_range),
		T(chains_that_loop),
		T(readable_after_writable),
		T(buffers_outside_of_memory),
		T(chain_of_four_gib),
		T(indirect_where_none_may_be),
		T(indirect_tables_that_are_none),
		T(indirect_next_out_of_the_table),
		T(indirect_chains_too_long),
		T(refused_chains_leave_nothing_behind),
		T(used_ring_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
