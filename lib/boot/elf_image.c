/* SPDX-License-Identifier: Apache-2.0 */
#include "parse.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "checked.h"
#include "cursor.h"

/* The fields of a program header that matter, in ELF64's widths. */
struct phdr {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

bool boot_elf_is(const struct boot_file *file)
{
	return file->len >= SELFMAG && !memcmp(file->data, ELFMAG, SELFMAG);
}

static void read_phdr(struct reader *r, bool is64, struct phdr *p)
{
	p->type = reader_u32(r);
	if (is64) {
		p->flags = reader_u32(r);
		p->offset = reader_u64(r);
		p->vaddr = reader_u64(r);
		p->paddr = reader_u64(r);
		p->filesz = reader_u64(r);
		p->memsz = reader_u64(r);
		p->align = reader_u64(r);
		return;
	}
	p->offset = reader_u32(r);
	p->vaddr = reader_u32(r);
	p->paddr = reader_u32(r);
	p->filesz = reader_u32(r);
	p->memsz = reader_u32(r);
	p->flags = reader_u32(r);
	p->align = reader_u32(r);
}

static int check_segment(const struct boot_file *file, const struct phdr *p, uint32_t index)
{
	uint64_t end;

	if (out_of(p->offset, p->filesz, file->len))
		return boot_refuse(file,
			"segment %u wants file bytes %#llx + %#llx, the file has %#llx: truncated?",
			index, (unsigned long long)p->offset, (unsigned long long)p->filesz,
			(unsigned long long)file->len);
	if (p->filesz > p->memsz)
		return boot_refuse(file,
			"segment %u has more bytes in the file (%#llx) than in memory (%#llx)",
			index, (unsigned long long)p->filesz, (unsigned long long)p->memsz);
	if (add_wraps(p->paddr, p->memsz, &end))
		return boot_refuse(file,
			"segment %u (%#llx + %#llx) wraps around the address space", index,
			(unsigned long long)p->paddr, (unsigned long long)p->memsz);
	return 0;
}

static int check_overlaps(const struct boot_file *file, const struct boot_elf *elf)
{
	const struct boot_segment *last = &elf->segment[elf->segments - 1];

	for (uint32_t i = 0; i + 1 < elf->segments; i++) {
		const struct boot_segment *s = &elf->segment[i];

		if (overlaps(s->gpa, s->mem_bytes, last->gpa, last->mem_bytes))
			return boot_refuse(file,
				"segments overlap: %#llx + %#llx and %#llx + %#llx",
				(unsigned long long)s->gpa, (unsigned long long)s->mem_bytes,
				(unsigned long long)last->gpa, (unsigned long long)last->mem_bytes);
	}
	return 0;
}

static int add_segment(
	const struct boot_file *file, struct boot_elf *elf, const struct phdr *p, uint32_t index)
{
	int rc = check_segment(file, p, index);

	if (rc || !p->memsz)
		return rc;
	if (elf->segments == BOOT_SEGMENTS)
		return boot_refuse(file, "more than %d segments", BOOT_SEGMENTS);
	elf->vaddr[elf->segments] = p->vaddr;
	elf->segment[elf->segments++] = (struct boot_segment){
		.offset = p->offset,
		.file_bytes = p->filesz,
		.gpa = p->paddr,
		.mem_bytes = p->memsz,
		.flags = p->flags & (PF_X | PF_W | PF_R),
	};
	return check_overlaps(file, elf);
}

/* Headers may name the same bytes, each of them the whole file: 65534 times 1 GiB. All of it once is enough for any that
 * is sound. */
static void use_notes(const struct boot_file *file, struct boot_elf *elf, const struct phdr *p)
{
	if (out_of(elf->noted, p->filesz, file->len))
		return;
	elf->noted += p->filesz;
	boot_notes_scan(file, p->offset, p->filesz, p->align == 8 ? 8 : 4, &elf->notes);
}

static int use_phdr(
	const struct boot_file *file, struct boot_elf *elf, const struct phdr *p, uint32_t index)
{
	switch (p->type) {
	case PT_LOAD:
		return add_segment(file, elf, p, index);
	case PT_NOTE:
		use_notes(file, elf, p);
		return 0;
	case PT_INTERP:
		elf->wants_interpreter = true;
		return 0;
	default:
		return 0;
	}
}

struct header {
	uint8_t ident[EI_NIDENT];
	uint16_t type, machine, phentsize, phnum;
	uint64_t entry, phoff;
};

static int read_header(const struct boot_file *file, struct reader *r, struct header *h)
{
	bool is64;

	reader_bytes(r, h->ident, sizeof h->ident);
	is64 = h->ident[EI_CLASS] == ELFCLASS64;
	h->type = reader_u16(r);
	h->machine = reader_u16(r);
	reader_u32(r); /* e_version */
	h->entry = is64 ? reader_u64(r) : reader_u32(r);
	h->phoff = is64 ? reader_u64(r) : reader_u32(r);
	reader_take(r, is64 ? 8 + 4 + 2 : 4 + 4 + 2); /* e_shoff, e_flags, e_ehsize */
	h->phentsize = reader_u16(r);
	h->phnum = reader_u16(r);
	if (r->bad)
		return boot_refuse(
			file, "ELF header is cut off at %llu bytes", (unsigned long long)file->len);
	if ((!is64 && h->ident[EI_CLASS] != ELFCLASS32) || h->ident[EI_DATA] != ELFDATA2LSB)
		return boot_refuse(file, "ELF of class %u, byte order %u: not an x86 kernel",
			h->ident[EI_CLASS], h->ident[EI_DATA]);
	if (h->machine != (is64 ? EM_X86_64 : EM_386))
		return boot_refuse(file, "ELF for machine %u%s: not an x86_64 kernel", h->machine,
			h->machine == EM_AARCH64 ? " (arm64)" : "");
	if (h->type != ET_EXEC && h->type != ET_DYN)
		return boot_refuse(file, "ELF of type %u is not an executable", h->type);
	if (h->phentsize != (is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)) || h->phnum == PN_XNUM)
		return boot_refuse(file, "ELF program headers of %u bytes, %u of them: malformed",
			h->phentsize, h->phnum);
	return 0;
}

int boot_elf_parse(const struct boot_file *file, struct boot_elf *elf)
{
	struct header h = {0};
	struct reader r;
	int rc;

	*elf = (struct boot_elf){0};
	reader_init(&r, file->data, file->len);
	rc = read_header(file, &r, &h);
	if (rc)
		return rc;
	elf->is64 = h.ident[EI_CLASS] == ELFCLASS64;
	elf->dynamic = h.type == ET_DYN;
	elf->entry = h.entry;
	if (out_of(h.phoff, (uint64_t)h.phnum * h.phentsize, file->len))
		return boot_refuse(file,
			"program headers at %#llx lie outside of the file (%#llx bytes): "
			"truncated?",
			(unsigned long long)h.phoff, (unsigned long long)file->len);
	reader_seek(&r, h.phoff);
	for (uint32_t i = 0; i < h.phnum; i++) {
		struct phdr p = {0};

		read_phdr(&r, elf->is64, &p);
		rc = use_phdr(file, elf, &p, i);
		if (rc)
			return rc;
	}
	if (!elf->segments)
		return boot_refuse(file, "ELF file without anything to load");
	return 0;
}

static bool holds(uint64_t start, uint64_t len, uint64_t addr)
{
	return addr >= start && addr - start < len;
}

bool boot_elf_covers(const struct boot_elf *elf, uint64_t gpa)
{
	for (uint32_t i = 0; i < elf->segments; i++)
		if (holds(elf->segment[i].gpa, elf->segment[i].mem_bytes, gpa))
			return true;
	return false;
}

uint64_t boot_elf_physical_entry(const struct boot_elf *elf)
{
	if (boot_elf_covers(elf, elf->entry))
		return elf->entry;
	for (uint32_t i = 0; i < elf->segments; i++)
		if (holds(elf->vaddr[i], elf->segment[i].mem_bytes, elf->entry))
			return elf->segment[i].gpa + (elf->entry - elf->vaddr[i]);
	return elf->entry;
}

void boot_elf_take(const struct boot_elf *elf, struct boot_image *image)
{
	memcpy(image->segment, elf->segment, elf->segments * sizeof elf->segment[0]);
	image->segments = elf->segments;
	image->low = UINT64_MAX;
	for (uint32_t i = 0; i < elf->segments; i++) {
		const struct boot_segment *s = &elf->segment[i];

		if (s->gpa < image->low)
			image->low = s->gpa;
		if (s->gpa + s->mem_bytes > image->high)
			image->high = s->gpa + s->mem_bytes;
	}
	image->format = elf->is64 ? BOOT_ELF64 : BOOT_ELF32;
}

bool boot_image_covers(const struct boot_image *image, uint64_t gpa)
{
	for (uint32_t i = 0; i < image->segments; i++)
		if (holds(image->segment[i].gpa, image->segment[i].mem_bytes, gpa))
			return true;
	return false;
}
