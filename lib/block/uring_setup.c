/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the ring. Requests of a ring pass seccomp by, so what a ring can do is settled while it is still disabled:
 * four operations, on files of its own table only.
 */
#include <errno.h>
#include <string.h>

#include "err.h"
#include "uring.h"

static int restrict_ring(struct io_uring *ring)
{
	static const uint8_t operations[] = { IORING_OP_READ, IORING_OP_WRITE, IORING_OP_FSYNC, IORING_OP_FALLOCATE };
	struct io_uring_restriction r[sizeof operations + 4];
	unsigned n = 0;

	memset(r, 0, sizeof r);
	for (; n < sizeof operations; n++) {
		r[n].opcode = IORING_RESTRICTION_SQE_OP;
		r[n].sqe_op = operations[n];
	}
	r[n].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	r[n++].sqe_flags = IOSQE_FIXED_FILE;
	r[n].opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED;
	r[n++].sqe_flags = IOSQE_FIXED_FILE;
	r[n].opcode = IORING_RESTRICTION_REGISTER_OP;
	r[n++].register_op = IORING_REGISTER_FILES_UPDATE;
	r[n].opcode = IORING_RESTRICTION_REGISTER_OP;
	r[n++].register_op = IORING_REGISTER_ENABLE_RINGS;
	/* Debian 12's shared liburing exports no call of its own for this, nor for enabling */
	return io_uring_register((unsigned)ring->ring_fd, IORING_REGISTER_RESTRICTIONS, r, n);
}

int uring_setup(struct uring *u, struct ukvmm_err *err)
{
	struct io_uring_params p = { .flags = IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE,
		.cq_entries = URING_UNDER_WAY };
	const char *call = "io_uring_setup";
	int none[URING_SLOTS];
	int rc = io_uring_queue_init_params(URING_ENTRIES, &u->ring, &p);

	/* not compiled in, forbidden by the administrator or a filter, or older than restrictions */
	if (rc == -ENOSYS || rc == -EPERM || rc == -EACCES || rc == -EINVAL)
		return err_set(err, -ENOTSUP, call, "host", "no io_uring here: %s", strerror(-rc));
	if (rc)
		return err_set(err, rc, call, "host", "%s", strerror(-rc));
	memset(none, 0xff, sizeof none);
	call = "io_uring_register(FILES)";
	rc = io_uring_register_files(&u->ring, none, URING_SLOTS);
	if (!rc) {
		call = "io_uring_register(RESTRICTIONS)";
		rc = restrict_ring(&u->ring);
	}
	if (!rc) {
		call = "io_uring_register(ENABLE_RINGS)";
		rc = io_uring_register((unsigned)u->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
	}
	if (!rc)
		return 0;
	io_uring_queue_exit(&u->ring);
	return err_set(err, rc == -EINVAL ? -ENOTSUP : rc, call, "host", "%s", strerror(-rc));
}

int uring_slot_take(struct uring *u, int fd)
{
	int slot = 0, rc;

	while (slot < URING_SLOTS && u->used[slot])
		slot++;
	if (slot == URING_SLOTS)
		return -ENOSPC;
	rc = io_uring_register_files_update(&u->ring, (unsigned)slot, &fd, 1);
	if (rc < 0)
		return rc;
	u->used[slot] = true;
	return slot;
}

void uring_slot_give(struct uring *u, int slot)
{
	int none = -1;

	io_uring_register_files_update(&u->ring, (unsigned)slot, &none, 1);
	u->used[slot] = false;
}
