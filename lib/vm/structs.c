/* SPDX-License-Identifier: Apache-2.0 */
#include "structs.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <ukvmm/devices.h>

/* Larger than any structure will ever be: a larger size is a caller that forgot to set it. */
enum { SMALLEST = 8, LARGEST = 4096 };

static int stamped_size(const void *s, size_t *size)
{
	uint32_t stamp;

	memcpy(&stamp, s, sizeof stamp);
	*size = stamp;
	if (stamp < SMALLEST)
		return -EINVAL;
	return stamp > LARGEST ? -E2BIG : 0;
}

int struct_take(void *dst, size_t known, const void *src)
{
	const uint8_t *bytes = src;
	size_t size;
	int rc;

	memset(dst, 0, known);
	if (!src)
		return 0;
	rc = stamped_size(src, &size);
	if (rc)
		return rc;
	for (size_t i = known; i < size; i++)
		if (bytes[i])
			return -E2BIG;
	memcpy(dst, src, size < known ? size : known);
	return 0;
}

int struct_give(void *dst, const void *src, size_t known)
{
	uint8_t *bytes = dst;
	size_t size;
	int rc = stamped_size(dst, &size);

	if (rc)
		return rc;
	memcpy(bytes + sizeof(uint32_t), (const uint8_t *)src + sizeof(uint32_t),
		(size < known ? size : known) - sizeof(uint32_t));
	if (size > known)
		memset(bytes + known, 0, size - known);
	return 0;
}

int rate_struct_take(struct ukvmm_rate *dst, const struct ukvmm_rate *src)
{
	int rc = struct_take(dst, sizeof *dst, src);

	return rc ? rc : dst->flags ? -EINVAL : 0;
}
