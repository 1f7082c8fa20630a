/* SPDX-License-Identifier: Apache-2.0 */
/* Malformed images, each made from hello.elf by one lie: a clear error, nothing run. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

enum lie {
	EMPTY,
	MAGIC_ONLY,
	HALF_HEADER,
	NO_SEGMENTS,
	HEADERS_OUTSIDE,
	HEADERS_WRAP,
	MANY_HEADERS,
	DATA_CUT,
	OFFSET_WRAPS,
	FILE_BIGGER_THAN_MEMORY,
	SIZE_MAX_ALL,
	ADDRESS_WRAPS,
	ABOVE_4G,
	OUTSIDE_RAM,
	IN_THE_GAP,
	OVER_ZERO_PAGE,
	OVER_TABLES,
	OVER_ACPI,
	ENTRY_OUTSIDE,
	WRONG_MACHINE,
	BIG_ENDIAN,
	RELOCATABLE,
	TEXT_FILE,
	BZIMAGE_CUT,
	BZIMAGE_SETUP,
};

enum { FILE_MAX = 65536 };

static void lie_header(enum lie lie, Elf64_Ehdr *h, size_t *len)
{
	switch (lie) {
	case EMPTY:
		*len = 0;
		break;
	case MAGIC_ONLY:
		*len = 4;
		break;
	case HALF_HEADER:
		*len = sizeof *h / 2;
		break;
	case NO_SEGMENTS:
		h->e_phnum = 0;
		break;
	case HEADERS_OUTSIDE:
		h->e_phoff = *len - 8;
		break;
	case HEADERS_WRAP:
		h->e_phoff = ~0ull - 16;
		break;
	case MANY_HEADERS:
		h->e_phnum = 0xffff;
		break;
	case WRONG_MACHINE:
		h->e_machine = EM_AARCH64;
		break;
	case BIG_ENDIAN:
		h->e_ident[EI_DATA] = ELFDATA2MSB;
		break;
	case RELOCATABLE:
		h->e_type = ET_REL;
		break;
	default:
		break;
	}
}

static void lie_segment(enum lie lie, Elf64_Ehdr *h, Elf64_Phdr *p, size_t *len)
{
	switch (lie) {
	case DATA_CUT:
		*len = p->p_offset + p->p_filesz - 1;
		break;
	case OFFSET_WRAPS:
		p->p_offset = ~0ull - p->p_filesz / 2;
		break;
	case FILE_BIGGER_THAN_MEMORY:
		p->p_memsz = p->p_filesz - 1;
		break;
	case SIZE_MAX_ALL:
		p->p_filesz = p->p_memsz = ~0ull;
		break;
	case ADDRESS_WRAPS:
		p->p_paddr = ~0ull - 16;
		break;
	case ABOVE_4G:
		p->p_paddr = 64ull << 30;
		h->e_entry += p->p_paddr - 0x100000;
		break;
	case OUTSIDE_RAM:
		p->p_paddr = 0x20000000;
		h->e_entry += p->p_paddr - 0x100000;
		break;
	case IN_THE_GAP:
		p->p_memsz = 0xd0000000;
		break;
	case OVER_ZERO_PAGE:
		p->p_paddr = 0x7000;
		h->e_entry = 0x7000;
		break;
	case OVER_TABLES:
		p->p_paddr = 0xa000;
		h->e_entry = 0xa000;
		break;
	case OVER_ACPI:
		p->p_paddr = 0xe0000;
		h->e_entry = 0xe0000;
		break;
	case ENTRY_OUTSIDE:
		h->e_entry = 0x5000000;
		break;
	default:
		break;
	}
}

static ssize_t read_file(int guests, const char *name, uint8_t *buf)
{
	int fd = openat(guests, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, FILE_MAX);
	close(fd);
	return n;
}

static int make_bzimage(enum lie lie, uint8_t *buf, size_t len)
{
	if (lie == BZIMAGE_SETUP)
		buf[0x1f1] = 255; /* more setup sectors than the file has */
	return memfd_bytes(buf, lie == BZIMAGE_CUT ? 700 : len);
}

int make_bad(int guests, const struct guest_case *c)
{
	static uint8_t buf[FILE_MAX] __attribute__((aligned(8)));
	enum lie lie = (enum lie)c->variant;
	ssize_t n = read_file(guests, c->image, buf);
	size_t len = (size_t)n;
	Elf64_Ehdr *h = (void *)buf;

	if (n < (ssize_t)sizeof *h)
		return n < 0 ? (int)n : -EIO;
	if (lie == TEXT_FILE)
		return memfd_bytes("#!/bin/sh\necho no kernel\n", 25);
	if (lie >= BZIMAGE_CUT)
		return make_bzimage(lie, buf, len);
	if (h->e_phoff + sizeof(Elf64_Phdr) > len)
		return -EIO;
	lie_segment(lie, h, (void *)(buf + h->e_phoff), &len);
	lie_header(lie, h, &len);
	return memfd_bytes(buf, len);
}

#define BAD(NAME, LIE, CODE)                                                                       \
	{                                                                                          \
		.name = "bad-" NAME, .image = "hello.elf", .make = make_bad, .variant = LIE,       \
		.boot = UKVMM_BOOT_LINUX, .want = {                                                \
			.code = CODE                                                               \
		}                                                                                  \
	}
#define BAD_AUTO(NAME, FILE, LIE, CODE)                                                            \
	{                                                                                          \
		.name = "bad-" NAME, .image = FILE, .make = make_bad, .variant = LIE, .want = {    \
			.code = CODE                                                               \
		}                                                                                  \
	}

const struct guest_case cases_bad[] = {
	BAD("empty", EMPTY, -ENOEXEC),
	BAD("magic-only", MAGIC_ONLY, -ENOEXEC),
	BAD("half-header", HALF_HEADER, -ENOEXEC),
	BAD("no-segments", NO_SEGMENTS, -ENOEXEC),
	BAD("headers-outside", HEADERS_OUTSIDE, -ENOEXEC),
	BAD("headers-wrap", HEADERS_WRAP, -ENOEXEC),
	BAD("many-headers", MANY_HEADERS, -ENOEXEC),
	BAD("data-cut", DATA_CUT, -ENOEXEC),
	BAD("offset-wraps", OFFSET_WRAPS, -ENOEXEC),
	BAD("file-bigger-than-memory", FILE_BIGGER_THAN_MEMORY, -ENOEXEC),
	BAD("size-max", SIZE_MAX_ALL, -ENOEXEC),
	BAD("address-wraps", ADDRESS_WRAPS, -ENOEXEC),
	BAD("above-4g", ABOVE_4G, -ENOEXEC),
	BAD("outside-ram", OUTSIDE_RAM, -ENOSPC),
	BAD("in-the-gap", IN_THE_GAP, -ENOEXEC),
	BAD("over-zero-page", OVER_ZERO_PAGE, -ENOEXEC),
	BAD("over-page-tables", OVER_TABLES, -ENOEXEC),
	BAD("over-acpi", OVER_ACPI, -ENOEXEC),
	BAD("entry-outside", ENTRY_OUTSIDE, -ENOEXEC),
	BAD("wrong-machine", WRONG_MACHINE, -ENOEXEC),
	BAD("big-endian", BIG_ENDIAN, -ENOEXEC),
	BAD("relocatable", RELOCATABLE, -ENOEXEC),
	BAD_AUTO("text-file", "hello.elf", TEXT_FILE, -ENOEXEC),
	BAD_AUTO("bzimage-cut", "bzimage-lz4.img", BZIMAGE_CUT, -ENOEXEC),
	BAD_AUTO("bzimage-setup", "bzimage-lz4.img", BZIMAGE_SETUP, -ENOEXEC),
	{0},
};
