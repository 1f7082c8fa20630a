/* SPDX-License-Identifier: Apache-2.0 */
/* Little-endian stores at an offset, for tables whose fields have fixed places and unaligned
 * neighbours. The caller owns a buffer that is large enough: offsets are constants, never numbers
 * from outside. */
#ifndef BOOT_LE_H
#define BOOT_LE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline void put8(void *table, size_t off, uint8_t v)
{
	((uint8_t *)table)[off] = v;
}

static inline void put16(void *table, size_t off, uint16_t v)
{
	v = htole16(v);
	memcpy((uint8_t *)table + off, &v, sizeof v);
}

static inline void put32(void *table, size_t off, uint32_t v)
{
	v = htole32(v);
	memcpy((uint8_t *)table + off, &v, sizeof v);
}

static inline void put64(void *table, size_t off, uint64_t v)
{
	v = htole64(v);
	memcpy((uint8_t *)table + off, &v, sizeof v);
}

static inline uint32_t get32(const void *table, size_t off)
{
	uint32_t v;

	memcpy(&v, (const uint8_t *)table + off, sizeof v);
	return le32toh(v);
}

#endif
