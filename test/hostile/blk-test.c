/* SPDX-License-Identifier: Apache-2.0 */
/* What only a disk can be asked (virtio 1.2 §5.2). */
#include "suite.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "subjects.h"

enum { SECTORS = BLK_BYTES / 512, AT = 0x4000, HEADER = 0x1000, STATUS = 0x1100, UNTOUCHED = 0xee };

static uint8_t *at(struct hostile *h, uint64_t off, uint64_t len)
{
	return drive_at(&h->d, h->buf + off, len);
}

/* The file is as long as it was, and this sector holds only `byte`. */
static void assert_sector(struct hostile *h, uint64_t sector, uint8_t byte)
{
	uint8_t bytes[512];
	struct stat st;

	CHECK(!fstat(h->fd, &st) && st.st_size == BLK_BYTES);
	CHECK(pread(h->fd, bytes, sizeof bytes, (off_t)sector * 512) == sizeof bytes);
	for (uint32_t i = 0; i < sizeof bytes; i++)
		CHECK(bytes[i] == byte);
}

/* A chain as it is given; its status byte at STATUS, and how many bytes the device says it wrote. */
static uint8_t chain(struct hostile *h, uint32_t type, uint64_t sector, const struct drive_seg *seg, uint32_t n,
	uint32_t *len)
{
	struct blk_header header = { .type = type, .sector = sector };

	memcpy(at(h, HEADER, sizeof header), &header, sizeof header);
	*at(h, STATUS, 1) = UNTOUCHED;
	drive_put(&h->dev, 0, seg, n);
	drive_kick(&h->dev, 0);
	drive_wait_used(&h->dev, 0, len);
	return *at(h, STATUS, 1);
}

static struct drive_seg header_seg(struct hostile *h)
{
	return (struct drive_seg){ h->buf + HEADER, sizeof(struct blk_header), false };
}

static struct drive_seg status_seg(struct hostile *h)
{
	return (struct drive_seg){ h->buf + STATUS, 1, true };
}

/* CH 376434a69: each buffer alone would fit. */
static void capacity_is_checked_over_the_whole_chain(void **state)
{
	struct hostile *h = *state;
	struct drive_seg seg[10] = { header_seg(h) };

	for (uint32_t out = 0; out < 2; out++)
		for (uint32_t n = 2; n <= 8; n++) {
			for (uint32_t i = 0; i < n; i++)
				seg[1 + i] = (struct drive_seg){ h->buf + AT, 512, !out };
			seg[1 + n] = status_seg(h);
			memset(at(h, AT, 512), 0xaa, 512);
			CHECK(chain(h, out ? BLK_OUT : BLK_IN, SECTORS - 1, seg, n + 2, NULL) == BLK_IOERR);
			assert_sector(h, SECTORS - 1, 0);
		}
	CHECK(blk_request(h, BLK_OUT, SECTORS - 1, h->buf + AT, 512) == BLK_OK);
	assert_sector(h, SECTORS - 1, 0xaa);
	assert_neighbours_work(h);
}

/* FC request_parse_failures, out_of_bounds: sums and products that wrap. */
static void sectors_past_the_end_are_errors(void **state)
{
	struct hostile *h = *state;
	const uint64_t sectors[] = { SECTORS, SECTORS + 1, 1ull << 32, 1ull << 54, 1ull << 55, (1ull << 55) - 1,
		UINT64_MAX / 512, UINT64_MAX / 512 + 1, 1ull << 63, UINT64_MAX - 1, UINT64_MAX };

	for (uint32_t i = 0; i < COUNT(sectors); i++) {
		CHECK(blk_request(h, BLK_IN, sectors[i], h->buf + AT, 512) == BLK_IOERR);
		CHECK(blk_request(h, BLK_OUT, sectors[i], h->buf + AT, 512) == BLK_IOERR);
	}
	CHECK(!is_broken(h));
	h->subject->works(h);
	assert_neighbours_work(h);
}

static void lengths_that_are_no_sectors_are_errors(void **state)
{
	struct hostile *h = *state;
	const uint32_t lens[] = { 1, 511, 513, 1023, 4095 };

	memset(at(h, AT, 4096), 0xbb, 4096);
	for (uint32_t i = 0; i < COUNT(lens); i++) {
		CHECK(blk_request(h, BLK_OUT, 0, h->buf + AT, lens[i]) == BLK_IOERR);
		CHECK(blk_request(h, BLK_IN, 0, h->buf + AT, lens[i]) == BLK_IOERR);
	}
	assert_sector(h, 0, 0);
	h->subject->works(h);
	assert_neighbours_work(h);
}

static void types_that_are_none_are_unsupported(void **state)
{
	struct hostile *h = *state;

	for (uint32_t type = 0; type < 64; type++) {
		bool known = type == BLK_IN || type == BLK_OUT || type == BLK_FLUSH || type == BLK_GET_ID ||
			type == BLK_DISCARD || type == BLK_ZEROES;

		if (!known)
			CHECK(blk_request(h, type, 0, h->buf + AT, 512) == BLK_UNSUPP);
		CHECK(blk_request(h, type | 0x80000000, 0, h->buf + AT, 512) == BLK_UNSUPP);
	}
	CHECK(blk_request(h, UINT32_MAX, 0, h->buf + AT, 512) == BLK_UNSUPP);
	h->subject->works(h);
	assert_neighbours_work(h);
}

/* Headers and status where a sound driver has none: given back, nothing written that was not offered. */
static void chains_without_header_or_status_are_given_back(void **state)
{
	struct hostile *h = *state;
	struct drive_seg seg[3];
	uint32_t len;

	/* no status */
	seg[0] = header_seg(h);
	seg[1] = (struct drive_seg){ h->buf + AT, 512, false };
	memset(at(h, AT, 512), 0xcc, 512);
	CHECK(chain(h, BLK_OUT, 3, seg, 2, &len) == UNTOUCHED && !len);
	assert_sector(h, 3, 0);
	CHECK(chain(h, BLK_FLUSH, 0, seg, 1, &len) == UNTOUCHED && !len);
	/* no header, half of one */
	seg[0] = status_seg(h);
	CHECK(chain(h, BLK_OUT, 3, seg, 1, &len) == BLK_IOERR && len == 1);
	seg[0] = (struct drive_seg){ h->buf + HEADER, 15, false };
	seg[1] = status_seg(h);
	CHECK(chain(h, BLK_IN, 3, seg, 2, &len) == BLK_IOERR && len == 1);
	/* only the status is writable: a read of nothing */
	seg[0] = header_seg(h);
	CHECK(chain(h, BLK_IN, 3, seg, 2, &len) != UNTOUCHED && len == 1);
	CHECK(!is_broken(h));
	h->subject->works(h);
	assert_neighbours_work(h);
}

/* Header in single bytes, data that begins inside of it, status at the end of the last buffer: all legal. */
static void framing_is_the_drivers_choice(void **state)
{
	struct hostile *h = *state;
	const uint32_t header_bytes = sizeof(struct blk_header);
	struct blk_header header = { .type = BLK_IN, .sector = 7 };
	uint32_t n = header_bytes + 1;
	uint8_t disk[512];

	memset(disk, 0x7d, sizeof disk);
	CHECK(pwrite(h->fd, disk, sizeof disk, 7 * 512) == sizeof disk);
	memcpy(at(h, HEADER, header_bytes), &header, header_bytes);
	memset(at(h, AT, 1024), UNTOUCHED, 1024);
	for (uint32_t i = 0; i < n; i++)
		hostile_desc_at(h, h->buf, i, i + 1 < n ? h->buf + HEADER + i : h->buf + AT, i + 1 < n ? 1 : 513,
			i + 1 < n ? DESC_NEXT : DESC_WRITE, i + 1);
	hostile_desc(h, 0, 0, h->buf, 16 * n, DESC_INDIRECT, 0);
	hostile_offer(h, 0, 0);
	drive_kick(&h->dev, 0);
	drive_wait_used(&h->dev, 0, NULL);
	CHECK(!memcmp(at(h, AT, 512), disk, sizeof disk));
	CHECK(*at(h, AT + 512, 1) == BLK_OK && *at(h, AT + 513, 1) == UNTOUCHED);
	assert_neighbours_work(h);
}

/* QEMU CVE-2026-48914: an answer longer than its place. */
static void identity_needs_its_room(void **state)
{
	struct hostile *h = *state;

	for (uint32_t room = 1; room < 20; room++) {
		memset(at(h, AT, 64), UNTOUCHED, 64);
		CHECK(blk_request(h, BLK_GET_ID, 0, h->buf + AT, room) == BLK_IOERR);
		CHECK(*at(h, AT + room, 1) == UNTOUCHED);
	}
	memset(at(h, AT, 64), UNTOUCHED, 64);
	CHECK(blk_request(h, BLK_GET_ID, 0, h->buf + AT, 20) == BLK_OK);
	CHECK(!memcmp(at(h, AT, 20), "blk\0", 4) && *at(h, AT + 20, 1) == UNTOUCHED);
	assert_neighbours_work(h);
}

struct range {
	uint64_t sector;
	uint32_t sectors, flags;
};

static uint8_t range(struct hostile *h, uint32_t type, uint64_t sector, uint32_t sectors, uint32_t flags, uint32_t len)
{
	struct range r = { sector, sectors, flags };

	memcpy(at(h, AT, sizeof r), &r, sizeof r);
	return blk_request(h, type, 0, h->buf + AT, len);
}

/* CH c79f3acfa, f7ebb4b87: ranges are checked before they are multiplied. */
static void ranges_past_the_end_are_errors(void **state)
{
	struct hostile *h = *state;
	const uint32_t types[] = { BLK_DISCARD, BLK_ZEROES };
	const struct range bad[] = { { SECTORS, 1, 0 }, { SECTORS - 1, 2, 0 }, { 0, SECTORS + 1, 0 },
		{ 0, UINT32_MAX, 0 }, { UINT64_MAX / 512, 1, 0 }, { UINT64_MAX / 512 + 1, 1, 0 },
		{ 1ull << 55, 1, 0 }, { UINT64_MAX, 1, 0 }, { UINT64_MAX - 7, 8, 0 }, { 1ull << 63, UINT32_MAX, 0 } };
	uint8_t ones[512];

	memset(ones, 0x11, sizeof ones);
	CHECK(pwrite(h->fd, ones, sizeof ones, 0) == sizeof ones);
	CHECK(pwrite(h->fd, ones, sizeof ones, (SECTORS - 1) * 512) == sizeof ones);
	for (uint32_t t = 0; t < COUNT(types); t++) {
		for (uint32_t i = 0; i < COUNT(bad); i++)
			CHECK(range(h, types[t], bad[i].sector, bad[i].sectors, 0, 16) == BLK_IOERR);
		CHECK(range(h, types[t], 0, 1, 0xfffffffe, 16) == BLK_UNSUPP);
		CHECK(range(h, types[t], 0, 1, 0, 15) == BLK_IOERR);
		CHECK(range(h, types[t], 0, 1, 0, 32) == BLK_IOERR); /* two, where one is the limit */
		assert_sector(h, 0, 0x11);
		assert_sector(h, SECTORS - 1, 0x11);
	}
	CHECK(range(h, BLK_ZEROES, SECTORS - 1, 1, 0, 16) == BLK_OK);
	assert_sector(h, SECTORS - 1, 0);
	assert_sector(h, 0, 0x11);
	assert_neighbours_work(h);
}

static void requests_that_need_a_feature_need_it_negotiated(void **state)
{
	struct hostile *h = *state;
	uint8_t ones[512];

	memset(ones, 0x22, sizeof ones);
	CHECK(pwrite(h->fd, ones, sizeof ones, 0) == sizeof ones);
	hostile_up_with(h, 0, RING);
	CHECK(range(h, BLK_DISCARD, 0, 1, 0, 16) == BLK_UNSUPP);
	CHECK(range(h, BLK_ZEROES, 0, 1, 0, 16) == BLK_UNSUPP);
	assert_sector(h, 0, 0x22);
	assert_neighbours_work(h);
}

/* A file that becomes shorter while it is in use. */
static void a_disk_that_shrinks_gives_errors(void **state)
{
	struct hostile *h = *state;

	CHECK(!ftruncate(h->fd, 4096));
	CHECK(blk_request(h, BLK_IN, SECTORS - 1, h->buf + AT, 512) == BLK_IOERR);
	CHECK(blk_request(h, BLK_IN, 7, h->buf + AT, 1024) == BLK_IOERR); /* half of it is there */
	CHECK(blk_request(h, BLK_IN, 7, h->buf + AT, 512) == BLK_OK);
	CHECK(!is_broken(h));
	assert_neighbours_work(h);
	CHECK(!ftruncate(h->fd, BLK_BYTES));
	assert_recovers(h);
}

/* CVE-2026-27211: what the guest writes never chooses a format. The disk of the next boot is as raw as it was. */
static void content_never_chooses_a_format(void **state)
{
	struct hostile *h = *state;
	struct ukvmm_blk_config config = { .size = sizeof config, .top_fd = -1, .fd = h->fd };
	uint8_t *data = at(h, AT, 1024);
	struct drive next;
	struct drive_dev dev;

	memset(data, 0, 1024);
	/* QCOW2: magic, version 3, a backing file's name, a size of 1 TiB; and VMDK behind it */
	memcpy(data, "QFI\xfb\0\0\0\3\0\0\0\0\0\0\2\0\0\0\0\13\0\0\0\20\0\0\1\0\0\0\0\0", 32);
	memcpy(data + 512, "KDMV/etc/passwd", 15);
	CHECK(blk_request(h, BLK_OUT, 0, h->buf + AT, 1024) == BLK_OK);
	drive_init(&next);
	CHECK(!ukvmm_vm_add_blk(next.vm, "blk", &config, NULL));
	drive_seal(&next);
	drive_dev_up(&next, 0, 1, RING, 0, &dev);
	CHECK(drive_reg(&dev, REG_CONFIG, 8) == SECTORS);
	{
		uint64_t buf = drive_alloc(&next, 2 * PAGE);
		struct blk_header header = { .type = BLK_IN };

		memcpy(drive_at(&next, buf, sizeof header), &header, sizeof header);
		drive_put(&dev, 0,
			(struct drive_seg[]){ { buf, sizeof header, false }, { buf + PAGE, 1024, true },
				{ buf + 64, 1, true } },
			3);
		drive_kick(&dev, 0);
		drive_wait_used(&dev, 0, NULL);
		CHECK(*(uint8_t *)drive_at(&next, buf + 64, 1) == BLK_OK);
		CHECK(!memcmp(drive_at(&next, buf + PAGE, 1024), data, 1024));
	}
	drive_fini(&next);
	assert_neighbours_work(h);
}

static void add_read_only(struct hostile *h)
{
	blk_add(h, UKVMM_BLK_READ_ONLY);
}

static void read_only_works(struct hostile *h)
{
	CHECK(blk_request(h, BLK_IN, 0, h->buf + AT, 512) == BLK_OK);
}

static void a_read_only_disk_is_never_written(void **state)
{
	struct subject read_only = subject_blk;
	struct hostile *h = calloc(1, sizeof *h);

	(void)state;
	CHECK(h);
	read_only.add = add_read_only;
	read_only.works = read_only_works;
	hostile_init(h, &read_only);
	memset(at(h, AT, 512), 0x99, 512);
	CHECK(blk_request(h, BLK_OUT, 0, h->buf + AT, 512) == BLK_IOERR);
	CHECK(range(h, BLK_DISCARD, 0, 1, 0, 16) != BLK_OK);
	CHECK(range(h, BLK_ZEROES, 0, 1, 0, 16) != BLK_OK);
	assert_sector(h, 0, 0);
	assert_neighbours_work(h);
	assert_recovers(h);
	hostile_fini(h);
	free(h);
}

/* The driver may write the config space's `writeback` and nothing else. */
static void config_space_takes_no_more_than_its_one_byte(void **state)
{
	struct hostile *h = *state;

	for (uint32_t off = 0; off < VIRTIO_CONFIG_BYTES; off++)
		drive_reg_set(&h->dev, REG_CONFIG + off, 1, 0xff);
	CHECK(drive_reg(&h->dev, REG_CONFIG, 8) == SECTORS);
	CHECK(blk_request(h, BLK_IN, SECTORS, h->buf + AT, 512) == BLK_IOERR);
	CHECK(blk_request(h, BLK_OUT, 1, h->buf + AT, 512) == BLK_OK);
	assert_neighbours_work(h);
	assert_recovers(h);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ROW(capacity_is_checked_over_the_whole_chain),
		ROW(sectors_past_the_end_are_errors),
		ROW(lengths_that_are_no_sectors_are_errors),
		ROW(types_that_are_none_are_unsupported),
		ROW(chains_without_header_or_status_are_given_back),
		ROW(framing_is_the_drivers_choice),
		ROW(identity_needs_its_room),
		ROW(ranges_past_the_end_are_errors),
		ROW(requests_that_need_a_feature_need_it_negotiated),
		ROW(a_disk_that_shrinks_gives_errors),
		ROW(content_never_chooses_a_format),
		ROW(config_space_takes_no_more_than_its_one_byte),
		cmocka_unit_test(a_read_only_disk_is_never_written),
	};

	return SUITE_RUN(tests, "blk");
}
