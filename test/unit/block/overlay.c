/* SPDX-License-Identifier: Apache-2.0 */
/* Overlays against a plain array, their file's order of writes, and files that are not what they say. */
#include "../kvm/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ukvmm/error.h>

#include "block.h"
#include "overlay.h"
#include "raw.h"

enum { BYTES = 100 * 4096 + 1536, STEPS = 4000, LOG = 64 };
#define DATA_OFF (2u * OVERLAY_PAGE)

/* What the overlay did to its file, in order: the linker puts these in front of the C library's. */
static struct {
	char what;
	uint64_t off;
} done[LOG];
static uint32_t logged;
static bool logging;
static int sync_fails;

ssize_t __real_pwritev2(int fd, const struct iovec *v, int n, off_t off, int how);
int __real_fdatasync(int fd);
ssize_t __wrap_pwritev2(int fd, const struct iovec *v, int n, off_t off, int how);
int __wrap_fdatasync(int fd);

static void note(char what, uint64_t off)
{
	if (!logging)
		return;
	assert_true(logged < LOG);
	done[logged].what = what;
	done[logged++].off = off;
}

ssize_t __wrap_pwritev2(int fd, const struct iovec *v, int n, off_t off, int how)
{
	note('w', (uint64_t)off);
	return __real_pwritev2(fd, v, n, off, how);
}

int __wrap_fdatasync(int fd)
{
	note('s', 0);
	if (sync_fails) {
		errno = EIO;
		return -1;
	}
	return __real_fdatasync(fd);
}

static int file_of(uint64_t bytes)
{
	char path[] = "/tmp/ukvmm-overlay-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	return fd;
}

static uint8_t base_byte(uint64_t off)
{
	return (uint8_t)(off / 512 * 7 + 1);
}

static int base_file(void)
{
	int fd = file_of(BYTES);
	static uint8_t bytes[BYTES];

	for (uint64_t i = 0; i < BYTES; i++)
		bytes[i] = base_byte(i);
	assert_int_equal(file_rw(fd, BLOCK_WRITE, 0, bytes, BYTES, 0), 0);
	return fd;
}

static struct block_backend *overlay_of(int base_fd, int top_fd)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct block_backend *base, *b;

	assert_int_equal(block_raw(&base, base_fd, true, "disk", NULL), 0);
	if (block_overlay(&b, base, top_fd, "disk", &err))
		fail_msg("%s", err.text);
	return b;
}

static void assert_content(struct block_backend *b, const uint8_t *model)
{
	static uint8_t bytes[BYTES];

	assert_int_equal(b->ops->rw(b, BLOCK_READ, 0, bytes, BYTES, 0), 0);
	assert_memory_equal(bytes, model, BYTES);
}

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* One random operation on both. */
static void random_step(struct block_backend *b, uint8_t *model, uint32_t *seed)
{
	static uint8_t buf[64 * 512];
	uint64_t sectors = BYTES / 512, first = next(seed) % sectors, n = 1 + next(seed) % 64;
	uint64_t off = first * 512, len;

	if (n > sectors - first)
		n = sectors - first;
	len = n * 512;
	switch (next(seed) % 6) {
	case 0:
	case 1:
		assert_int_equal(b->ops->rw(b, BLOCK_READ, off, buf, len, 0), 0);
		assert_memory_equal(buf, model + off, len);
		break;
	case 2:
		assert_int_equal(b->ops->zero(b, off, len, next(seed) & 1 ? BLOCK_UNMAP : 0), 0);
		memset(model + off, 0, len);
		break;
	case 3: /* afterwards the range is anything: so write it */
		assert_int_equal(b->ops->discard(b, off, len, 0), 0);
		/* fall through */
	default:
		memset(buf, (int)next(seed) & 0xff, len);
		assert_int_equal(b->ops->rw(b, BLOCK_WRITE, off, buf, len, 0), 0);
		memcpy(model + off, buf, len);
	}
}

static void same_as_an_array(int top_fd)
{
	static uint8_t model[BYTES], base[BYTES];
	int base_fd = base_file();
	struct block_backend *b = overlay_of(base_fd, top_fd);
	uint32_t seed = 20261121;

	assert_int_equal(b->bytes, BYTES);
	assert_false(b->read_only);
	for (uint64_t i = 0; i < BYTES; i++)
		model[i] = base[i] = base_byte(i);
	for (int i = 0; i < STEPS; i++) {
		random_step(b, model, &seed);
		if (top_fd >= 0 && next(&seed) % 200 == 0) {
			assert_int_equal(b->ops->flush(b), 0);
			b->ops->close(b);
			b = overlay_of(base_fd, top_fd);
		}
	}
	assert_content(b, model);
	b->ops->close(b);
	b = overlay_of(base_fd, -1);
	assert_content(b, base); /* nothing was written there */
	b->ops->close(b);
	close(base_fd);
}

static void memory_top_is_as_an_array(void **state)
{
	(void)state;
	same_as_an_array(-1);
}

static void file_top_is_as_an_array_also_when_opened_again(void **state)
{
	int top = file_of(0);

	(void)state;
	same_as_an_array(top);
	close(top);
}

static void now_does_all_or_nothing(void **state)
{
	int base_fd = base_file();
	struct block_backend *b = overlay_of(base_fd, -1);
	uint8_t buf[4096] = { 9 }, in[4096];
	int rc;

	(void)state;
	assert_true(b->flush_free);
	/* a whole cluster needs no base */
	assert_int_equal(b->ops->rw(b, BLOCK_WRITE, 4096, buf, 4096, BLOCK_NOW), 0);
	assert_int_equal(b->ops->rw(b, BLOCK_READ, 4096, in, 4096, BLOCK_NOW), 0);
	assert_memory_equal(in, buf, 4096);
	assert_int_equal(b->ops->rw(b, BLOCK_WRITE, 4608, buf, 512, BLOCK_NOW), 0);
	rc = b->ops->rw(b, BLOCK_WRITE, 512, buf, 512, BLOCK_NOW);
	assert_true(!rc || rc == -EAGAIN);
	assert_int_equal(b->ops->rw(b, BLOCK_READ, 512, in, 512, 0), 0);
	assert_int_equal(in[0], rc ? base_byte(512) : 9);
	b->ops->close(b);
	close(base_fd);
}

static void flush_orders_bits_behind_data(void **state)
{
	int base_fd = base_file(), top = file_of(0);
	struct block_backend *b = overlay_of(base_fd, top);
	uint8_t buf[4096] = { 5 };

	(void)state;
	logged = 0;
	logging = true;
	assert_int_equal(b->ops->rw(b, BLOCK_WRITE, 8192, buf, 4096, 0), 0);
	assert_int_equal(logged, 1); /* no bit yet */
	assert_int_equal(b->ops->flush(b), 0);
	assert_int_equal(logged, 4);
	assert_int_equal(done[0].off, DATA_OFF + 8192);
	assert_int_equal(done[1].what, 's');
	assert_int_equal(done[2].what, 'w');
	assert_int_equal(done[2].off, OVERLAY_PAGE);
	assert_int_equal(done[3].what, 's');
	/* nothing new: one sync for data written in place */
	assert_int_equal(b->ops->rw(b, BLOCK_WRITE, 8192, buf, 4096, 0), 0);
	assert_int_equal(b->ops->flush(b), 0);
	assert_int_equal(logged, 6);
	assert_int_equal(done[5].what, 's');
	/* a write that is to be on the medium does the same by itself */
	assert_int_equal(b->ops->rw(b, BLOCK_WRITE, 0, buf, 512, BLOCK_SYNC), 0);
	assert_int_equal(logged, 10);
	assert_int_equal(done[8].off, OVERLAY_PAGE);
	logging = false;
	b->ops->close(b);
	close(base_fd);
	close(top);
}

/* The kernel may have dropped the data, and its next sync would succeed: no bit may ever speak of it. */
static void flush_that_fails_writes_no_bits_for_good(void **state)
{
	int base_fd = base_file(), top = file_of(0);
	struct block_backend *b = overlay_of(base_fd, top);
	uint8_t buf[4096] = { 5 }, bits = 0xff;

	(void)state;
	assert_int_equal(b->ops->rw(b, BLOCK_WRITE, 0, buf, 4096, 0), 0);
	sync_fails = 1;
	assert_int_equal(b->ops->flush(b), -EIO);
	sync_fails = 0;
	assert_int_equal(file_rw(top, BLOCK_READ, OVERLAY_PAGE, &bits, 1, 0), 0);
	assert_int_equal(bits, 0);
	assert_int_equal(b->ops->flush(b), -EIO);
	assert_int_equal(b->ops->rw(b, BLOCK_WRITE, 4096, buf, 4096, BLOCK_SYNC), -EIO);
	assert_int_equal(b->ops->zero(b, 0, 4096, BLOCK_SYNC), -EIO);
	assert_int_equal(file_rw(top, BLOCK_READ, OVERLAY_PAGE, &bits, 1, 0), 0);
	assert_int_equal(bits, 0);
	b->ops->close(b);
	b = overlay_of(base_fd, top); /* what is there now is there */
	assert_int_equal(b->ops->flush(b), 0);
	b->ops->close(b);
	close(base_fd);
	close(top);
}

/* What was never flushed may be lost, and is then the base's; zeroes do not bring old data back. */
static void crash_leaves_base_or_data(void **state)
{
	int base_fd = base_file(), top = file_of(0);
	struct block_backend *b = overlay_of(base_fd, top);
	uint8_t buf[4096] = { 5 }, in[8192];

	(void)state;
	assert_int_equal(b->ops->rw(b, BLOCK_WRITE, 0, buf, 4096, 0), 0);
	assert_int_equal(b->ops->flush(b), 0);
	assert_int_equal(b->ops->rw(b, BLOCK_WRITE, 4096, buf, 4096, 0), 0);
	b->ops->close(b); /* no flush */
	b = overlay_of(base_fd, top);
	assert_int_equal(b->ops->rw(b, BLOCK_READ, 0, in, sizeof in, 0), 0);
	assert_memory_equal(in, buf, 4096);
	assert_int_equal(in[4096], base_byte(4096));
	assert_int_equal(b->ops->zero(b, 4096, 4096, 0), 0);
	assert_int_equal(b->ops->rw(b, BLOCK_READ, 4096, in, 4096, 0), 0);
	for (int i = 0; i < 4096; i++)
		assert_int_equal(in[i], 0);
	b->ops->close(b);
	close(base_fd);
	close(top);
}

static void refused(int base_fd, int top, const char *word)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct block_backend *base, *b;

	assert_int_equal(block_raw(&base, base_fd, true, "vda", NULL), 0);
	assert_true(block_overlay(&b, base, top, "vda", &err) < 0);
	assert_string_equal(err.object, "vda");
	if (!strstr(err.text, word))
		fail_msg("\"%s\" has no \"%s\"", err.text, word);
}

struct harm {
	uint32_t off, len;
	uint64_t value;
	const char *word;
};

static void metadata_that_lies_is_refused(void **state)
{
	static const struct harm harms[] = {
		{ 0, 1, 'x', "neither empty nor an overlay" },
		{ 8, 4, 0, "version" },
		{ 8, 4, 2, "version" },
		{ 12, 4, 0, "cluster size" },
		{ 12, 4, 2048, "cluster size" },
		{ 12, 4, 4097, "cluster size" },
		{ 12, 4, 2 << 20, "cluster size" },
		{ 12, 4, 8192, "cut short or too long" },
		{ 16, 8, BYTES + 512, "another size" },
		{ 16, 8, UINT64_MAX, "another size" },
		{ 24, 8, 0, "does not fit" },
		{ 32, 8, UINT64_MAX - 4095, "does not fit" },
		{ 40, 8, 1, "does not fit" },
		{ OVERLAY_PAGE + BYTES / 4096 / 8, 1, 0xff, "behind the end" },
		{ 2 * OVERLAY_PAGE - 1, 1, 0x80, "behind the end" },
	};
	int base_fd = base_file();

	(void)state;
	for (uint32_t i = 0; i < sizeof harms / sizeof *harms; i++) {
		uint64_t value = harms[i].value;
		int top = file_of(0);
		struct block_backend *b = overlay_of(base_fd, top);

		b->ops->close(b);
		assert_int_equal(file_rw(top, BLOCK_WRITE, harms[i].off, &value, harms[i].len, 0), 0);
		refused(base_fd, top, harms[i].word);
		close(top);
	}
	close(base_fd);
}

static void files_that_are_no_tops_are_refused(void **state)
{
	static uint8_t qcow2[512] = { 'Q', 'F', 'I', 0xfb, 0, 0, 0, 3 };
	int base_fd = base_file(), top = file_of(0), one = file_of(1), read_only, other = file_of(512);
	struct block_backend *b = overlay_of(base_fd, top);
	char path[64];
	struct stat st;

	(void)state;
	b->ops->close(b);
	assert_int_equal(fstat(top, &st), 0);
	assert_int_equal(ftruncate(top, st.st_size - 1), 0);
	refused(base_fd, top, "cut short");
	assert_int_equal(ftruncate(top, st.st_size + 1), 0);
	refused(base_fd, top, "too long");
	assert_int_equal(ftruncate(top, 40), 0);
	refused(base_fd, top, "neither empty");
	refused(base_fd, one, "neither empty");
	assert_int_equal(file_rw(other, BLOCK_WRITE, 0, qcow2, sizeof qcow2, 0), 0);
	refused(base_fd, other, "neither empty");
	refused(base_fd, base_fd, "base itself");
	snprintf(path, sizeof path, "/proc/self/fd/%d", top);
	read_only = open(path, O_RDONLY | O_CLOEXEC);
	refused(base_fd, read_only, "reading and writing");
	close(read_only);
	close(base_fd);
	close(top);
	close(one);
	close(other);
}

struct writer {
	struct block_backend *b;
	uint64_t sector;
};

/* Sectors of shared clusters, each thread its own: neighbours must not be lost. */
static void *write_every_fourth(void *arg)
{
	struct writer *w = arg;
	uint8_t buf[512];

	memset(buf, 0xf0 | (int)w->sector, sizeof buf);
	for (uint64_t s = w->sector; s < BYTES / 512; s += 4)
		if (w->b->ops->rw(w->b, BLOCK_WRITE, s * 512, buf, 512, 0))
			return arg;
	return NULL;
}

static void threads_share_clusters(void **state)
{
	int base_fd = base_file();
	struct block_backend *b = overlay_of(base_fd, -1);
	struct writer w[4];
	pthread_t thread[4];
	uint8_t in[512];

	(void)state;
	for (uint64_t i = 0; i < 4; i++) {
		w[i] = (struct writer){ b, i };
		assert_int_equal(pthread_create(&thread[i], NULL, write_every_fourth, &w[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		void *failed;

		pthread_join(thread[i], &failed);
		assert_null(failed);
	}
	for (uint64_t s = 0; s < BYTES / 512; s++) {
		assert_int_equal(b->ops->rw(b, BLOCK_READ, s * 512, in, 512, 0), 0);
		assert_int_equal(in[0], 0xf0 | s % 4);
	}
	b->ops->close(b);
	close(base_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_top_is_as_an_array),
		cmocka_unit_test(file_top_is_as_an_array_also_when_opened_again),
		cmocka_unit_test(now_does_all_or_nothing),
		cmocka_unit_test(flush_orders_bits_behind_data),
		cmocka_unit_test(flush_that_fails_writes_no_bits_for_good),
		cmocka_unit_test(crash_leaves_base_or_data),
		cmocka_unit_test(metadata_that_lies_is_refused),
		cmocka_unit_test(files_that_are_no_tops_are_refused),
		cmocka_unit_test(threads_share_clusters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
