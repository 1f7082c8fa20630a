/* SPDX-License-Identifier: Apache-2.0 */
/* Raw files: what is taken, what is refused, and files that misbehave. */
#include "../kvm/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <signal.h>
#include <unistd.h>

#include <ukvmm/error.h>

#include "block.h"
#include "raw.h"

enum { BYTES = 1 << 20 };

static int file_of(uint64_t bytes)
{
	char path[] = "/tmp/ukvmm-raw-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	return fd;
}

static struct block_backend *raw_of(int fd, bool read_only)
{
	struct block_backend *b;

	assert_int_equal(block_raw(&b, fd, read_only, "disk", NULL), 0);
	return b;
}

static void capacity_is_whole_sectors(void **state)
{
	int fd = file_of(3 * 512 + 511);
	struct block_backend *b = raw_of(fd, false);

	(void)state;
	assert_int_equal(b->bytes, 3 * 512);
	assert_true(b->ring_fd >= 0 && b->ring_fd != fd);
	b->ops->close(b);
	close(fd);
}

static void bytes_come_back(void **state)
{
	int fd = file_of(BYTES);
	struct block_backend *b = raw_of(fd, false);
	uint8_t out[8192], in[8192];

	(void)state;
	close(fd); /* it was dup'ed */
	memset(out, 0x42, sizeof out);
	assert_int_equal(b->ops->rw(b, BLOCK_WRITE, 512, out, sizeof out, 0), 0);
	assert_int_equal(b->ops->rw(b, BLOCK_WRITE, BYTES - 512, out, 512, BLOCK_SYNC), 0);
	assert_int_equal(b->ops->rw(b, BLOCK_READ, 512, in, sizeof in, 0), 0);
	assert_memory_equal(out, in, sizeof in);
	assert_int_equal(b->ops->flush(b), 0);
	assert_int_equal(b->ops->zero(b, 1024, 4096, 0), 0);
	assert_int_equal(b->ops->zero(b, 6144, 512, BLOCK_UNMAP | BLOCK_SYNC), 0);
	assert_int_equal(b->ops->rw(b, BLOCK_READ, 512, in, sizeof in, 0), 0);
	memset(out + 512, 0, 4096);
	memset(out + 5632, 0, 512);
	assert_memory_equal(out, in, sizeof in);
	assert_int_equal(b->ops->discard(b, 0, BYTES, 0), 0);
	b->ops->close(b);
}

static void zeroes_are_written_where_they_cannot_be_asked_for(void **state)
{
	int fd = file_of(BYTES);
	uint8_t in[8192];

	(void)state;
	memset(in, 0xff, sizeof in);
	assert_int_equal(file_rw(fd, BLOCK_WRITE, 0, in, sizeof in, 0), 0);
	assert_int_equal(file_zero(fd, 100, 5000, false), 0);
	assert_int_equal(file_rw(fd, BLOCK_READ, 0, in, sizeof in, 0), 0);
	for (uint32_t i = 0; i < sizeof in; i++)
		assert_int_equal(in[i], i < 100 || i >= 5100 ? 0xff : 0);
	close(fd);
	/* memfd: tmpfs has PUNCH_HOLE, but not ZERO_RANGE */
	fd = memfd_create("zeroes", MFD_CLOEXEC);
	memset(in, 0xff, sizeof in);
	assert_int_equal(ftruncate(fd, BYTES), 0);
	assert_int_equal(file_rw(fd, BLOCK_WRITE, 0, in, sizeof in, 0), 0);
	assert_int_equal(file_zero(fd, 512, BYTES - 1024, false), 0);
	assert_int_equal(file_rw(fd, BLOCK_READ, 0, in, sizeof in, 0), 0);
	for (uint32_t i = 0; i < sizeof in; i++)
		assert_int_equal(in[i], i < 512 ? 0xff : 0);
	close(fd);
}

static void file_that_shrank_is_an_error_and_no_loop(void **state)
{
	int fd = file_of(BYTES);
	struct block_backend *b = raw_of(fd, false);
	uint8_t in[4096];

	(void)state;
	assert_int_equal(ftruncate(fd, BYTES - 2048), 0);
	assert_int_equal(b->ops->rw(b, BLOCK_READ, BYTES - 4096, in, sizeof in, 0), -EIO);
	assert_int_equal(b->ops->rw(b, BLOCK_READ, BYTES - 512, in, 512, 0), -EIO);
	assert_true(b->ops->rw(b, BLOCK_READ, BYTES - 4096, in, sizeof in, BLOCK_NOW) < 0);
	assert_int_equal(b->ops->rw(b, BLOCK_READ, 0, in, sizeof in, 0), 0);
	b->ops->close(b);
	close(fd);
}

static void full_medium_is_an_error(void **state)
{
	struct rlimit old, limit;
	int fd = file_of(4096);
	struct block_backend *b;
	uint8_t out[4096] = { 1 };

	(void)state;
	assert_int_equal(ftruncate(fd, BYTES), 0);
	b = raw_of(fd, false);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = (struct rlimit){ 2048, old.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(b->ops->rw(b, BLOCK_WRITE, 0, out, sizeof out, 0), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(b->ops->rw(b, BLOCK_WRITE, 0, out, sizeof out, 0), 0);
	b->ops->close(b);
	close(fd);
}

static void cached_bytes_are_there_at_once_or_say_so(void **state)
{
	int fd = file_of(BYTES);
	struct block_backend *b = raw_of(fd, false);
	uint8_t out[4096], in[4096];
	int rc;

	(void)state;
	memset(out, 0x77, sizeof out);
	assert_int_equal(b->ops->rw(b, BLOCK_WRITE, 0, out, sizeof out, 0), 0);
	rc = b->ops->rw(b, BLOCK_READ, 0, in, sizeof in, BLOCK_NOW);
	assert_true(!rc || rc == -EAGAIN || rc == -EOPNOTSUPP);
	if (!rc)
		assert_memory_equal(in, out, sizeof in);
	b->ops->close(b);
	close(fd);
}

/* With O_DIRECT "without waiting" means without queueing only: the medium is waited for. */
static void direct_files_are_never_now(void **state)
{
	char path[] = "/tmp/ukvmm-raw-XXXXXX";
	int fd = mkstemp(path), direct;
	uint8_t *buf = aligned_alloc(4096, 4096);
	struct block_backend *b;

	(void)state;
	assert_int_equal(ftruncate(fd, BYTES), 0);
	direct = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	assert_int_equal(unlink(path), 0);
	if (direct < 0) { /* the file system has no such thing */
		free(buf);
		close(fd);
		skip();
	}
	b = raw_of(direct, false);
	memset(buf, 0x21, 4096);
	assert_int_equal(b->ops->rw(b, BLOCK_WRITE, 4096, buf, 4096, BLOCK_NOW), -EOPNOTSUPP);
	assert_int_equal(b->ops->rw(b, BLOCK_WRITE, 4096, buf, 4096, 0), 0);
	assert_int_equal(b->ops->rw(b, BLOCK_READ, 4096, buf, 4096, BLOCK_NOW), -EOPNOTSUPP);
	assert_int_equal(b->ops->rebind(b, fd), 0);
	assert_int_not_equal(b->ops->rw(b, BLOCK_READ, 0, buf, 4096, 0), -EOPNOTSUPP);
	b->ops->close(b);
	free(buf);
	close(direct);
	close(fd);
}

static void refused(int fd, bool read_only, int code, const char *word)
{
	struct ukvmm_err err = { .size = sizeof err };
	struct block_backend *b;

	assert_int_equal(block_raw(&b, fd, read_only, "vda", &err), code);
	assert_int_equal(err.code, code);
	assert_string_equal(err.object, "vda");
	assert_non_null(strstr(err.text, word));
}

static void wrong_fds_are_refused_by_name(void **state)
{
	int pipes[2], fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[] = "/tmp/ukvmm-raw-XXXXXX";
	int file = mkstemp(path), reader = open(path, O_RDONLY | O_CLOEXEC);
	int writer = open(path, O_WRONLY | O_CLOEXEC), append = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
	int handle = open(path, O_PATH | O_CLOEXEC);

	(void)state;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(pipe(pipes), 0);
	refused(fd, false, -ENOTBLK, "block device");
	refused(dir, true, -ENOTBLK, "block device");
	refused(pipes[0], true, -ENOTBLK, "block device");
	refused(reader, false, -EBADF, "writing");
	refused(writer, false, -EBADF, "writing");
	refused(writer, true, -EBADF, "reading");
	refused(handle, true, -EBADF, "reading");
	refused(append, false, -EINVAL, "O_APPEND");
	refused(-1, true, -EBADF, "reading");
	for (int i = 0; i < 2; i++)
		close(pipes[i]);
	close(fd);
	close(dir);
	close(file);
	close(reader);
	close(writer);
	close(append);
	close(handle);
}

static void rebind_takes_the_same_size_only(void **state)
{
	int fd = file_of(BYTES), other = file_of(BYTES), small = file_of(BYTES - 512);
	struct block_backend *b = raw_of(fd, false);
	uint8_t one[512] = { 1 }, in[512];

	(void)state;
	assert_int_equal(file_rw(other, BLOCK_WRITE, 0, one, sizeof one, 0), 0);
	assert_int_equal(b->ops->rebind(b, small), -EINVAL);
	assert_int_equal(b->ops->rebind(b, -1), -EBADF);
	assert_int_equal(b->ops->rw(b, BLOCK_READ, 0, in, sizeof in, 0), 0);
	assert_int_equal(in[0], 0);
	assert_int_equal(b->ops->rebind(b, other), 0);
	assert_int_equal(b->ops->rw(b, BLOCK_READ, 0, in, sizeof in, 0), 0);
	assert_int_equal(in[0], 1);
	b->ops->close(b);
	close(fd);
	close(other);
	close(small);
}

static void memory_disk_works(void **state)
{
	struct block_backend *b;
	uint8_t out[1024], in[1024];

	(void)state;
	assert_int_equal(block_memory(&b, 4096 + 100, "memory", NULL), 0);
	assert_int_equal(b->bytes, 4096);
	memset(out, 3, sizeof out);
	assert_int_equal(b->ops->rw(b, BLOCK_WRITE, 512, out, sizeof out, BLOCK_NOW), 0);
	assert_int_equal(b->ops->zero(b, 1024, 512, 0), 0);
	assert_int_equal(b->ops->rw(b, BLOCK_READ, 512, in, sizeof in, BLOCK_NOW), 0);
	memset(out + 512, 0, 512);
	assert_memory_equal(in, out, sizeof in);
	assert_int_equal(b->ops->flush(b), 0);
	assert_int_equal(b->ops->rebind(b, 0), -ENOTSUP);
	b->ops->close(b);
}

static int sync_fails;

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

int __wrap_fdatasync(int fd)
{
	if (!sync_fails)
		return __real_fdatasync(fd);
	errno = EIO;
	return -1;
}

/* Whatever the kernel says later of what it could not write. */
static void a_flush_that_failed_fails_until_a_rebind(void **state)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);
	struct block_backend *b;

	(void)state;
	assert_int_equal(ftruncate(fd, 8192), 0);
	assert_int_equal(block_raw(&b, fd, false, "disk", NULL), 0);
	assert_int_equal(b->ops->flush(b), 0);
	sync_fails = 1;
	assert_int_equal(b->ops->flush(b), -EIO);
	sync_fails = 0;
	assert_int_equal(b->ops->flush(b), -EIO);
	assert_int_equal(b->ops->zero(b, 0, 512, BLOCK_SYNC), -EIO);
	assert_int_equal(b->ops->zero(b, 0, 512, 0), 0);
	assert_int_equal(b->ops->rebind(b, fd), 0);
	assert_int_equal(b->ops->flush(b), 0);
	b->ops->close(b);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flush_that_failed_fails_until_a_rebind),
		cmocka_unit_test(capacity_is_whole_sectors),
		cmocka_unit_test(bytes_come_back),
		cmocka_unit_test(zeroes_are_written_where_they_cannot_be_asked_for),
		cmocka_unit_test(file_that_shrank_is_an_error_and_no_loop),
		cmocka_unit_test(full_medium_is_an_error),
		cmocka_unit_test(cached_bytes_are_there_at_once_or_say_so),
		cmocka_unit_test(direct_files_are_never_now),
		cmocka_unit_test(wrong_fds_are_refused_by_name),
		cmocka_unit_test(rebind_takes_the_same_size_only),
		cmocka_unit_test(memory_disk_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
