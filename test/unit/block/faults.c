/* SPDX-License-Identifier: Apache-2.0 */
/* Every call that adding a disk makes fails once: an error that names it, nothing left behind, and the next works. */
#include "../kvm/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <liburing.h>

#include "drive.h"

enum { BYTES = 1 << 20 };

static bool armed;
static int countdown;

static bool fails(void)
{
	return armed && countdown-- == 0;
}

#define WRAP(type, name, params, args, failed)                                               \
	type __real_##name params;                                                           \
	type __wrap_##name params;                                                           \
	type __wrap_##name params                                                            \
	{                                                                                    \
		if (!fails())                                                                \
			return __real_##name args;                                           \
		errno = ENOMEM;                                                              \
		return failed;                                                               \
	}

WRAP(void *, calloc, (size_t n, size_t size), (n, size), NULL)
WRAP(void *, aligned_alloc, (size_t to, size_t size), (to, size), NULL)
WRAP(void *, mmap, (void *at, size_t len, int prot, int flags, int fd, off_t off), (at, len, prot, flags, fd, off),
	MAP_FAILED)
WRAP(int, fstat, (int fd, struct stat *st), (fd, st), -1)
WRAP(int, ftruncate, (int fd, off_t len), (fd, len), -1)
WRAP(ssize_t, pwritev2, (int fd, const struct iovec *v, int n, off_t off, int how), (fd, v, n, off, how), -1)
WRAP(int, epoll_ctl, (int epoll, int op, int fd, struct epoll_event *e), (epoll, op, fd, e), -1)
WRAP(int, io_uring_queue_init_params, (unsigned n, struct io_uring *ring, struct io_uring_params *p), (n, ring, p),
	-ENOMEM)
WRAP(int, io_uring_register, (unsigned fd, unsigned op, const void *arg, unsigned n), (fd, op, arg, n), -ENOMEM)
WRAP(int, io_uring_register_files, (struct io_uring *ring, const int *fds, unsigned n), (ring, fds, n), -ENOMEM)

static int file_of(uint64_t bytes)
{
	char path[] = "/tmp/ukvmm-faults-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	return fd;
}

/* -1: nothing was left to fail, and the disk is there. */
static int add_with_fault(uint32_t flags, int which)
{
	struct ukvmm_err err = { .size = sizeof err };
	int fd = file_of(BYTES), top = file_of(0);
	struct ukvmm_blk_config config = { .size = sizeof config, .flags = flags, .fd = fd, .top_fd = top };
	struct drive d;
	bool reached;
	int rc;

	drive_init(&d);
	countdown = which;
	armed = true;
	rc = ukvmm_vm_add_blk(d.vm, "vda", &config, &err);
	armed = false;
	reached = countdown < 0;
	if (rc && reached) {
		assert_int_equal(rc, err.code);
		assert_true(*err.call && *err.object && *err.text);
		assert_int_equal(d.vm->devices, 0);
		/* an overlay's file may have been made in part, and is refused then */
		assert_int_equal(ftruncate(top, 0), 0);
		rc = ukvmm_vm_add_blk(d.vm, "vda", &config, &err);
	}
	if (rc != -ENOTSUP && rc)
		fail_msg("fault %d: %s(%s): %s", which, err.call, err.object, err.text);
	drive_fini(&d);
	close(fd);
	close(top);
	return reached ? which : -1;
}

static void every_fault(uint32_t flags, int at_least)
{
	int n = 0;

	while (add_with_fault(flags, n) >= 0)
		n++;
	assert_true(n >= at_least);
}

static void raw_disk(void **state)
{
	(void)state;
	every_fault(0, 4);
}

static void overlay_in_memory(void **state)
{
	(void)state;
	every_fault(UKVMM_BLK_OVERLAY, 7);
}

static void overlay_in_a_file(void **state)
{
	(void)state;
	every_fault(UKVMM_BLK_OVERLAY_FILE, 10);
}

static void disk_on_the_ring(void **state)
{
	(void)state;
	every_fault(UKVMM_BLK_URING, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raw_disk),
		cmocka_unit_test(overlay_in_memory),
		cmocka_unit_test(overlay_in_a_file),
		cmocka_unit_test(disk_on_the_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
