/* SPDX-License-Identifier: Apache-2.0 */
/* Names of addresses by an image's symbol table (ELF64, little endian). The file is not trusted. Any thread. */
#ifndef FAAS_SYMBOLS_H
#define FAAS_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

/* "name+0x12", or "" where none is known. */
void symbols_name(int fd, uint64_t address, char *text, size_t len);

#endif
