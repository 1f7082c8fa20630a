/* SPDX-License-Identifier: Apache-2.0 */
#include "symbols.h"

#include <elf.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SECTIONS = 4096, SYMBOLS = 1 << 20, PIECE = 256, NAME = 128, NO_SIZE = 64 << 10 /* a label of assembly */ };

static bool read_at(int fd, void *to, size_t len, uint64_t at)
{
	return at < 1ull << 40 && pread(fd, to, len, (off_t)at) == (ssize_t)len;
}

static bool read_head(int fd, Elf64_Ehdr *e)
{
	return read_at(fd, e, sizeof *e, 0) && memcmp(e->e_ident, ELFMAG "\2\1", 6) == 0 &&
		e->e_shentsize == sizeof(Elf64_Shdr) && e->e_shnum <= SECTIONS && e->e_shoff < 1ull << 40;
}

static bool section(int fd, const Elf64_Ehdr *e, uint32_t i, Elf64_Shdr *s)
{
	return i < e->e_shnum && read_at(fd, s, sizeof *s, e->e_shoff + i * sizeof *s);
}

static bool find_table(int fd, const Elf64_Ehdr *e, Elf64_Shdr *table, Elf64_Shdr *names)
{
	for (uint32_t i = 0; i < e->e_shnum; i++)
		if (section(fd, e, i, table) && table->sh_type == SHT_SYMTAB && table->sh_offset < 1ull << 40)
			return section(fd, e, table->sh_link, names) && names->sh_offset < 1ull << 40;
	return false;
}

static bool better(const Elf64_Sym *s, const Elf64_Sym *best, uint64_t address)
{
	uint32_t type = ELF64_ST_TYPE(s->st_info);

	if ((type != STT_FUNC && type != STT_NOTYPE) || s->st_shndx == SHN_UNDEF || s->st_shndx >= SHN_LORESERVE ||
		!s->st_name || s->st_value > address || address - s->st_value >= (s->st_size ? s->st_size : NO_SIZE))
		return false;
	return !best->st_name || s->st_value > best->st_value || (s->st_value == best->st_value && s->st_size);
}

/* The one that begins last before it and does not end before it. */
static bool find_symbol(int fd, const Elf64_Shdr *table, uint64_t address, Elf64_Sym *best)
{
	uint64_t n = table->sh_size / sizeof(Elf64_Sym);
	Elf64_Sym piece[PIECE];

	*best = (Elf64_Sym){ 0 };
	for (uint64_t i = 0; i < n && i < SYMBOLS; i += PIECE) {
		uint64_t some = n - i < PIECE ? n - i : PIECE;

		if (!read_at(fd, piece, some * sizeof *piece, table->sh_offset + i * sizeof *piece))
			return false;
		for (uint64_t k = 0; k < some; k++)
			if (better(&piece[k], best, address))
				*best = piece[k];
	}
	return best->st_name;
}

static bool read_name(int fd, const Elf64_Shdr *names, uint32_t at, char name[NAME])
{
	ssize_t n = at < names->sh_size ? pread(fd, name, NAME - 1, (off_t)(names->sh_offset + at)) : -1;

	if (n <= 0)
		return false;
	name[n] = 0;
	for (char *c = name; *c; c++)
		if (*c <= ' ' || *c >= 0x7f)
			*c = '?';
	return *name;
}

void symbols_name(int fd, uint64_t address, char *text, size_t len)
{
	Elf64_Shdr table, names;
	char name[NAME];
	Elf64_Ehdr e;
	Elf64_Sym s;

	*text = 0;
	if (read_head(fd, &e) && find_table(fd, &e, &table, &names) && find_symbol(fd, &table, address, &s) &&
		read_name(fd, &names, s.st_name, name))
		snprintf(text, len, "%s+0x%llx", name, (unsigned long long)(address - s.st_value));
}
