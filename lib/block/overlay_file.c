/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata of a top in a file. Who wrote the file is not known: nothing in it is believed but the bits. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cursor.h"
#include "err.h"
#include "fd.h"
#include "overlay.h"
#include "raw.h"

static const uint8_t magic[8] = { 'U', 'K', 'V', 'M', 'M', 'O', 'V', 'L' };

static int refuse(const char *object, struct ukvmm_err *err, const char *why)
{
	return err_set(err, -EINVAL, "overlay", object, "%s", why);
}

static int failed(int rc, const char *call, const char *object, struct ukvmm_err *err)
{
	return err_set(err, rc, call, object, "the overlay's top: %s", strerror(-rc));
}

static int header_read(int fd, struct overlay_header *h)
{
	uint8_t bytes[sizeof *h];
	struct reader r;
	int rc = fd_pread_full(fd, bytes, sizeof bytes, 0);

	if (rc)
		return rc;
	reader_init(&r, bytes, sizeof bytes);
	reader_bytes(&r, h->magic, sizeof h->magic);
	h->version = reader_u32(&r);
	h->cluster_bytes = reader_u32(&r);
	h->base_bytes = reader_u64(&r);
	h->bitmap_off = reader_u64(&r);
	h->data_off = reader_u64(&r);
	h->reserved[0] = reader_u64(&r);
	h->reserved[1] = reader_u64(&r);
	return 0;
}

static int header_write(const struct overlay *o)
{
	uint8_t bytes[OVERLAY_PAGE] = { 0 };
	struct writer w;

	writer_init(&w, bytes, sizeof bytes);
	writer_bytes(&w, magic, sizeof magic);
	writer_u32(&w, OVERLAY_VERSION);
	writer_u32(&w, o->cluster_bytes);
	writer_u64(&w, o->b.bytes);
	writer_u64(&w, OVERLAY_PAGE);
	writer_u64(&w, o->layout.data_off);
	return file_rw(o->fd, BLOCK_WRITE, 0, bytes, sizeof bytes, BLOCK_SYNC);
}

static int header_check(struct overlay *o, uint64_t file_bytes, const char *object, struct ukvmm_err *err)
{
	struct overlay_header h;
	int rc = header_read(o->fd, &h);

	if (rc && rc != -EIO)
		return failed(rc, "pread", object, err);
	if (rc || memcmp(h.magic, magic, sizeof magic))
		return refuse(object, err, "the top is neither empty nor an overlay of this library");
	if (h.version != OVERLAY_VERSION)
		return refuse(object, err, "the top is an overlay of another version");
	if (h.cluster_bytes < OVERLAY_CLUSTER || h.cluster_bytes > OVERLAY_CLUSTER_MAX ||
		h.cluster_bytes & (h.cluster_bytes - 1))
		return refuse(object, err, "the top's cluster size is not one of the format's");
	if (h.base_bytes != o->b.bytes)
		return refuse(object, err, "the top was made for a base of another size");
	o->cluster_bytes = h.cluster_bytes;
	rc = overlay_lay_out(&o->layout, o->b.bytes, o->cluster_bytes);
	if (rc)
		return refuse(object, err, "the base is too large");
	if (h.bitmap_off != OVERLAY_PAGE || h.data_off != o->layout.data_off || h.reserved[0] || h.reserved[1])
		return refuse(object, err, "the top's header does not fit its base");
	if (file_bytes != o->layout.file_bytes)
		return refuse(object, err, "the top is cut short or too long");
	return 0;
}

static int bits_check(const struct overlay *o, const char *object, struct ukvmm_err *err)
{
	for (uint64_t c = o->layout.clusters; c < o->layout.bitmap_bytes * 8; c++)
		if (o->written[c / 64] >> c % 64 & 1)
			return refuse(object, err, "the top's bitmap has bits behind the end of the base");
	return 0;
}

static int bits_alloc(struct overlay *o)
{
	o->present = calloc(1, o->layout.bitmap_bytes);
	o->written = calloc(1, o->layout.bitmap_bytes);
	o->page = calloc(o->layout.bitmap_bytes / OVERLAY_PAGE, sizeof *o->page);
	return o->present && o->written && o->page ? 0 : -ENOMEM;
}

/* The header last: a crash before leaves a file that is refused, not one that is believed. */
static int create(struct overlay *o, const char *object, struct ukvmm_err *err)
{
	int rc = ftruncate(o->fd, (off_t)o->layout.file_bytes) ? -errno : 0;

	if (rc)
		return failed(rc, "ftruncate", object, err);
	rc = header_write(o);
	return rc ? failed(rc, "pwrite", object, err) : 0;
}

static int load(struct overlay *o, const char *object, struct ukvmm_err *err)
{
	int rc = fd_pread_full(o->fd, o->written, o->layout.bitmap_bytes, OVERLAY_PAGE);

	if (rc)
		return failed(rc, "pread", object, err);
	rc = bits_check(o, object, err);
	if (rc)
		return rc;
	for (uint64_t i = 0; i < o->layout.bitmap_bytes / sizeof *o->written; i++)
		atomic_init(&o->present[i], o->written[i]);
	return 0;
}

static bool same_file(const struct overlay *o, const struct stat *top)
{
	struct stat base;

	return o->base->ring_fd >= 0 && !fd_stat(o->base->ring_fd, &base) && base.st_dev == top->st_dev &&
		base.st_ino == top->st_ino;
}

int top_file_open(struct overlay *o, const char *object, struct ukvmm_err *err)
{
	struct stat st;
	int rc = 0;

	if (fd_stat(o->fd, &st))
		return failed(-errno, "fstat", object, err);
	if (!S_ISREG(st.st_mode))
		return refuse(object, err, "the top is not a regular file");
	if (same_file(o, &st))
		return refuse(object, err, "the top is the base itself");
	if (st.st_size)
		rc = header_check(o, (uint64_t)st.st_size, object, err);
	if (rc)
		return rc;
	if (bits_alloc(o))
		return failed(-ENOMEM, "calloc", object, err);
	return st.st_size ? load(o, object, err) : create(o, object, err);
}

/* Takes the bits of a page as they are now; data of theirs was written before. */
static bool page_take(struct overlay *o, uint64_t page)
{
	uint64_t words = OVERLAY_PAGE / sizeof *o->written, first = page * words;

	if (atomic_load(&o->page[page]) != PAGE_DIRTY)
		return false;
	atomic_store(&o->page[page], PAGE_WRITING);
	for (uint64_t i = first; i < first + words; i++)
		o->written[i] = atomic_load(&o->present[i]);
	return true;
}

static int page_write(struct overlay *o, uint64_t page)
{
	uint64_t at = page * OVERLAY_PAGE;

	return file_rw(o->fd, BLOCK_WRITE, OVERLAY_PAGE + at, (uint8_t *)o->written + at, OVERLAY_PAGE, 0);
}

/* A page that became dirty again meanwhile stays so; one that could not be written becomes so. */
static void pages_end(struct overlay *o, uint64_t pages, int rc)
{
	for (uint64_t i = 0; i < pages; i++) {
		unsigned char writing = PAGE_WRITING;

		atomic_compare_exchange_strong(&o->page[i], &writing, rc ? PAGE_DIRTY : PAGE_CLEAN);
	}
}

static int bits_write(struct overlay *o, uint64_t pages)
{
	int rc = 0;

	for (uint64_t i = 0; !rc && i < pages; i++)
		if (atomic_load(&o->page[i]) != PAGE_CLEAN)
			rc = page_write(o, i);
	return rc ? rc : file_flush_of(&o->b, o->fd, false);
}

int top_file_flush(struct overlay *o)
{
	uint64_t pages = o->layout.bitmap_bytes / OVERLAY_PAGE, taken = 0;
	int rc;

	pthread_mutex_lock(&o->flush_lock);
	for (uint64_t i = 0; i < pages; i++)
		taken += page_take(o, i);
	rc = file_flush_of(&o->b, o->fd, false);
	if (!rc && taken)
		rc = bits_write(o, pages);
	pages_end(o, pages, rc);
	pthread_mutex_unlock(&o->flush_lock);
	return rc;
}
