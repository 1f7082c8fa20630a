/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every contract guest stands on: a main, lines on the serial port, checks that end the guest
 * with a status. One CPU unless said otherwise; interrupts off until a guest turns them on.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu.h"
#include "entry.h"

/* The guest. Returning is finish(). */
void guest_main(void);

/* Formats %s %c %u (unsigned), %x (hexadecimal, no prefix), each taking a uint64_t but for %s;
 * lines of up to 255 bytes. Waits for the transmitter like every real guest does. */
void print(const char *fmt, ...);
void print_bytes(const char *bytes, size_t n);

/* Says `FAIL what: got .. want ..` and counts; the guest goes on so that one run tells everything.
 */
void check_eq(const char *what, uint64_t got, uint64_t want);
void check(const char *what, bool ok);

/* `OK` and exit 0, or exit 1 after a failed check. */
__attribute__((noreturn)) void finish(void);
/* As finish, and says nothing where all is well. */
__attribute__((noreturn)) void finish_silent(void);
/* As finish, but ends by the keyboard controller's reset: for guests whose real model does so. */
__attribute__((noreturn)) void finish_reset(void);
/* Says `FAIL what` and ends at once: going on makes no sense. */
__attribute__((noreturn)) void die(const char *what);
/* Exit port with a status byte; then the keyboard controller, then a triple fault, for machines
 * without. */
__attribute__((noreturn)) void guest_exit(uint8_t status);
__attribute__((noreturn)) void triple_fault(void);

void *memcpy(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
bool starts_with(const char *s, const char *prefix);
/* Reads unaligned little-endian fields of tables. */
uint16_t le16(const void *p);
uint32_t le32(const void *p);
uint64_t le64(const void *p);
uint32_t be32(const void *p);
uint64_t be64(const void *p);
uint8_t sum8(const void *p, size_t n); /* of all bytes: 0 for a right checksum */
bool all_zero(const void *p, size_t n);

/* ---- boot.c: what the protocol handed over, whichever it was ---- */

enum protocol { PROTOCOL_LINUX, PROTOCOL_PVH, PROTOCOL_MULTIBOOT };

struct ram { /* one entry of the memory map */
	uint64_t base, len;
	uint32_t type;
};

enum protocol boot_protocol(void);
const char *boot_cmdline(void); /* "" if there is none */
void print_cmdline(void);	/* between brackets, for the harness to compare */
uint32_t boot_ram(struct ram *ram, uint32_t max);
uint64_t boot_rsdp(void); /* as handed over, else found by the scan of 0xe0000-0xfffff; 0: none */
const uint8_t *zero_page(void); /* Linux protocol; dies otherwise */

/* Words of the command line, `name=value` or `name`, before " -- " or after. */
const char *arg(const char *name); /* the value, up to the next space; NULL: not there */
uint64_t arg_number(const char *name, uint64_t otherwise); /* decimal, or hexadecimal after 0x */
bool arg_is(const char *name, const char *value);
uint64_t number(const char *text, const char **end);

#endif
