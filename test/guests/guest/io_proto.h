/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the io guest and its peer on the host say to each other in Ethernet frames. The guest leads: it sends HELLO,
 * which is answered READY and begins both directions' numbering at 0. All numbers are little-endian.
 *
 *	ECHO	is answered by the same frame with the addresses exchanged and op ECHOED
 *	DATA	is counted; one with `count` 1 is answered by ACK, whose seq is how many came and whose count is how
 *		many of these were not what they should be
 *	SEND	is answered by `count` DATA frames of `size` bytes
 *
 * The payload of DATA: the 8 bytes at offset i * 8 of it hold i * IO_PATTERN; what does not fill 8 bytes is anything.
 */
#ifndef IO_PROTO_H
#define IO_PROTO_H

#include <stdint.h>

#define IO_PATTERN 0x9e3779b97f4a7c15ull

enum { IO_ETHERTYPE = 0x88b5, IO_FRAME_MIN = 60, IO_FRAME_MAX = 65535 };
enum io_op { IO_HELLO = 1, IO_READY, IO_ECHO, IO_ECHOED, IO_DATA, IO_ACK, IO_SEND };

struct io_frame {
	uint8_t dst[6], src[6], ethertype[2];
	uint16_t op;
	uint32_t seq, count, size, reserved;
	uint64_t payload[];
};

_Static_assert(sizeof(struct io_frame) == 32, "payload is aligned");

static inline uint32_t io_words(uint32_t frame_bytes)
{
	return (frame_bytes - (uint32_t)sizeof(struct io_frame)) / 8;
}

static inline void io_fill(struct io_frame *f, uint32_t bytes)
{
	for (uint32_t i = 0; i < io_words(bytes); i++)
		f->payload[i] = i * IO_PATTERN;
}

static inline uint64_t io_word(const void *frame, uint32_t i)
{
	uint64_t v;

	__builtin_memcpy(&v, (const uint8_t *)frame + sizeof(struct io_frame) + 8 * (uint64_t)i, sizeof v);
	return v;
}

/* A place that moves from frame to frame, and the last one: a misplaced or torn payload shows, at the same price
 * whatever the size. */
static inline int io_intact(const void *frame, uint32_t seq, uint32_t bytes)
{
	uint32_t last = io_words(bytes) - 1, i = seq * 61 % (last + 1);

	return io_word(frame, i) == i * IO_PATTERN && io_word(frame, last) == last * IO_PATTERN;
}

#endif
