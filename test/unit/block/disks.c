/* SPDX-License-Identifier: Apache-2.0 */
/* ukvmm_vm_add_blk and its changes, with real files, work threads and ring beneath a driven VM. */
#include "../kvm/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "blk.h"
#include "drive.h"
#include "raw.h"
#include "virtio_reg.h"

enum { BYTES = 1 << 20, LEN = 4096 };

static int file_of(uint64_t bytes)
{
	char path[] = "/tmp/ukvmm-disk-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	return fd;
}

struct disk {
	struct drive d;
	struct drive_dev dev;
	uint64_t header, data, status;
};

static int add(struct disk *k, const struct ukvmm_blk_config *config)
{
	struct ukvmm_err err = { .size = sizeof err };
	int rc;

	drive_init(&k->d);
	rc = ukvmm_vm_add_blk(k->d.vm, "vda", config, &err);
	if (rc && rc != -ENOTSUP)
		fail_msg("%s(%s): %s", err.call, err.object, err.text);
	return rc;
}

static void up(struct disk *k, uint64_t features)
{
	if (!k->d.vm->shell)
		drive_seal(&k->d);
	drive_dev_up(&k->d, 0, 1, 64, features, &k->dev);
	k->header = drive_alloc(&k->d, 16);
	k->data = drive_alloc(&k->d, LEN);
	k->status = drive_alloc(&k->d, 1);
}

static uint8_t ask(struct disk *k, uint32_t type, uint64_t sector, uint32_t len)
{
	struct blk_header h = { .type = type, .sector = sector };
	struct drive_seg seg[3] = { { k->header, sizeof h, false }, { k->data, len, type != BLK_T_OUT },
		{ k->status, 1, true } };

	memcpy(drive_at(&k->d, k->header, sizeof h), &h, sizeof h);
	*(uint8_t *)drive_at(&k->d, k->status, 1) = 0xaa;
	if (!len)
		seg[1] = seg[2];
	drive_put(&k->dev, 0, seg, len ? 3 : 2);
	drive_kick(&k->dev, 0);
	drive_wait_used(&k->dev, 0, NULL);
	return *(uint8_t *)drive_at(&k->d, k->status, 1);
}

static void fill(struct disk *k, int byte)
{
	memset(drive_at(&k->d, k->data, LEN), byte, LEN);
}

static uint8_t data_at(struct disk *k, uint32_t at)
{
	return ((uint8_t *)drive_at(&k->d, k->data, LEN))[at];
}

static uint8_t file_byte(int fd, uint64_t off)
{
	uint8_t byte;

	assert_int_equal(file_rw(fd, BLOCK_READ, off, &byte, 1, 0), 0);
	return byte;
}

static void round_trip(uint32_t flags)
{
	int fd = file_of(BYTES);
	struct ukvmm_blk_config config = { .size = sizeof config, .flags = flags, .fd = fd, .top_fd = -1 };
	struct disk k;
	int rc = add(&k, &config);

	if (rc) {
		drive_fini(&k.d);
		close(fd);
		skip();
	}
	up(&k, flags & UKVMM_BLK_WRITETHROUGH ? 0 : BLK_F_FLUSH);
	for (uint32_t i = 0; i < 16; i++) {
		fill(&k, (int)(0x40 + i));
		assert_int_equal(ask(&k, BLK_T_OUT, i * 8, LEN), BLK_S_OK);
		if (i % 4 == 0)
			assert_int_equal(ask(&k, BLK_T_FLUSH, 0, 0), BLK_S_OK);
		fill(&k, 0);
		assert_int_equal(ask(&k, BLK_T_IN, i * 8, LEN), BLK_S_OK);
		assert_int_equal(data_at(&k, LEN - 1), 0x40 + i);
		assert_int_equal(file_byte(fd, (i + 1) * LEN - 1), 0x40 + i);
	}
	assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	assert_int_equal(ask(&k, BLK_T_IN, 0, LEN), BLK_S_OK);
	assert_int_equal(data_at(&k, 0), 0x40);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(ask(&k, BLK_T_IN, 0, LEN), BLK_S_IOERR);
	drive_fini(&k.d);
	close(fd);
}

static void file_through_work_threads(void **state)
{
	(void)state;
	round_trip(0);
}

static void file_through_the_ring(void **state)
{
	(void)state;
	round_trip(UKVMM_BLK_URING);
}

static void writethrough_through_the_ring(void **state)
{
	(void)state;
	round_trip(UKVMM_BLK_URING | UKVMM_BLK_WRITETHROUGH);
}

/* A guest that writes the header of an image format gets its bytes back, also after a restart. */
static void content_never_chooses_a_format(void **state)
{
	static const uint8_t qcow2[] = { 'Q', 'F', 'I', 0xfb, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 11 };
	int fd = file_of(BYTES);
	struct ukvmm_blk_config config = { .size = sizeof config, .fd = fd, .top_fd = -1 };
	struct disk k;

	(void)state;
	for (int boot = 0; boot < 2; boot++) {
		assert_int_equal(add(&k, &config), 0);
		up(&k, 0);
		assert_int_equal(drive_reg(&k.dev, REG_CONFIG, 8), BYTES / 512);
		if (!boot) {
			memcpy(drive_at(&k.d, k.data, LEN), qcow2, sizeof qcow2);
			assert_int_equal(ask(&k, BLK_T_OUT, 0, LEN), BLK_S_OK);
		}
		fill(&k, 0);
		assert_int_equal(ask(&k, BLK_T_IN, 0, LEN), BLK_S_OK);
		assert_memory_equal(drive_at(&k.d, k.data, LEN), qcow2, sizeof qcow2);
		drive_fini(&k.d);
	}
	close(fd);
}

static void overlay_leaves_the_base_alone(void **state)
{
	int fd = file_of(BYTES), top = file_of(0);

	(void)state;
	for (int kind = 0; kind < 3; kind++) { /* memory, a new file, the same file again */
		struct ukvmm_blk_config config = { .size = sizeof config, .fd = fd, .top_fd = kind ? top : -1,
			.flags = kind ? UKVMM_BLK_OVERLAY_FILE : UKVMM_BLK_OVERLAY };
		struct disk k;

		assert_int_equal(add(&k, &config), 0);
		up(&k, BLK_F_FLUSH);
		assert_int_equal(ask(&k, BLK_T_IN, 8, LEN), BLK_S_OK);
		assert_int_equal(data_at(&k, 0), kind == 2 ? 0x66 : 0);
		fill(&k, 0x66);
		assert_int_equal(ask(&k, BLK_T_OUT, 8, LEN), BLK_S_OK);
		assert_int_equal(ask(&k, BLK_T_FLUSH, 0, 0), BLK_S_OK);
		drive_fini(&k.d);
		assert_int_equal(file_byte(fd, LEN), 0);
	}
	close(fd);
	close(top);
}

static void refused(struct drive *d, const char *dev, const struct ukvmm_blk_config *config, int code, const char *word)
{
	struct ukvmm_err err = { .size = sizeof err };

	assert_int_equal(ukvmm_vm_add_blk(d->vm, dev, config, &err), code);
	assert_int_equal(err.code, code);
	if (!strstr(err.text, word))
		fail_msg("\"%s\" has no \"%s\"", err.text, word);
	assert_int_equal(d->vm->devices, 0);
}

static void wrong_configs_are_refused(void **state)
{
	int fd = file_of(BYTES);
	struct ukvmm_rate rate = { .size = sizeof rate, .flags = 1 };
	struct ukvmm_blk_config c = { .size = sizeof c, .fd = fd, .top_fd = -1 }, bad;
	struct drive d;

	(void)state;
	drive_init(&d);
	refused(&d, "vda", NULL, -EINVAL, "bad");
	refused(&d, NULL, &c, -EINVAL, "name");
	refused(&d, "a name that is far too long for a device", &c, -EINVAL, "31");
	bad = c;
	bad.size = 1;
	refused(&d, "vda", &bad, -EINVAL, "bad");
	bad = c;
	bad.flags = 1u << 31;
	refused(&d, "vda", &bad, -EINVAL, "flag");
	bad.flags = UKVMM_BLK_OVERLAY | UKVMM_BLK_OVERLAY_FILE;
	refused(&d, "vda", &bad, -EINVAL, "exclude");
	bad.flags = UKVMM_BLK_OVERLAY | UKVMM_BLK_READ_ONLY;
	refused(&d, "vda", &bad, -EINVAL, "exclude");
	bad.flags = UKVMM_BLK_OVERLAY_FILE;
	refused(&d, "vda", &bad, -EBADF, "top_fd");
	bad = c;
	bad.fd = -1;
	refused(&d, "vda", &bad, -EBADF, "open");
	bad = c;
	bad.rate = &rate;
	refused(&d, "vda", &bad, -EINVAL, "bad");
	drive_fini(&d);
	close(fd);
}

static void rebind_and_rate_by_name(void **state)
{
	int fd = file_of(BYTES), other = file_of(BYTES), small = file_of(BYTES / 2);
	struct ukvmm_blk_config config = { .size = sizeof config, .fd = fd, .top_fd = -1 };
	struct ukvmm_rate rate = { .size = sizeof rate, .bytes_per_s = 1ull << 40 };
	struct disk k;

	(void)state;
	assert_int_equal(add(&k, &config), 0);
	up(&k, 0);
	assert_int_equal(ukvmm_vm_set_rate(k.d.vm, "vda", UKVMM_RATE_ALL, &rate, NULL), 0);
	assert_int_equal(ukvmm_vm_set_rate(k.d.vm, "vda", UKVMM_RATE_RX, &rate, NULL), -EINVAL);
	assert_int_equal(ukvmm_vm_set_rate(k.d.vm, "vdb", UKVMM_RATE_ALL, &rate, NULL), -ENODEV);
	fill(&k, 1);
	assert_int_equal(ask(&k, BLK_T_OUT, 0, LEN), BLK_S_OK);
	assert_int_equal(ukvmm_vm_rebind(k.d.vm, "vda", other, NULL), -EBADFD);
	drive_pause(&k.d);
	assert_int_equal(ukvmm_vm_rebind(k.d.vm, "vda", small, NULL), -EINVAL);
	assert_int_equal(ukvmm_vm_rebind(k.d.vm, "vda", other, NULL), 0);
	assert_int_equal(ukvmm_vm_resume(k.d.vm), 0);
	fill(&k, 2);
	assert_int_equal(ask(&k, BLK_T_OUT, 0, LEN), BLK_S_OK);
	assert_int_equal(file_byte(fd, 0), 1);
	assert_int_equal(file_byte(other, 0), 2);
	drive_fini(&k.d);
	close(fd);
	close(other);
	close(small);
}

/* Resets and the end of the VM while threads and ring have its requests. */
static void ends_in_the_middle(void **state)
{
	int fd = file_of(BYTES);

	(void)state;
	for (uint32_t round = 0; round < 20; round++) {
		struct ukvmm_blk_config config = { .size = sizeof config, .fd = fd, .top_fd = -1,
			.flags = UKVMM_BLK_WRITETHROUGH | (round % 2 ? UKVMM_BLK_URING : 0) };
		struct blk_header h = { .type = BLK_T_OUT };
		struct drive_seg seg[3];
		struct disk k;

		if (add(&k, &config)) {
			drive_fini(&k.d);
			continue;
		}
		up(&k, 0);
		memcpy(drive_at(&k.d, k.header, sizeof h), &h, sizeof h);
		seg[0] = (struct drive_seg){ k.header, sizeof h, false };
		seg[1] = (struct drive_seg){ k.data, LEN, false };
		seg[2] = (struct drive_seg){ k.status, 1, true };
		for (int i = 0; i < 8; i++)
			drive_put(&k.dev, 0, seg, 3);
		drive_kick(&k.dev, 0);
		if (round % 4 >= 2) {
			up(&k, 0);
			assert_int_equal(ask(&k, BLK_T_OUT, 0, LEN), BLK_S_OK);
		}
		drive_fini(&k.d);
	}
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_through_work_threads),
		cmocka_unit_test(file_through_the_ring),
		cmocka_unit_test(writethrough_through_the_ring),
		cmocka_unit_test(content_never_chooses_a_format),
		cmocka_unit_test(overlay_leaves_the_base_alone),
		cmocka_unit_test(wrong_configs_are_refused),
		cmocka_unit_test(rebind_and_rate_by_name),
		cmocka_unit_test(ends_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
