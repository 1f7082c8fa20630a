/* SPDX-License-Identifier: Apache-2.0 */
#include "tiny.h"

#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

const uint8_t tiny_exit[] = {
	0x66, 0xba, 0x00, 0x99, /* mov dx, TINY_PORT */
	0xee,			/* out dx, al */
	0xf4, 0xeb, 0xfd,	/* hlt; jmp -3 */
};
const size_t tiny_exit_len = sizeof tiny_exit;

const uint8_t tiny_idle[] = {
	0xfa,				   /* cli */
	0xb8, 0x04, 0x00, 0x08, 0xd0,	   /* mov eax, doorbell + 4 */
	0xc7, 0x00, 0x00, 0x00, 0x00, 0x00, /* mov dword [rax], 0 */
	0xfb, 0xf4,			   /* sti; hlt */
	0xeb, 0xf0,			   /* again */
};
const size_t tiny_idle_len = sizeof tiny_idle;

int tiny_image(const uint8_t *code, size_t len)
{
	const Elf64_Ehdr ehdr = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT, .e_entry = TINY_LOAD,
		.e_phoff = sizeof ehdr, .e_ehsize = sizeof ehdr, .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1 };
	const Elf64_Phdr phdr = { .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = sizeof ehdr + sizeof phdr,
		.p_vaddr = TINY_LOAD, .p_paddr = TINY_LOAD, .p_filesz = len, .p_memsz = len, .p_align = 1 };
	uint8_t file[512];
	size_t n = 0;
	int fd = memfd_create("tiny", MFD_CLOEXEC);

	memcpy(file + n, &ehdr, sizeof ehdr);
	n += sizeof ehdr;
	memcpy(file + n, &phdr, sizeof phdr);
	n += sizeof phdr;
	memcpy(file + n, code, len);
	n += len;
	if (fd < 0 || write(fd, file, n) != (ssize_t)n)
		bench_die("memfd: cannot write an image");
	return fd;
}
