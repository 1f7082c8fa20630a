/* SPDX-License-Identifier: Apache-2.0 */
/* Where the top's bytes are: a reservation that pages fill as they are written, or a sparse file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "checked.h"
#include "err.h"
#include "fd.h"
#include "overlay.h"
#include "raw.h"

static int memory_open(struct overlay *o, const char *object, struct ukvmm_err *err)
{
	uint64_t bytes = o->layout.clusters * o->cluster_bytes;
	void *at;

	o->mapped = bytes ? bytes : OVERLAY_PAGE;
	at = mmap(NULL, o->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return err_set(err, -errno, "mmap", object, "reserving %zu bytes for the top: %s", o->mapped,
			strerror(errno));
	o->memory = at;
	return 0;
}

static int file_open(struct overlay *o, int top_fd, const char *object, struct ukvmm_err *err)
{
	int rc = file_mode(top_fd, true);

	if (rc)
		return err_set(err, rc, "fcntl(F_GETFL)", object,
			"the overlay's top must be open for reading and writing, without O_APPEND");
	if (file_direct(top_fd))
		return err_set(err, -EINVAL, "fcntl(F_GETFL)", object, "the overlay's top is open with O_DIRECT");
	o->fd = fd_dup(top_fd);
	if (o->fd < 0)
		return err_set(err, o->fd, "fcntl(F_DUPFD_CLOEXEC)", object, "%s", strerror(-o->fd));
	return top_file_open(o, object, err);
}

int top_open(struct overlay *o, int top_fd, const char *object, struct ukvmm_err *err)
{
	int rc;

	o->cluster_bytes = OVERLAY_CLUSTER;
	rc = overlay_lay_out(&o->layout, o->b.bytes, o->cluster_bytes);
	if (rc)
		return err_set(err, rc, "overlay", object, "the base is too large");
	if (top_fd >= 0)
		return file_open(o, top_fd, object, err);
	o->present = calloc(1, o->layout.bitmap_bytes);
	if (!o->present)
		return err_set(err, -ENOMEM, "calloc", object, "out of memory");
	return memory_open(o, object, err);
}

void top_close(struct overlay *o)
{
	if (o->memory)
		munmap(o->memory, o->mapped);
	fd_close(o->fd);
}

int top_rw(struct overlay *o, enum block_op op, uint64_t off, void *buf, uint64_t len, uint32_t flags)
{
	uint32_t now = flags & BLOCK_NOW;
	int rc;

	if (o->memory) {
		memcpy(op == BLOCK_READ ? buf : o->memory + off, op == BLOCK_READ ? o->memory + off : buf, len);
		return 0;
	}
	if (now && atomic_load_explicit(&o->top_blocks, memory_order_relaxed))
		return -EAGAIN;
	rc = file_rw(o->fd, op, o->layout.data_off + off, buf, len, now);
	if (rc != -EOPNOTSUPP || !now)
		return rc;
	atomic_store_explicit(&o->top_blocks, true, memory_order_relaxed);
	return -EAGAIN;
}

/* Whole pages go back to the system, and read as zero. */
static void memory_zero(struct overlay *o, uint64_t off, uint64_t len)
{
	uint64_t end = off + len, first, last = align_down(end, OVERLAY_PAGE);

	if (align_up_wraps(off, OVERLAY_PAGE, &first) || first >= last ||
		madvise(o->memory + first, last - first, MADV_DONTNEED)) {
		memset(o->memory + off, 0, len);
		return;
	}
	memset(o->memory + off, 0, first - off);
	memset(o->memory + last, 0, end - last);
}

int top_zero(struct overlay *o, uint64_t off, uint64_t len, bool unmap)
{
	if (!o->memory)
		return file_zero(o->fd, o->layout.data_off + off, len, unmap);
	memory_zero(o, off, len);
	return 0;
}

int top_discard(struct overlay *o, uint64_t off, uint64_t len)
{
	if (!o->memory)
		return file_discard(o->fd, o->layout.data_off + off, len);
	memory_zero(o, off, len);
	return 0;
}
