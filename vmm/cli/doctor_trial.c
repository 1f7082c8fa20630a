/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ukvmm/run.h>
#include <ukvmm/ukvmm.h>

enum {
	TRIAL_ADDR = 0x100000,
	TRIAL_STATUS = 42,
};

/* A whole kernel: ELF64, one segment, 64-bit Linux entry. */
struct trial_image {
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	uint8_t code[12];
};

static const struct trial_image trial = {
	.header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = TRIAL_ADDR,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
	},
	.segment = {
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_offset = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
		.p_vaddr = TRIAL_ADDR,
		.p_paddr = TRIAL_ADDR,
		.p_filesz = sizeof trial.code,
		.p_memsz = sizeof trial.code,
		.p_align = 1,
	},
	.code = {
		0x66, 0xba, 0x01, 0x05,	/* mov $0x501, %dx: an exit port that takes a status */
		0xb0, TRIAL_STATUS,	/* mov $42, %al */
		0xee,			/* out %al, %dx */
		0xfa, 0xf4,		/* cli; hlt */
		0xeb, 0xfd,		/* jmp back to the hlt */
	},
};

static int trial_fd(struct ukvmm_err *err)
{
	int fd = memfd_create("trial", MFD_CLOEXEC);

	if (fd >= 0 && write(fd, &trial, sizeof trial) == (ssize_t)sizeof trial)
		return fd;
	err->code = -errno;
	snprintf(err->call, sizeof err->call, "memfd_create");
	snprintf(err->object, sizeof err->object, "trial");
	return -errno;
}

static int run_trial(struct ukvmm_vm *vm, struct ukvmm_err *err)
{
	struct ukvmm_stop stop = { .size = sizeof stop };
	int rc = ukvmm_vm_run(vm, ukvmm_now() + 10000000000u, NULL, &stop, err);

	if (rc < 0)
		return rc;
	if (stop.reason == UKVMM_STOP_FAULT)
		return -EIO;
	if (stop.reason == UKVMM_STOP_POWEROFF && (stop.flags & UKVMM_STOP_HAS_STATUS) &&
		(stop.value & 0xff) == TRIAL_STATUS)
		return 0;
	err->code = -EIO;
	snprintf(err->call, sizeof err->call, "ukvmm_vm_run");
	snprintf(err->object, sizeof err->object, "trial");
	snprintf(err->text, sizeof err->text, "a tiny guest ended wrongly: stop %u, value %llu",
		stop.reason, (unsigned long long)stop.value);
	return -EIO;
}

int doctor_trial(struct ukvmm_host *host, uint64_t *make_us, struct ukvmm_err *err)
{
	const struct ukvmm_vm_config config = { .size = sizeof config, .memory = 2u << 20 };
	struct ukvmm_poller *poller = NULL;
	struct ukvmm_image *image = NULL;
	struct ukvmm_vm *vm = NULL;
	uint64_t before;
	int rc = trial_fd(err);
	int fd = rc;

	if (rc >= 0)
		rc = ukvmm_image_open(host, fd, -1, NULL, &image, err);
	if (rc >= 0)
		rc = ukvmm_poller_new(host, &poller, err);
	if (rc >= 0)
		rc = ukvmm_vm_new(poller, "trial", image, &config, &vm, err);
	before = ukvmm_now();
	if (rc >= 0)
		rc = ukvmm_vm_seal(vm, err);
	*make_us = (ukvmm_now() - before) / 1000;
	if (rc >= 0)
		rc = run_trial(vm, err);
	ukvmm_vm_destroy(vm);
	ukvmm_poller_free(poller);
	ukvmm_image_unref(image);
	if (fd >= 0)
		close(fd);
	return rc < 0 ? rc : 0;
}
