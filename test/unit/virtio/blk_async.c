/* SPDX-License-Identifier: Apache-2.0 */
/* Requests in flight: flushes among writes, resets, pauses, clones and the end of the VM in between, limits. */
#include "blk_disk.h"

#include <errno.h>
#include <string.h>

static void finish(struct block_io *io, int result)
{
	io->result = result;
	io->done(io);
}

static void slow(struct disk *k)
{
	disk_up(k, 0);
	k->rec->now = -EAGAIN;
}

static bool used_one(struct disk *k, const struct ask *a)
{
	int head;

	drive_poll(&k->d);
	head = drive_used(&k->dev, 0, NULL);
	assert_true(head < 0 || head == a->head);
	return head >= 0;
}

/* Everything that was answered before a flush was asked for is in the back end before its fdatasync. */
static void flush_comes_behind_every_write_answered(void **state)
{
	struct disk k;
	struct ask w, f;

	(void)state;
	slow(&k);
	for (uint64_t i = 0; i < 20; i++) {
		k.rec->now = i % 2 ? 0 : -EAGAIN;
		ask_put(&k, &w, BLK_T_OUT, i, 512, 1);
		assert_int_equal(ask_go(&k, &w), BLK_S_OK);
		ask_put(&k, &f, BLK_T_FLUSH, 0, 0, 0);
		assert_int_equal(ask_go(&k, &f), BLK_S_OK);
		assert_int_equal(k.rec->records, 2 * i + 2);
		assert_int_equal(k.rec->record[2 * i].op, BLOCK_WRITE);
		assert_int_equal(k.rec->record[2 * i].off, i * 512);
		assert_int_equal(k.rec->record[2 * i + 1].op, BLOCK_FLUSH);
	}
	disk_down(&k);
}

/* A flush under way may have begun before the write: one that is asked for later needs another. */
static void flush_under_way_is_not_shared(void **state)
{
	struct block_io *first;
	struct ask f[3], w;
	struct disk k;

	(void)state;
	disk_up(&k, 0);
	ask_put(&k, &f[0], BLK_T_FLUSH, 0, 0, 0);
	ask_none(&k);
	first = disk_steal(&k, 1);
	ask_put(&k, &w, BLK_T_OUT, 0, 512, 1);
	drive_kick(&k.dev, 0);
	assert_true(used_one(&k, &w));
	ask_put(&k, &f[1], BLK_T_FLUSH, 0, 0, 0);
	ask_put(&k, &f[2], BLK_T_FLUSH, 0, 0, 0);
	ask_none(&k);
	assert_int_equal(k.waits, 0); /* one at a time */
	finish(first, 0);
	assert_true(used_one(&k, &f[0]));
	assert_int_equal(ask_status(&k, &f[1]), NOT_ANSWERED);
	assert_int_equal(k.waits, 1); /* one for both */
	finish(disk_steal(&k, 1), -EIO);
	assert_true(used_one(&k, &f[1]));
	assert_true(used_one(&k, &f[2]));
	assert_int_equal(ask_status(&k, &f[0]), BLK_S_OK);
	assert_int_equal(ask_status(&k, &f[1]), BLK_S_IOERR);
	assert_int_equal(ask_status(&k, &f[2]), BLK_S_IOERR);
	disk_down(&k);
}

static void requests_complete_in_any_order(void **state)
{
	struct ask a[8];
	struct block_io *io[8];
	struct disk k;

	(void)state;
	slow(&k);
	for (int i = 0; i < 8; i++)
		ask_put(&k, &a[i], BLK_T_IN, (uint64_t)i, 512, 0);
	ask_none(&k);
	for (int i = 0; i < 8; i++)
		io[i] = disk_steal(&k, 1);
	for (int i = 7; i >= 0; i--) {
		memset(io[i]->buf, i, io[i]->len);
		finish(io[i], 0);
		assert_true(used_one(&k, &a[i]));
		assert_int_equal(ask_data(&k, &a[i])[511], i);
	}
	disk_down(&k);
}

static void in_flight_is_bounded_and_all_is_done(void **state)
{
	enum { MANY = BLK_REQUESTS + 20 };
	static struct ask a[MANY];
	struct disk k;
	uint32_t done = 0;

	(void)state;
	disk_new(&k, -EAGAIN, false, 0, NULL);
	drive_dev_up(&k.d, 0, 1, 512, k.blk->offered, &k.dev);
	for (uint32_t i = 0; i < MANY; i++)
		ask_put(&k, &a[i], BLK_T_OUT, i, 512, (uint8_t)i);
	drive_kick(&k.dev, 0);
	for (int i = 0; i < 4; i++)
		drive_poll(&k.d);
	assert_int_equal(k.waits, BLK_REQUESTS);
	while (done < MANY) {
		if (k.waits)
			disk_do(&k, 1);
		drive_poll(&k.d);
		while (drive_used(&k.dev, 0, NULL) >= 0)
			done++;
	}
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(disk_bytes(&k, i)[0], (uint8_t)i);
	disk_down(&k);
}

/* A driver with more to do than the engine can use is not asked to notify: its ring is looked at anyway. */
static void no_notification_is_asked_for_at_full_depth(void **state)
{
	enum { DEPTH = 4, MANY = 10 };
	struct ask a[MANY];
	struct ring_used *used;
	struct disk k;

	(void)state;
	disk_new(&k, -EAGAIN, false, 0, NULL);
	k.blk->depth = DEPTH;
	disk_driver(&k, 0);
	used = drive_at(&k.d, k.dev.q[0].used, 6);
	for (int i = 0; i < MANY; i++)
		ask_put(&k, &a[i], BLK_T_OUT, (uint64_t)i, 512, 1);
	ask_none(&k);
	assert_int_equal(k.waits, DEPTH);
	assert_int_equal(used->flags & USED_NO_NOTIFY, USED_NO_NOTIFY);
	for (int i = 0; i < MANY; i++) {
		disk_do(&k, 1);
		assert_true(used_one(&k, &a[i]));
	}
	assert_int_equal(used->flags & USED_NO_NOTIFY, 0);
	disk_down(&k);
}

/* The guest's memory is its own again; what the disk still does must not come behind what the next driver writes. */
static void reset_forgets_what_is_in_flight(void **state)
{
	struct block_io *read, *flush;
	struct ask r, f, f2, next;
	struct disk k;

	(void)state;
	slow(&k);
	ask_put(&k, &r, BLK_T_IN, 0, 512, 0);
	ask_put(&k, &f, BLK_T_FLUSH, 0, 0, 0);
	ask_put(&k, &f2, BLK_T_FLUSH, 0, 0, 0);
	ask_none(&k);
	read = disk_steal(&k, 1);
	flush = disk_steal(&k, 1);
	disk_driver(&k, 0);
	ask_put(&k, &next, BLK_T_OUT, 0, 512, 9);
	ask_none(&k);
	assert_int_equal(k.waits, 0);
	memset(read->buf, 0x33, read->len);
	finish(read, 0);
	ask_none(&k);
	finish(flush, 0);
	assert_int_equal(ask_go(&k, &next), BLK_S_OK);
	assert_int_equal(ask_status(&k, &r), NOT_ANSWERED);
	assert_int_equal(ask_data(&k, &r)[0], NOT_ANSWERED);
	assert_int_equal(ask_status(&k, &f), NOT_ANSWERED);
	assert_int_equal(ask_status(&k, &f2), NOT_ANSWERED);
	assert_int_equal(k.blk->busy, 0);
	disk_down(&k);
}

static void reset_between_pieces_ends_the_request(void **state)
{
	struct ask r;
	struct disk k;

	(void)state;
	slow(&k);
	ask_put(&k, &r, BLK_T_IN, 0, 4 * BLK_PIECE, 0);
	ask_none(&k);
	disk_do(&k, 1);
	/* the driver has its memory back at once, before the device hears of it */
	drive_reg_set(&k.dev, REG_STATUS, 4, 0);
	disk_driver(&k, 0);
	for (int i = 0; i < 4; i++)
		drive_poll(&k.d);
	assert_int_equal(k.waits, 0);
	assert_int_equal(k.blk->busy, 0);
	assert_int_equal(ask_data(&k, &r)[0], NOT_ANSWERED);
	disk_down(&k);
}

static void vm_goes_before_its_requests_end(void **state)
{
	struct block_io *io;
	struct ask a[3];
	struct disk k;

	(void)state;
	slow(&k);
	for (int i = 0; i < 3; i++)
		ask_put(&k, &a[i], BLK_T_OUT, (uint64_t)i, 512, 1);
	ask_none(&k);
	io = disk_steal(&k, 3);
	drive_fini(&k.d);
	while (io) {
		struct block_io *next = io->next;

		assert_int_equal(k.closed, 0);
		block_io_run(io);
		io->done(io);
		io = next;
	}
	assert_int_equal(k.closed, 1);
}

static void vm_goes_before_it_hears_of_the_end(void **state)
{
	struct ask a;
	struct disk k;

	(void)state;
	slow(&k);
	ask_put(&k, &a, BLK_T_OUT, 0, 512, 1);
	ask_none(&k);
	disk_do(&k, 1);
	disk_down(&k);
}

static void pause_waits_for_what_is_in_flight(void **state)
{
	struct ask a, b;
	struct disk k;

	(void)state;
	slow(&k);
	ask_put(&k, &a, BLK_T_OUT, 0, 512, 1);
	ask_none(&k);
	assert_int_equal(ukvmm_vm_pause(k.d.vm), 0);
	for (int i = 0; i < 4; i++)
		drive_poll(&k.d);
	assert_false(k.d.paused);
	ask_put(&k, &b, BLK_T_OUT, 1, 512, 2);
	disk_do(&k, 1);
	drive_pause(&k.d);
	assert_int_equal(drive_used(&k.dev, 0, NULL), a.head);
	assert_int_equal(k.waits, 0); /* nothing was begun while pausing */
	assert_int_equal(virtio_dev_in_flight(k.dev.virtio), 0);
	assert_int_equal(ukvmm_vm_resume(k.d.vm), 0);
	/* without another kick */
	while (!k.waits)
		drive_poll(&k.d);
	disk_do(&k, 1);
	assert_true(used_one(&k, &b));
	disk_down(&k);
}

static void clone_goes_on_with_what_waits(void **state)
{
	struct disk from, to;
	struct ask a, b;

	(void)state;
	disk_up(&from, BLK_F_CONFIG_WCE);
	ask_put(&from, &a, BLK_T_OUT, 0, 512, 1);
	assert_int_equal(ask_go(&from, &a), BLK_S_OK);
	drive_pause(&from.d);
	ask_put(&from, &b, BLK_T_OUT, 1, 512, 2);
	disk_new(&to, 0, false, 0, NULL);
	drive_clone(&to.d, &from.d);
	to.dev = from.dev;
	drive_dev_moved(&to.dev, &to.d, 0);
	assert_int_equal(to.blk->features, from.blk->features);
	assert_int_equal(ukvmm_vm_resume(to.d.vm), 0);
	assert_int_equal(drive_wait_used(&to.dev, 0, NULL), b.head);
	assert_int_equal(disk_bytes(&to, 1)[0], 2);
	assert_int_equal(ask_once(&to, BLK_T_FLUSH, 0, 0, 0), BLK_S_OK);
	disk_down(&from);
	disk_down(&to);
}

static int load_of(struct disk *k, const void *bytes, size_t len, uint32_t version)
{
	struct ukvmm_device_ops ops;
	struct ukvmm_state out, in;
	uint32_t v = version;
	int rc;

	virtio_blk_ops(k->blk, &ops);
	state_save_init(&out);
	assert_int_equal(state_begin(&out, "disk", &v), 0);
	assert_int_equal(ukvmm_state_bytes(&out, (void *)(uintptr_t)bytes, len), 0);
	assert_int_equal(state_end(&out), 0);
	state_load_init(&in, out.buf, out.len);
	assert_int_equal(state_begin(&in, "disk", &v), 0);
	rc = ops.load(k->blk, &in, v);
	state_fini(&out);
	return rc;
}

static void state_of_another_disk_is_refused(void **state)
{
	const uint64_t capacity = DISK_SECTORS * BLOCK_SECTOR;
	uint64_t good[2] = { BLK_F_FLUSH, capacity };
	struct disk k;

	(void)state;
	disk_up(&k, 0);
	assert_int_equal(load_of(&k, good, sizeof good, 1), 0);
	assert_int_equal(k.blk->features, BLK_F_FLUSH);
	assert_int_equal(load_of(&k, good, sizeof good, 2), -EINVAL);
	assert_int_equal(load_of(&k, good, sizeof good - 1, 1), -EINVAL);
	assert_int_equal(load_of(&k, ((uint64_t[]){ BLK_F_RO /* not offered */, capacity }), sizeof good, 1), -EINVAL);
	assert_int_equal(load_of(&k, ((uint64_t[]){ 0, capacity + BLOCK_SECTOR }), sizeof good, 1), -EINVAL);
	assert_int_equal(k.blk->features, BLK_F_FLUSH);
	disk_down(&k);
}

static void rebind_asks_the_back_end_again(void **state)
{
	struct disk k;

	(void)state;
	disk_up(&k, 0);
	k.rec->now = -EOPNOTSUPP;
	assert_int_equal(ask_once(&k, BLK_T_IN, 0, 512, 0), BLK_S_OK);
	drive_pause(&k.d);
	assert_int_equal(virtio_blk_rebind(k.blk, 8), -EINVAL);
	assert_int_equal(virtio_blk_rebind(k.blk, 7), 0);
	assert_int_equal(ukvmm_vm_resume(k.d.vm), 0);
	k.rec->now = 0;
	assert_int_equal(ask_once(&k, BLK_T_IN, 0, 512, 0), BLK_S_OK);
	assert_int_equal(k.rec->attempts, 2);
	disk_down(&k);
}

static const struct ukvmm_rate byte_a_second = { .size = sizeof byte_a_second, .bytes_per_s = 1, .bytes_burst = 1 };

static void limit_holds_requests_back_until_it_is_lifted(void **state)
{
	struct ask a[3];
	struct disk k;

	(void)state;
	disk_new(&k, 0, false, 0, &byte_a_second);
	disk_driver(&k, 0);
	for (int i = 0; i < 3; i++)
		ask_put(&k, &a[i], BLK_T_OUT, (uint64_t)i, 4096, 1);
	drive_kick(&k.dev, 0);
	assert_true(used_one(&k, &a[0])); /* one operation of any size; the next in 4096 s */
	ask_none(&k);
	assert_int_equal(k.rec->records, 1);
	assert_int_equal(virtio_blk_rate(k.blk, NULL), 0);
	assert_int_equal(drive_wait_used(&k.dev, 0, NULL), a[1].head);
	assert_int_equal(drive_wait_used(&k.dev, 0, NULL), a[2].head);
	disk_down(&k);
}

static void limit_passes_with_time(void **state)
{
	const struct ukvmm_rate rate = { .size = sizeof rate, .ops_per_s = 200, .ops_burst = 1 };
	struct ask a[4];
	struct disk k;

	(void)state;
	disk_new(&k, 0, false, 0, &rate);
	disk_driver(&k, 0);
	for (int i = 0; i < 4; i++)
		ask_put(&k, &a[i], BLK_T_OUT, (uint64_t)i, 512, 1);
	drive_kick(&k.dev, 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(drive_wait_used(&k.dev, 0, NULL), a[i].head);
	disk_down(&k);
}

static void pause_does_not_wait_for_a_limit(void **state)
{
	struct ask a[3];
	struct disk k;

	(void)state;
	disk_new(&k, 0, false, 0, &byte_a_second);
	disk_driver(&k, 0);
	for (int i = 0; i < 3; i++)
		ask_put(&k, &a[i], BLK_T_OUT, (uint64_t)i, 512, 1);
	drive_kick(&k.dev, 0);
	drive_pause(&k.d);
	assert_int_equal(k.rec->records, 2);
	assert_int_equal(virtio_dev_in_flight(k.dev.virtio), 0);
	disk_down(&k);
}

static void reset_and_destroy_take_what_waits_for_a_limit(void **state)
{
	struct ask a[2];
	struct disk k;

	(void)state;
	disk_new(&k, 0, false, 0, &byte_a_second);
	disk_driver(&k, 0);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 2; i++)
			ask_put(&k, &a[i], BLK_T_OUT, 0, 512, 1);
		drive_kick(&k.dev, 0);
		drive_poll(&k.d);
		assert_non_null(k.blk->stalled);
		if (!round)
			disk_driver(&k, 0);
	}
	disk_down(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flush_comes_behind_every_write_answered),
		cmocka_unit_test(flush_under_way_is_not_shared),
		cmocka_unit_test(requests_complete_in_any_order),
		cmocka_unit_test(in_flight_is_bounded_and_all_is_done),
		cmocka_unit_test(no_notification_is_asked_for_at_full_depth),
		cmocka_unit_test(reset_forgets_what_is_in_flight),
		cmocka_unit_test(reset_between_pieces_ends_the_request),
		cmocka_unit_test(vm_goes_before_its_requests_end),
		cmocka_unit_test(vm_goes_before_it_hears_of_the_end),
		cmocka_unit_test(pause_waits_for_what_is_in_flight),
		cmocka_unit_test(clone_goes_on_with_what_waits),
		cmocka_unit_test(state_of_another_disk_is_refused),
		cmocka_unit_test(rebind_asks_the_back_end_again),
		cmocka_unit_test(limit_holds_requests_back_until_it_is_lifted),
		cmocka_unit_test(limit_passes_with_time),
		cmocka_unit_test(pause_does_not_wait_for_a_limit),
		cmocka_unit_test(reset_and_destroy_take_what_waits_for_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
