/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of back ends share. */
#ifndef TEST_FRAMES_H
#define TEST_FRAMES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net.h"

/* A frame of `len` bytes with a header in front, whose bytes follow from `seed`; its length with the header. */
size_t frame_make(uint8_t *buf, size_t len, uint8_t seed);
/* The same in that many pieces, the first one the header and 14 bytes; how many it became. */
uint32_t frame_cut(struct iovec *iov, uint8_t *buf, size_t len, uint32_t pieces);
/* Fails unless `frame` (without header) is the one of that seed. */
void frame_check(const uint8_t *frame, size_t len, uint8_t seed);

/* A connected pair: fd[0] is the library's, fd[1] the peer's, non-blocking. */
void pair(int type, int fd[2]);
/* All `len` bytes, waiting as long as it takes. */
void peer_write(int fd, const void *bytes, size_t len);
void peer_read(int fd, void *bytes, size_t len);
/* The same, a frame behind its length. */
void peer_frame(int fd, const uint8_t *frame, uint32_t len);

#endif
