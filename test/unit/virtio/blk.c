/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest asks of a disk, and what it is told: virtio 1.2 §5.2. */
#include "blk_disk.h"

#include <errno.h>
#include <string.h>

static void written_is_read_back_within_the_kick(void **state)
{
	struct disk k;
	struct ask a;

	(void)state;
	disk_up(&k, 0);
	ask_put(&k, &a, BLK_T_OUT, 5, 1024, 0x5a);
	drive_kick(&k.dev, 0);
	assert_int_equal(drive_used(&k.dev, 0, &a.used_len), a.head);
	assert_int_equal(a.used_len, 1);
	assert_int_equal(ask_status(&k, &a), BLK_S_OK);
	assert_int_equal(disk_bytes(&k, 6)[511], 0x5a);
	ask_put(&k, &a, BLK_T_IN, 4, 1536, 0);
	drive_kick(&k.dev, 0);
	assert_int_equal(drive_used(&k.dev, 0, &a.used_len), a.head);
	assert_int_equal(a.used_len, 1537);
	assert_int_equal(ask_data(&k, &a)[511], 0);
	assert_int_equal(ask_data(&k, &a)[512], 0x5a);
	assert_int_equal(ask_data(&k, &a)[1535], 0x5a);
	assert_int_equal(k.waits, 0);
	disk_down(&k);
}

static void what_may_block_goes_to_the_engine(void **state)
{
	struct disk k;
	struct ask a;

	(void)state;
	disk_up(&k, 0);
	k.rec->now = -EAGAIN;
	ask_put(&k, &a, BLK_T_OUT, 1, 512, 0x11);
	ask_none(&k);
	assert_int_equal(k.waits, 1);
	assert_int_equal(ask_go(&k, &a), BLK_S_OK);
	assert_int_equal(disk_bytes(&k, 1)[0], 0x11);
	assert_int_equal(ask_once(&k, BLK_T_IN, 1, 512, 0), BLK_S_OK);
	assert_int_equal(k.rec->attempts, 2);
	disk_down(&k);
}

static void back_end_that_cannot_say_is_not_asked_again(void **state)
{
	struct disk k;

	(void)state;
	disk_up(&k, 0);
	k.rec->now = -EOPNOTSUPP;
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask_once(&k, BLK_T_IN, 0, 512, 0), BLK_S_OK);
	assert_int_equal(k.rec->attempts, 1);
	assert_int_equal(ask_once(&k, BLK_T_OUT, 0, 512, 1), BLK_S_OK);
	assert_int_equal(ask_once(&k, BLK_T_OUT, 0, 512, 1), BLK_S_OK);
	assert_int_equal(k.rec->attempts, 2);
	disk_down(&k);
}

static void large_requests_are_done_in_pieces(void **state)
{
	enum { LEN = 5 * BLK_PIECE / 2 };
	struct disk k;
	struct ask a;

	(void)state;
	disk_up(&k, 0);
	k.rec->now = -EAGAIN;
	assert_int_equal(ask_once(&k, BLK_T_OUT, 8, LEN, 0x77), BLK_S_OK);
	assert_int_equal(k.rec->records, 3);
	assert_int_equal(k.rec->record[2].off, 8 * 512 + 2 * BLK_PIECE);
	assert_int_equal(k.rec->record[2].len, BLK_PIECE / 2);
	k.rec->now = 0;
	ask_put(&k, &a, BLK_T_IN, 8, LEN, 0);
	assert_int_equal(ask_go(&k, &a), BLK_S_OK);
	assert_int_equal(a.used_len, LEN + 1);
	for (uint32_t i = 0; i < LEN; i++)
		assert_int_equal(ask_data(&k, &a)[i], 0x77);
	disk_down(&k);
}

static void a_kick_ends_however_much_is_in_the_cache(void **state)
{
	struct disk k;
	struct ask a;

	(void)state;
	disk_up(&k, 0);
	ask_put(&k, &a, BLK_T_IN, 0, BLK_TURN + BLK_PIECE, 0);
	ask_none(&k);
	assert_int_equal(k.rec->records, BLK_TURN / BLK_PIECE);
	assert_int_equal(k.waits, 1);
	assert_int_equal(ask_go(&k, &a), BLK_S_OK);
	disk_down(&k);
}

static void capacity_holds_over_the_whole_chain(void **state)
{
	struct disk k;

	(void)state;
	disk_up(&k, 0);
	assert_int_equal(ask_once(&k, BLK_T_OUT, DISK_SECTORS - 1, 512, 1), BLK_S_OK);
	assert_int_equal(ask_once(&k, BLK_T_OUT, DISK_SECTORS - 1, 1024, 1), BLK_S_IOERR);
	assert_int_equal(ask_once(&k, BLK_T_IN, DISK_SECTORS - 1, 1024, 1), BLK_S_IOERR);
	assert_int_equal(ask_once(&k, BLK_T_IN, DISK_SECTORS, 512, 1), BLK_S_IOERR);
	assert_int_equal(ask_once(&k, BLK_T_IN, UINT64_MAX, 512, 1), BLK_S_IOERR);
	assert_int_equal(ask_once(&k, BLK_T_OUT, UINT64_MAX / 512 + 1, 512, 1), BLK_S_IOERR);
	assert_int_equal(ask_once(&k, BLK_T_OUT, 0, 513, 1), BLK_S_IOERR);
	assert_int_equal(ask_once(&k, BLK_T_IN, 0, 511, 1), BLK_S_IOERR);
	assert_int_equal(k.rec->records, 1);
	disk_down(&k);
}

/* The last sector in many segments: each alone would fit. */
static void last_sector_many_times_is_refused(void **state)
{
	struct blk_header h = { .type = BLK_T_OUT, .sector = DISK_SECTORS - 1 };
	struct drive_seg seg[8];
	struct disk k;
	struct ask a = { 0 };

	(void)state;
	disk_up(&k, 0);
	a.status = drive_alloc(&k.d, 1);
	seg[0] = (struct drive_seg){ drive_alloc(&k.d, 16), sizeof h, false };
	memcpy(drive_at(&k.d, seg[0].gpa, sizeof h), &h, sizeof h);
	for (int i = 1; i < 7; i++)
		seg[i] = (struct drive_seg){ drive_alloc(&k.d, 512), 512, false };
	seg[7] = (struct drive_seg){ a.status, 1, true };
	a.head = drive_put(&k.dev, 0, seg, 8);
	assert_int_equal(ask_go(&k, &a), BLK_S_IOERR);
	assert_int_equal(k.rec->records, 0);
	disk_down(&k);
}

static void discard_and_zero_ranges(void **state)
{
	struct disk k;

	(void)state;
	disk_up(&k, 0);
	assert_int_equal(ask_once(&k, BLK_T_OUT, 10, 1024, 0xee), BLK_S_OK);
	assert_int_equal(ask_range(&k, BLK_T_WRITE_ZEROES, 10, 1, 0), BLK_S_OK);
	assert_int_equal(disk_bytes(&k, 10)[0], 0);
	assert_int_equal(disk_bytes(&k, 11)[0], 0xee);
	assert_int_equal(ask_range(&k, BLK_T_WRITE_ZEROES, 10, 2, 1), BLK_S_OK);
	assert_int_equal(k.rec->record[k.rec->records - 1].flags, BLOCK_UNMAP);
	assert_int_equal(ask_range(&k, BLK_T_DISCARD, 0, DISK_SECTORS, 0), BLK_S_OK);
	assert_int_equal(k.rec->record[k.rec->records - 1].len, DISK_SECTORS * 512);
	assert_int_equal(ask_range(&k, BLK_T_DISCARD, 0, 0, 0), BLK_S_OK);
	assert_int_equal(ask_range(&k, BLK_T_DISCARD, 0, 1, 1), BLK_S_UNSUPP);
	assert_int_equal(ask_range(&k, BLK_T_WRITE_ZEROES, 0, 1, 2), BLK_S_UNSUPP);
	disk_down(&k);
}

static void ranges_near_2_to_64_do_not_wrap(void **state)
{
	static const uint64_t sector[] = { UINT64_MAX, UINT64_MAX / 512, UINT64_MAX / 512 + 1, 1ull << 55,
		(1ull << 55) - 1, DISK_SECTORS, DISK_SECTORS - 1 };
	struct disk k;

	(void)state;
	disk_up(&k, 0);
	for (uint32_t i = 0; i < sizeof sector / sizeof *sector; i++) {
		assert_int_equal(ask_range(&k, BLK_T_DISCARD, sector[i], 2, 0), BLK_S_IOERR);
		assert_int_equal(ask_range(&k, BLK_T_WRITE_ZEROES, sector[i], 2, 0), BLK_S_IOERR);
		assert_int_equal(ask_range(&k, BLK_T_DISCARD, sector[i], UINT32_MAX, 0), BLK_S_IOERR);
	}
	assert_int_equal(ask_range(&k, BLK_T_WRITE_ZEROES, 0, BLK_ZERO_SECTORS + 1, 0), BLK_S_IOERR);
	assert_int_equal(k.rec->records, 0);
	disk_down(&k);
}

static void serial_is_told(void **state)
{
	struct disk k;
	struct ask a;

	(void)state;
	disk_up(&k, 0);
	ask_put(&k, &a, BLK_T_GET_ID, 0, 24, 0);
	assert_int_equal(ask_go(&k, &a), BLK_S_OK);
	assert_memory_equal(ask_data(&k, &a), "a serial of a disk, ", BLK_ID);
	assert_int_equal(ask_data(&k, &a)[BLK_ID], NOT_ANSWERED);
	assert_int_equal(ask_once(&k, BLK_T_GET_ID, 0, BLK_ID - 1, 0), BLK_S_IOERR);
	disk_down(&k);
}

static void unknown_requests_are_unsupported(void **state)
{
	static const uint32_t type[] = { 2, 3, 5, 7, 9, 10, 12, 14, 15, 0x80000000, UINT32_MAX };
	struct disk k;

	(void)state;
	disk_up(&k, 0);
	for (uint32_t i = 0; i < sizeof type / sizeof *type; i++)
		assert_int_equal(ask_once(&k, type[i], 0, 512, 0), BLK_S_UNSUPP);
	disk_driver(&k, BLK_F_DISCARD | BLK_F_WRITE_ZEROES);
	assert_int_equal(ask_range(&k, BLK_T_DISCARD, 0, 1, 0), BLK_S_UNSUPP);
	assert_int_equal(ask_range(&k, BLK_T_WRITE_ZEROES, 0, 1, 0), BLK_S_UNSUPP);
	assert_int_equal(k.rec->records, 0);
	disk_down(&k);
}

/* Without a place for the status, or without a whole header: that request alone is lost. */
static void odd_chains_hurt_nobody(void **state)
{
	struct blk_header h = { .type = BLK_T_OUT };
	struct drive_seg seg[2];
	struct disk k;
	uint32_t len;
	uint64_t gpa;

	(void)state;
	disk_up(&k, 0);
	gpa = drive_alloc(&k.d, 4096);
	memcpy(drive_at(&k.d, gpa, sizeof h), &h, sizeof h);
	seg[0] = (struct drive_seg){ gpa, 16 + 512, false };
	drive_put(&k.dev, 0, seg, 1);
	drive_kick(&k.dev, 0);
	drive_wait_used(&k.dev, 0, &len);
	assert_int_equal(len, 0);
	seg[0].len = 15;
	seg[1] = (struct drive_seg){ gpa + 1024, 8, true };
	memset(drive_at(&k.d, gpa + 1024, 8), NOT_ANSWERED, 8);
	drive_put(&k.dev, 0, seg, 2);
	drive_kick(&k.dev, 0);
	drive_wait_used(&k.dev, 0, &len);
	assert_int_equal(((uint8_t *)drive_at(&k.d, gpa + 1024, 8))[7], BLK_S_IOERR);
	assert_int_equal(((uint8_t *)drive_at(&k.d, gpa + 1024, 8))[6], NOT_ANSWERED);
	assert_int_equal(k.rec->records, 0);
	assert_int_equal(ask_once(&k, BLK_T_OUT, 0, 512, 3), BLK_S_OK);
	disk_down(&k);
}

static void read_only_disk_is_not_written(void **state)
{
	struct disk k;

	(void)state;
	disk_new(&k, 0, true, 0, NULL);
	assert_true(k.blk->offered & BLK_F_RO);
	assert_false(k.blk->offered & (BLK_F_FLUSH | BLK_F_DISCARD | BLK_F_WRITE_ZEROES | BLK_F_CONFIG_WCE));
	disk_driver(&k, BLK_F_RO);
	assert_int_equal(ask_once(&k, BLK_T_OUT, 0, 512, 1), BLK_S_IOERR);
	assert_int_equal(ask_range(&k, BLK_T_WRITE_ZEROES, 0, 1, 0), BLK_S_UNSUPP);
	assert_int_equal(ask_once(&k, BLK_T_IN, 0, 512, 0), BLK_S_OK);
	assert_int_equal(k.rec->records, 1);
	disk_down(&k);
}

static void host_errors_are_told_and_counted(void **state)
{
	struct front_stats s;
	struct disk k;

	(void)state;
	disk_up(&k, 0);
	k.rec->fail[BLOCK_WRITE] = -ENOSPC;
	assert_int_equal(ask_once(&k, BLK_T_OUT, 0, 512, 1), BLK_S_IOERR);
	k.rec->now = -EAGAIN;
	assert_int_equal(ask_once(&k, BLK_T_OUT, 0, 512, 1), BLK_S_IOERR);
	k.rec->fail[BLOCK_READ] = k.rec->fail[BLOCK_FLUSH] = k.rec->fail[BLOCK_ZERO] = -EIO;
	assert_int_equal(ask_once(&k, BLK_T_IN, 0, 3 * BLK_PIECE, 1), BLK_S_IOERR);
	assert_int_equal(ask_once(&k, BLK_T_FLUSH, 0, 0, 1), BLK_S_IOERR);
	assert_int_equal(ask_range(&k, BLK_T_WRITE_ZEROES, 0, 1, 0), BLK_S_IOERR);
	virtio_blk_stats(k.blk, &s);
	assert_int_equal(s.errors, 5);
	assert_int_equal(s.in_ops + s.out_ops, 0);
	k.rec->fail[BLOCK_READ] = 0;
	assert_int_equal(ask_once(&k, BLK_T_IN, 0, 1024, 1), BLK_S_OK);
	virtio_blk_stats(k.blk, &s);
	assert_int_equal(s.in_bytes, 1024);
	assert_int_equal(s.in_ops, 1);
	disk_down(&k);
}

static void config_space_is_as_the_standard_has_it(void **state)
{
	struct disk k;

	(void)state;
	disk_up(&k, 0);
	assert_int_equal(drive_reg(&k.dev, REG_CONFIG, 8), DISK_SECTORS);
	assert_int_equal(drive_reg(&k.dev, REG_CONFIG + 12, 4), BLK_SEGMENTS);
	assert_int_equal(drive_reg(&k.dev, REG_CONFIG + 20, 4), 512);
	assert_int_equal(drive_reg(&k.dev, REG_CONFIG + 24, 8), 0);
	assert_int_equal(drive_reg(&k.dev, REG_CONFIG + 32, 1), 1);
	assert_int_equal(drive_reg(&k.dev, REG_CONFIG + 36, 4), BLK_DISCARD_SECTORS);
	assert_int_equal(drive_reg(&k.dev, REG_CONFIG + 48, 4), BLK_ZERO_SECTORS);
	assert_int_equal(drive_reg(&k.dev, REG_CONFIG + 56, 4), 1);
	assert_int_equal(drive_reg(&k.dev, REG_CONFIG + 60, 4), UINT32_MAX);
	drive_reg_set(&k.dev, REG_CONFIG, 8, 0);
	assert_int_equal(drive_reg(&k.dev, REG_CONFIG, 8), DISK_SECTORS);
	disk_down(&k);
}

static uint32_t last_flags(const struct disk *k)
{
	return k->rec->record[k->rec->records - 1].flags & BLOCK_SYNC;
}

static void writeback_is_the_drivers_to_switch(void **state)
{
	struct disk k;

	(void)state;
	disk_up(&k, 0);
	assert_int_equal(ask_once(&k, BLK_T_OUT, 0, 512, 1), BLK_S_OK);
	assert_int_equal(last_flags(&k), 0);
	drive_reg_set(&k.dev, REG_CONFIG + 32, 1, 0);
	assert_int_equal(ask_once(&k, BLK_T_OUT, 0, 512, 1), BLK_S_OK);
	assert_int_equal(last_flags(&k), BLOCK_SYNC);
	assert_int_equal(ask_range(&k, BLK_T_WRITE_ZEROES, 0, 1, 0), BLK_S_OK);
	assert_int_equal(last_flags(&k), BLOCK_SYNC);
	/* what the driver chose ends with it */
	disk_driver(&k, 0);
	assert_int_equal(drive_reg(&k.dev, REG_CONFIG + 32, 1), 1);
	assert_int_equal(ask_once(&k, BLK_T_OUT, 0, 512, 1), BLK_S_OK);
	assert_int_equal(last_flags(&k), 0);
	/* FLUSH alone: there is a cache, and no switch that counts */
	disk_driver(&k, BLK_F_CONFIG_WCE);
	drive_reg_set(&k.dev, REG_CONFIG + 32, 1, 0);
	assert_int_equal(ask_once(&k, BLK_T_OUT, 0, 512, 1), BLK_S_OK);
	assert_int_equal(last_flags(&k), 0);
	/* neither: who cannot flush need not */
	disk_driver(&k, BLK_F_CONFIG_WCE | BLK_F_FLUSH);
	assert_int_equal(ask_once(&k, BLK_T_OUT, 0, 512, 1), BLK_S_OK);
	assert_int_equal(last_flags(&k), BLOCK_SYNC);
	disk_down(&k);
}

static void writethrough_is_the_embedders_word(void **state)
{
	struct disk k;

	(void)state;
	disk_new(&k, 0, false, UKVMM_BLK_WRITETHROUGH, NULL);
	assert_false(k.blk->offered & (BLK_F_FLUSH | BLK_F_CONFIG_WCE));
	disk_driver(&k, 0);
	assert_int_equal(drive_reg(&k.dev, REG_CONFIG + 32, 1), 0);
	drive_reg_set(&k.dev, REG_CONFIG + 32, 1, 1);
	assert_int_equal(ask_once(&k, BLK_T_OUT, 0, 512, 1), BLK_S_OK);
	assert_int_equal(last_flags(&k), BLOCK_SYNC);
	disk_down(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_is_read_back_within_the_kick),
		cmocka_unit_test(what_may_block_goes_to_the_engine),
		cmocka_unit_test(back_end_that_cannot_say_is_not_asked_again),
		cmocka_unit_test(large_requests_are_done_in_pieces),
		cmocka_unit_test(a_kick_ends_however_much_is_in_the_cache),
		cmocka_unit_test(capacity_holds_over_the_whole_chain),
		cmocka_unit_test(last_sector_many_times_is_refused),
		cmocka_unit_test(discard_and_zero_ranges),
		cmocka_unit_test(ranges_near_2_to_64_do_not_wrap),
		cmocka_unit_test(serial_is_told),
		cmocka_unit_test(unknown_requests_are_unsupported),
		cmocka_unit_test(odd_chains_hurt_nobody),
		cmocka_unit_test(read_only_disk_is_not_written),
		cmocka_unit_test(host_errors_are_told_and_counted),
		cmocka_unit_test(config_space_is_as_the_standard_has_it),
		cmocka_unit_test(writeback_is_the_drivers_to_switch),
		cmocka_unit_test(writethrough_is_the_embedders_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
