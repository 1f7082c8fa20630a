/* SPDX-License-Identifier: Apache-2.0 */
#include "images.h"

#include <elf.h>
#include <errno.h>
#include <lz4.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>

#include "x86_map.h"

const struct boot_device test_devices[2] = {{0xd0000000, 4096, 5}, {0xd0001000, 4096, 16}};

static struct bytes bytes_new(uint64_t len)
{
	struct bytes b = {calloc(1, len ? len : 1), len};

	assert_non_null(b.data);
	return b;
}

void bytes_free(struct bytes *b)
{
	free(b->data);
	*b = (struct bytes){0};
}

void poke16(struct bytes *b, uint64_t off, uint16_t v)
{
	assert_true(off + sizeof v <= b->len);
	memcpy(b->data + off, &v, sizeof v);
}

void poke32(struct bytes *b, uint64_t off, uint32_t v)
{
	assert_true(off + sizeof v <= b->len);
	memcpy(b->data + off, &v, sizeof v);
}

void poke64(struct bytes *b, uint64_t off, uint64_t v)
{
	assert_true(off + sizeof v <= b->len);
	memcpy(b->data + off, &v, sizeof v);
}

static uint64_t aligned(uint64_t v)
{
	return (v + 15) & ~15ull;
}

static uint64_t file_size(uint64_t headers, const struct test_segment *s, uint32_t n)
{
	uint64_t len = aligned(headers);

	for (uint32_t i = 0; i < n; i++)
		len += aligned(s[i].len);
	return len;
}

struct bytes make_elf64(uint64_t entry, const struct test_segment *s, uint32_t n)
{
	uint64_t headers = sizeof(Elf64_Ehdr) + n * sizeof(Elf64_Phdr), at = aligned(headers);
	struct bytes b = bytes_new(file_size(headers, s, n));
	Elf64_Ehdr e = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = 1,
		.e_entry = entry,
		.e_phoff = sizeof e,
		.e_ehsize = sizeof e,
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (Elf64_Half)n};

	memcpy(b.data, &e, sizeof e);
	for (uint32_t i = 0; i < n; i++) {
		Elf64_Phdr p = {.p_type = s[i].type ? s[i].type : PT_LOAD,
			.p_flags = PF_R | PF_X,
			.p_offset = at,
			.p_vaddr = s[i].vaddr,
			.p_paddr = s[i].paddr,
			.p_filesz = s[i].len,
			.p_memsz = s[i].mem_bytes ? s[i].mem_bytes : s[i].len,
			.p_align = 4};

		memcpy(b.data + sizeof e + i * sizeof p, &p, sizeof p);
		if (s[i].len)
			memcpy(b.data + at, s[i].data, s[i].len);
		at += aligned(s[i].len);
	}
	return b;
}

struct bytes make_elf32(uint32_t entry, const struct test_segment *s, uint32_t n)
{
	uint64_t headers = sizeof(Elf32_Ehdr) + n * sizeof(Elf32_Phdr), at = aligned(headers);
	struct bytes b = bytes_new(file_size(headers, s, n));
	Elf32_Ehdr e = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_386,
		.e_version = 1,
		.e_entry = entry,
		.e_phoff = sizeof e,
		.e_ehsize = sizeof e,
		.e_phentsize = sizeof(Elf32_Phdr),
		.e_phnum = (Elf32_Half)n};

	memcpy(b.data, &e, sizeof e);
	for (uint32_t i = 0; i < n; i++) {
		Elf32_Phdr p = {.p_type = s[i].type ? s[i].type : PT_LOAD,
			.p_flags = PF_R | PF_X,
			.p_offset = (uint32_t)at,
			.p_vaddr = (uint32_t)s[i].vaddr,
			.p_paddr = (uint32_t)s[i].paddr,
			.p_filesz = (uint32_t)s[i].len,
			.p_memsz = (uint32_t)(s[i].mem_bytes ? s[i].mem_bytes : s[i].len),
			.p_align = 4};

		memcpy(b.data + sizeof e + i * sizeof p, &p, sizeof p);
		if (s[i].len)
			memcpy(b.data + at, s[i].data, s[i].len);
		at += aligned(s[i].len);
	}
	return b;
}

struct bytes make_plain(void)
{
	struct test_segment s = {
		.vaddr = 0x100000, .paddr = 0x100000, .data = "\xf4\xeb\xfd code", .len = 8};

	return make_elf64(0x100000, &s, 1);
}

struct bytes make_noted(uint64_t entry, const struct bytes *note)
{
	struct test_segment s[2] = {
		{.vaddr = 0x100000,
			.paddr = 0x100000,
			.mem_bytes = 0x2000,
			.data = "\xf4\xeb\xfd code",
			.len = 8},
		{.type = PT_NOTE, .data = note->data, .len = note->len},
	};

	return make_elf64(entry, s, 2);
}

struct bytes make_note(const char *name, uint32_t type, const void *desc, uint32_t len)
{
	uint32_t name_bytes = (uint32_t)strlen(name) + 1, padded = (name_bytes + 3) & ~3u;
	struct bytes b = bytes_new(12 + padded + ((len + 3) & ~3u));

	poke32(&b, 0, name_bytes);
	poke32(&b, 4, len);
	poke32(&b, 8, type);
	memcpy(b.data + 12, name, name_bytes);
	memcpy(b.data + 12 + padded, desc, len);
	return b;
}

struct bytes make_manifest(uint32_t n)
{
	struct bytes b = bytes_new(8 + (n + 1) * 104ull);

	poke32(&b, 0, 1);
	poke32(&b, 4, n + 1);
	poke32(&b, 8 + 68, 1u << 30);
	for (uint32_t i = 0; i < n; i++) {
		b.data[8 + (i + 1) * 104] = (uint8_t)('d' + i / 10);
		b.data[8 + (i + 1) * 104 + 1] = (uint8_t)('0' + i % 10);
		poke32(&b, 8 + (i + 1) * 104 + 68, 1 + i % 2);
	}
	return b;
}

struct bytes make_hvt(uint32_t abi, const struct bytes *manifest)
{
	uint32_t info[4] = {1, abi, 0, 0};
	struct bytes own = manifest ? (struct bytes){0} : make_manifest(0), desc, first, second, both, file;

	if (!manifest)
		manifest = &own;
	desc = bytes_new(4 + manifest->len); /* contents are 8-aligned */
	memcpy(desc.data + 4, manifest->data, manifest->len);
	first = make_note("Solo5", 0x31494241, info, sizeof info);
	second = make_note("Solo5", 0x3154464d, desc.data, (uint32_t)desc.len);
	both = bytes_new(first.len + second.len);
	memcpy(both.data, first.data, first.len);
	memcpy(both.data + first.len, second.data, second.len);
	file = make_noted(0x100000, &both);
	bytes_free(&own);
	bytes_free(&desc);
	bytes_free(&first);
	bytes_free(&second);
	bytes_free(&both);
	return file;
}

struct bytes make_bzimage(const struct bytes *payload)
{
	enum { SETUP = 2 * 512, CODE = 1024 };
	uint64_t body = (CODE + payload->len + 15) & ~15ull;
	struct bytes b = bytes_new(SETUP + body);

	b.data[0x1f1] = 1; /* setup_sects */
	poke32(&b, 0x1f4, (uint32_t)(body / 16));
	poke16(&b, 0x1fe, 0xaa55);
	b.data[0x200] = 0xeb;
	b.data[0x201] = 0x6a; /* the header ends at 0x26c */
	memcpy(b.data + 0x202, "HdrS", 4);
	poke16(&b, 0x206, 0x20f);
	poke16(&b, 0x20e, 0x100); /* kernel_version at file offset 0x300 */
	strcpy((char *)b.data + 0x300, "6.1.0-test (builder@host) #1 SMP");
	b.data[0x211] = 1;
	poke32(&b, 0x22c, 0x7fffffff);
	poke32(&b, 0x230, 0x200000);
	b.data[0x234] = 1;
	poke16(&b, 0x236, 1); /* XLF_KERNEL_64 */
	poke32(&b, 0x238, 2047);
	poke32(&b, 0x248, CODE);
	poke32(&b, 0x24c, (uint32_t)payload->len);
	poke64(&b, 0x258, 0x1000000);
	poke32(&b, 0x260, 1 << 20);
	memset(b.data + SETUP, 0x90, CODE);
	memcpy(b.data + SETUP + CODE, payload->data, payload->len);
	return b;
}

struct bytes pack_lz4(const struct bytes *raw)
{
	int bound = LZ4_compressBound((int)raw->len), n;
	struct bytes b = bytes_new(8 + (uint64_t)bound + 4);

	n = LZ4_compress_default((char *)raw->data, (char *)b.data + 8, (int)raw->len, bound);
	assert_true(n > 0);
	poke32(&b, 0, 0x184c2102);
	poke32(&b, 4, (uint32_t)n);
	poke32(&b, 8 + (uint64_t)n, (uint32_t)raw->len);
	b.len = 8 + (uint64_t)n + 4;
	return b;
}

struct bytes pack_xz(const struct bytes *raw)
{
	size_t bound = lzma_stream_buffer_bound(raw->len), n = 0;
	struct bytes b = bytes_new(bound + 4);

	assert_int_equal(lzma_easy_buffer_encode(
				 6, LZMA_CHECK_CRC32, NULL, raw->data, raw->len, b.data, &n, bound),
		LZMA_OK);
	poke32(&b, n, (uint32_t)raw->len);
	b.len = n + 4;
	return b;
}

void put_multiboot(uint8_t *at, const struct multiboot_fields *f)
{
	uint32_t words[8] = {0x1badb002, f->flags, -(0x1badb002 + f->flags), f->header_addr,
		f->load_addr, f->load_end_addr, f->bss_end_addr, f->entry_addr};

	memcpy(at, words, sizeof words);
}
