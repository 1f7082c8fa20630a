/* SPDX-License-Identifier: Apache-2.0 */
/* Guests of a few bytes, made here so that a benchmark depends on no file. */
#ifndef BENCH_TINY_H
#define BENCH_TINY_H

#include <stddef.h>
#include <stdint.h>

enum { TINY_PORT = 0x9900, TINY_LOAD = 0x100000 };

/* out TINY_PORT, al; then hlt for ever */
extern const uint8_t tiny_exit[];
extern const size_t tiny_exit_len;
/* cli; ring the idle doorbell; sti; hlt; again */
extern const uint8_t tiny_idle[];
extern const size_t tiny_idle_len;

/* An unlinked file holding an ELF64 image with this code at TINY_LOAD; ends the program on failure. */
int tiny_image(const uint8_t *code, size_t len);

#endif
