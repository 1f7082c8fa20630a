/* SPDX-License-Identifier: Apache-2.0 */
#include "overlay.h"

#include <errno.h>
#include <string.h>

/* Part of a cluster that the top lacks: the base's bytes around it go with it. buf NULL: zeroes. */
static int merge(struct overlay *o, uint64_t off, const uint8_t *buf, uint64_t len, uint32_t flags)
{
	uint64_t start = off / o->cluster_bytes * o->cluster_bytes;
	uint64_t whole = overlay_cluster_end(o, off) - start;
	int rc = overlay_base_read(o, start, o->merge, whole, flags);

	if (rc)
		return rc;
	if (buf)
		memcpy(o->merge + (off - start), buf, len);
	else
		memset(o->merge + (off - start), 0, len);
	rc = top_rw(o, BLOCK_WRITE, start, o->merge, whole, flags);
	if (!rc)
		overlay_set_present(o, start, whole);
	return rc;
}

/* How many bytes from `off` on are whole clusters; 0: the first one is not. */
static uint64_t whole_clusters(const struct overlay *o, uint64_t off, uint64_t len)
{
	uint64_t end = off + len;

	if (off % o->cluster_bytes)
		return 0;
	if (end != o->b.bytes)
		end -= end % o->cluster_bytes;
	return end > off ? end - off : 0;
}

static uint64_t within_cluster(const struct overlay *o, uint64_t off, uint64_t len)
{
	uint64_t n = overlay_cluster_end(o, off) - off;

	return n < len ? n : len;
}

/* With the lock: clusters that are not there become present. */
static int write_locked(struct overlay *o, uint64_t off, const uint8_t *buf, uint64_t len, uint32_t flags)
{
	int rc = 0;

	while (len && !rc) {
		bool there;
		uint64_t n = overlay_run(o, off, len, &there);
		uint64_t whole = there ? n : whole_clusters(o, off, n);

		if (whole) {
			n = whole;
			rc = top_rw(o, BLOCK_WRITE, off, (void *)(uintptr_t)buf, n, flags);
			if (!rc && !there)
				overlay_set_present(o, off, n);
		} else {
			n = within_cluster(o, off, n);
			rc = merge(o, off, buf, n, flags);
		}
		off += n;
		buf += n;
		len -= n;
	}
	return rc;
}

int overlay_write(struct overlay *o, uint64_t off, const void *buf, uint64_t len, uint32_t flags)
{
	uint32_t now = flags & BLOCK_NOW;
	bool there;
	int rc;

	if (!len)
		return 0;
	if (overlay_run(o, off, len, &there) == len && there) {
		rc = top_rw(o, BLOCK_WRITE, off, (void *)(uintptr_t)buf, len, now);
	} else {
		if (!now)
			pthread_mutex_lock(&o->lock);
		else if (pthread_mutex_trylock(&o->lock))
			return -EAGAIN;
		rc = write_locked(o, off, buf, len, now);
		pthread_mutex_unlock(&o->lock);
	}
	return rc || !(flags & BLOCK_SYNC) ? rc : o->b.ops->flush(&o->b);
}

static int zero_locked(struct overlay *o, uint64_t off, uint64_t len, bool unmap)
{
	int rc = 0;

	while (len && !rc) {
		bool there;
		uint64_t n = overlay_run(o, off, len, &there);
		uint64_t whole = there ? n : whole_clusters(o, off, n);

		/* Also where the top has nothing yet: after a crash there may be old data under a clear bit. */
		if (whole) {
			n = whole;
			rc = top_zero(o, off, n, unmap);
			if (!rc && !there)
				overlay_set_present(o, off, n);
		} else {
			n = within_cluster(o, off, n);
			rc = merge(o, off, NULL, n, 0);
		}
		off += n;
		len -= n;
	}
	return rc;
}

int overlay_zero(struct overlay *o, uint64_t off, uint64_t len, uint32_t flags)
{
	int rc;

	pthread_mutex_lock(&o->lock);
	rc = zero_locked(o, off, len, flags & BLOCK_UNMAP);
	pthread_mutex_unlock(&o->lock);
	return rc;
}

/* Gives back what the top has; a bit stays set, or the base's old bytes would come through. */
int overlay_discard(struct overlay *o, uint64_t off, uint64_t len)
{
	uint64_t end = off + len, at = overlay_cluster_end(o, off);
	int rc = 0;

	if (off % o->cluster_bytes == 0)
		at = off;
	while (at < end && !rc) {
		bool there;
		uint64_t n = overlay_run(o, at, end - at, &there);
		uint64_t whole = whole_clusters(o, at, n);

		if (there && whole)
			rc = top_discard(o, at, whole);
		at += n;
	}
	return rc;
}
