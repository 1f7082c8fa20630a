/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded cursors: reading untrusted bytes and building tables without pointer arithmetic. An access
 * past the end yields zeroes (reader) or nothing (writer) and sets `bad`, which stays set: check it once
 * at the end. Integers are little-endian.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader {
	const uint8_t *data;
	uint64_t len, pos;
	bool bad;
};

void reader_init(struct reader *r, const void *data, uint64_t len);
void reader_seek(struct reader *r, uint64_t pos); /* pos == len is allowed */
bool reader_bytes(struct reader *r, void *dst, uint64_t len);
const void *reader_take(struct reader *r, uint64_t len); /* NULL past the end */
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);

struct writer {
	uint8_t *data;
	size_t cap, len;
	bool bad;
};

void writer_init(struct writer *w, void *data, size_t cap);
void writer_bytes(struct writer *w, const void *src, size_t len);
void writer_zero(struct writer *w, size_t len);
void writer_u8(struct writer *w, uint8_t v);
void writer_u16(struct writer *w, uint16_t v);
void writer_u32(struct writer *w, uint32_t v);
void writer_u64(struct writer *w, uint64_t v);

#endif
