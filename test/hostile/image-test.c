/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel images are a tenant's bytes (CVE-2022-23523: offsets past the end of the file). Each is refused in words, or
 * becomes a VM; it costs bounded memory either way, and VMs that run go on. unit-boot-refuse has the loader alone.
 */
#include "suite.h"

#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CODE_BYTES = 256, MEMORY = 16 << 20, SOME_BYTES = 24 << 20, LOAD = 0x100000 };

struct image {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdr[2];
	uint8_t code[CODE_BYTES];
};

static const struct image good = {
	.ehdr = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT, .e_entry = LOAD,
		.e_phoff = offsetof(struct image, phdr), .e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2 },
	.phdr = { { .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = offsetof(struct image, code),
			  .p_vaddr = LOAD, .p_paddr = LOAD, .p_filesz = CODE_BYTES, .p_memsz = 2 * CODE_BYTES },
		{ .p_type = PT_NOTE, .p_offset = offsetof(struct image, code), .p_filesz = CODE_BYTES } },
	.code = { 0xf4 },
};

/* Opens the image and makes a VM of it. 0, or what refused it, with the words. */
static int try(struct hostile *h, const void *bytes, size_t len)
{
	struct ukvmm_vm_config config = { .size = sizeof config, .memory = MEMORY };
	struct ukvmm_err err = { .size = sizeof err };
	struct ukvmm_image *image;
	struct ukvmm_vm *vm;
	int fd = memfd_create("image", MFD_CLOEXEC), rc;

	CHECK(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	rc = ukvmm_image_open(h->d.host, fd, -1, NULL, &image, &err);
	close(fd);
	if (!rc) {
		CHECK(!ukvmm_vm_new(h->d.poller, "hostile image", image, &config, &vm, &err));
		rc = ukvmm_vm_seal(vm, &err);
		CHECK(!ukvmm_vm_destroy(vm));
		ukvmm_image_unref(image);
	}
	if (rc)
		CHECK(err.code == rc && err.text[0]);
	return rc;
}

static void images_cut_off_are_refused(void **state)
{
	struct hostile *h = *state;
	struct held before = held_now(h);

	CHECK(!try(h, &good, sizeof good));
	for (size_t len = 0; len < sizeof good; len++)
		CHECK(try(h, &good, len));
	assert_held(h, before, SOME_BYTES);
	assert_neighbours_work(h);
}

static void put(struct image *image, size_t at, uint32_t width, uint64_t value)
{
	memcpy((uint8_t *)image + at, &value, width);
}

static void headers_that_point_outside_of_the_file_are_refused(void **state)
{
	struct hostile *h = *state;
	const struct {
		size_t at;
		uint32_t width;
		uint64_t value;
	} bad[] = {
#define E(field, value) { offsetof(struct image, ehdr.field), sizeof(((Elf64_Ehdr *)0)->field), value }
#define P(field, value) { offsetof(struct image, phdr[0].field), sizeof(((Elf64_Phdr *)0)->field), value }
		E(e_phoff, sizeof good), E(e_phoff, 1ull << 32), E(e_phoff, 1ull << 63), E(e_phoff, UINT64_MAX),
		E(e_phoff, UINT64_MAX - sizeof(Elf64_Phdr)), E(e_phnum, 0xffff), E(e_phnum, 0), E(e_phentsize, 0),
		E(e_phentsize, 1), P(p_offset, sizeof good), P(p_offset, 1ull << 63), P(p_offset, UINT64_MAX),
		P(p_offset, UINT64_MAX - CODE_BYTES + 1), P(p_filesz, sizeof good + 1), P(p_filesz, 1ull << 62),
		P(p_filesz, UINT64_MAX), P(p_memsz, CODE_BYTES - 1), P(p_memsz, 1ull << 40), P(p_memsz, 1ull << 63),
		P(p_memsz, UINT64_MAX), P(p_paddr, MEMORY), P(p_paddr, MEMORY - 1), P(p_paddr, 1ull << 63),
		P(p_paddr, UINT64_MAX), P(p_paddr, 0xd0000000), P(p_paddr, 0xfee00000), P(p_type, PT_NOTE),
	};
	struct held before = held_now(h);

	for (uint32_t i = 0; i < COUNT(bad); i++) {
		struct image image = good;

		put(&image, bad[i].at, bad[i].width, bad[i].value);
		if (!try(h, &image, sizeof image))
			fprintf(stderr, "accepted: %u\n", i);
		CHECK(try(h, &image, sizeof image));
	}
	assert_held(h, before, SOME_BYTES);
	assert_neighbours_work(h);
}

/* Any 8 bytes of the headers replaced by any of the numbers that arithmetic fears: refused or run, never worse. */
static void any_header_field_may_be_anything(void **state)
{
	struct hostile *h = *state;
	const uint64_t values[] = { 0, 1, 0x7fffffff, 0xffffffff, 1ull << 32, 1ull << 52, INT64_MAX, 1ull << 63,
		UINT64_MAX - 0xfff, UINT64_MAX };
	struct held before = held_now(h);
	uint32_t refused = 0, tried = 0;

	for (size_t at = 0; at + 8 <= offsetof(struct image, code); at += 4)
		for (uint32_t v = 0; v < COUNT(values); v++, tried++) {
			struct image image = good;

			put(&image, at, 8, values[v]);
			refused += try(h, &image, sizeof image) != 0;
		}
	CHECK(refused > tried / 4 && refused < tried);
	assert_held(h, before, SOME_BYTES);
	assert_neighbours_work(h);
}

/* A bzImage and a multiboot image of the same kind: headers full of all-ones and zeroes. */
static void other_formats_full_of_garbage_are_refused(void **state)
{
	struct hostile *h = *state;
	const uint8_t fill[] = { 0x00, 0xff, 0x7f, 0x80 };
	static uint8_t file[16384];

	for (uint32_t i = 0; i < 2 * COUNT(fill); i++) {
		memset(file, fill[i / 2], sizeof file);
		if (i & 1) {
			memcpy(file + 0x1fe, "\x55\xaa", 2);
			memcpy(file + 0x202, "HdrS", 4);
		} else {
			memcpy(file + 16, "\x02\xb0\xad\x1b", 4); /* multiboot1 */
		}
		CHECK(try(h, file, sizeof file));
	}
	assert_neighbours_work(h);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ROW(images_cut_off_are_refused),
		ROW(headers_that_point_outside_of_the_file_are_refused),
		ROW(any_header_field_may_be_anything),
		ROW(other_formats_full_of_garbage_are_refused),
	};

	return SUITE_RUN(tests, "echo");
}
