/* SPDX-License-Identifier: Apache-2.0 */
#include "tiny.h"

#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int tiny_image(const struct tiny_code *code)
{
	const size_t len = (size_t)(code->end - code->start);
	const Elf64_Ehdr ehdr = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT, .e_entry = TINY_LOAD,
		.e_phoff = sizeof ehdr, .e_ehsize = sizeof ehdr, .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1 };
	const Elf64_Phdr phdr = { .p_type = PT_LOAD, .p_flags = PF_R | PF_W | PF_X,
		.p_offset = sizeof ehdr + sizeof phdr, .p_vaddr = TINY_LOAD, .p_paddr = TINY_LOAD, .p_filesz = len,
		.p_memsz = len, .p_align = 1 };
	int fd = memfd_create("tiny", MFD_CLOEXEC);

	if (fd < 0)
		return -1;
	if (write(fd, &ehdr, sizeof ehdr) != sizeof ehdr || write(fd, &phdr, sizeof phdr) != sizeof phdr ||
		write(fd, code->start, len) != (ssize_t)len) {
		close(fd);
		return -1;
	}
	return fd;
}
