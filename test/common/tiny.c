/* SPDX-License-Identifier: Apache-2.0 */
#include "tiny.h"

#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Runs before the code, and lies behind it: the loader maps the first GiB only. Few instructions, since some hosts
 * emulate them: pages of 2 MiB in the directory of the fourth GiB, entry (address - 3 GiB) >> 21. */
#define PAGE(entry, address) "mov dword ptr [rdi + 8 * " #entry "], " #address " + 0x83; "
extern const uint8_t tiny_map[], tiny_map_end[];
__asm__(".pushsection .rodata\n.intel_syntax noprefix\n"
	"tiny_map: push rdi; mov rdi, cr3; mov rdi, [rdi]; and rdi, -4096; mov qword ptr [rdi + 24], 0x1ff003\n"
	"mov edi, 0x1ff000; " PAGE(0x80, 0xd0000000) PAGE(0x100, 0xe0000000) PAGE(0x1f6, 0xfec00000)
	PAGE(0x1f7, 0xfee00000) "pop rdi; push 0x100000; ret\n"
	"tiny_map_end:\n.att_syntax\n.popsection\n");

int tiny_image(const struct tiny_code *code)
{
	const size_t code_len = (size_t)(code->end - code->start), map_len = (size_t)(tiny_map_end - tiny_map);
	const size_t len = code_len + map_len;
	const Elf64_Ehdr ehdr = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT, .e_entry = TINY_LOAD + code_len,
		.e_phoff = sizeof ehdr, .e_ehsize = sizeof ehdr, .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1 };
	const Elf64_Phdr phdr = { .p_type = PT_LOAD, .p_flags = PF_R | PF_W | PF_X,
		.p_offset = sizeof ehdr + sizeof phdr, .p_vaddr = TINY_LOAD, .p_paddr = TINY_LOAD, .p_filesz = len,
		.p_memsz = len, .p_align = 1 };
	int fd = memfd_create("tiny", MFD_CLOEXEC);

	if (fd < 0)
		return -1;
	if (write(fd, &ehdr, sizeof ehdr) != sizeof ehdr || write(fd, &phdr, sizeof phdr) != sizeof phdr ||
		write(fd, code->start, code_len) != (ssize_t)code_len ||
		write(fd, tiny_map, map_len) != (ssize_t)map_len) {
		close(fd);
		return -1;
	}
	return fd;
}
