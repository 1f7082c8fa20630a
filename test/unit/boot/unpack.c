/* SPDX-License-Identifier: Apache-2.0 */
/* bzImage payloads unpacked on the host. */
#include "images.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A vmlinux: code at 16 MiB, with a PVH note and something to compress. */
static struct bytes make_vmlinux(void)
{
	static uint8_t text[20000];
	uint64_t pvh = 0x1000010;
	struct bytes note = make_note("Xen", 18, &pvh, 8), file;
	struct test_segment s[2] = {
		{.vaddr = 0xffffffff81000000,
			.paddr = 0x1000000,
			.mem_bytes = 0x8000,
			.data = text,
			.len = sizeof text},
		{.type = 4, .data = note.data, .len = note.len},
	};

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)(i * i >> 7);
	strcpy((char *)text + 5000, "Linux version 6.1.0-inner (x@y)");
	file = make_elf64(0x1000000, s, 2);
	bytes_free(&note);
	return file;
}

static void check_unpacked(struct bytes (*pack)(const struct bytes *))
{
	struct bytes inner = make_vmlinux(), payload = pack(&inner), file = make_bzimage(&payload);
	struct ukvmm_err err = {.size = sizeof err};
	struct boot_image image;

	if (boot_parse(&image, file.data, file.len, BOOT_AUTO, true, "vmlinuz", &err))
		fail_msg("%s", err.text);
	assert_int_equal(image.format, BOOT_ELF64);
	assert_int_equal(image.protocol, BOOT_LINUX);
	assert_int_equal(image.entry, 0x1000000);
	assert_int_equal(image.high, 0x1008000);
	assert_ptr_equal(image.data, image.unpacked);
	assert_int_equal(image.len, inner.len);
	assert_memory_equal(image.data, inner.data, inner.len);
	assert_string_equal(image.guest, "Linux 6.1.0-test"); /* the bzImage's own word */
	assert_int_equal(image.cmdline_max, 2047);
	assert_int_equal(image.initrd_max, 0x7fffffff);
	assert_int_equal(image.setup_header_len, 0x26c - 0x1f1);
	boot_image_fini(&image);

	assert_int_equal(
		boot_parse(&image, file.data, file.len, BOOT_PVH, true, "vmlinuz", &err), 0);
	assert_int_equal(image.protocol, BOOT_PVH);
	assert_int_equal(image.entry, 0x1000010);
	boot_image_fini(&image);
	bytes_free(&file);
	bytes_free(&payload);
	bytes_free(&inner);
}

static void lz4_payload(void **state)
{
	(void)state;
	check_unpacked(pack_lz4);
}

static void xz_payload(void **state)
{
	(void)state;
	check_unpacked(pack_xz);
}

/* More than one block, as every kernel over 8 MiB has. */
static void lz4_payload_of_several_blocks(void **state)
{
	struct bytes inner = make_vmlinux(), payload = {malloc(100000), 4}, file;
	struct boot_image image;

	(void)state;
	poke32(&(struct bytes){payload.data, 4}, 0, 0x184c2102);
	for (uint64_t at = 0; at < inner.len; at += 5000) {
		struct bytes part = {
			inner.data + at, inner.len - at < 5000 ? inner.len - at : 5000};
		struct bytes packed = pack_lz4(&part);

		memcpy(payload.data + payload.len, packed.data + 4, packed.len - 8);
		payload.len += packed.len - 8;
		bytes_free(&packed);
	}
	payload.len += 4;
	poke32(&payload, payload.len - 4, (uint32_t)inner.len);
	file = make_bzimage(&payload);
	assert_int_equal(
		boot_parse(&image, file.data, file.len, BOOT_AUTO, true, "vmlinuz", NULL), 0);
	assert_memory_equal(image.data, inner.data, inner.len);
	boot_image_fini(&image);
	bytes_free(&file);
	free(payload.data);
	bytes_free(&inner);
}

/* Changes four bytes of the payload (off < 0: from its end) and expects a refusal. */
static void refuse_payload(
	struct bytes (*pack)(const struct bytes *), int64_t off, uint32_t value, const char *text)
{
	struct bytes inner = make_vmlinux(), payload = pack(&inner), file;

	poke32(&payload, off < 0 ? payload.len - (uint64_t)-off : (uint64_t)off, value);
	file = make_bzimage(&payload);
	expect_refused(&file, BOOT_AUTO, true, text);
	bytes_free(&file);
	bytes_free(&payload);
	bytes_free(&inner);
}

static void hostile_payloads(void **state)
{
	struct bytes inner = make_vmlinux();

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct bytes (*pack)(const struct bytes *) = i ? pack_xz : pack_lz4;

		refuse_payload(pack, -4, 0, "claims to unpack to 0 bytes");
		refuse_payload(pack, -4, UINT32_MAX, "claims to unpack to 4294967295 bytes");
		refuse_payload(pack, -4, 100, "corrupt or not 100 bytes");
		refuse_payload(pack, -4, (uint32_t)inner.len - 1, "corrupt or not");
		refuse_payload(pack, -4, (uint32_t)inner.len + 1, "corrupt or not");
	}
	refuse_payload(
		pack_xz, 200, 0xdeadbeef, "corrupt or not"); /* LZ4 has no checksum of its own */
	refuse_payload(pack_lz4, 4, 0, "corrupt or not");
	refuse_payload(pack_lz4, 4, UINT32_MAX, "corrupt or not");
	refuse_payload(pack_lz4, 4, 0x7fffffff, "corrupt or not");
	refuse_payload(pack_lz4, 0, 0x00008b1f, "compressed by gzip: only LZ4 and XZ");
	refuse_payload(pack_lz4, 0, 0xfd2fb528, "compressed by zstd");
	refuse_payload(pack_lz4, 0, 0, "compressed by an unknown method");
	bytes_free(&inner);
}

static void payload_outside_of_the_kernel(void **state)
{
	static const uint32_t bad[][2] = {{UINT32_MAX, 16}, {1024, UINT32_MAX},
		{UINT32_MAX, UINT32_MAX}, {0, 7}, {1024, 1 << 20}};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct bytes inner = make_vmlinux(), payload = pack_lz4(&inner),
			     file = make_bzimage(&payload);

		poke32(&file, 0x248, bad[i][0]);
		poke32(&file, 0x24c, bad[i][1]);
		expect_refused(&file, BOOT_AUTO, true, "lies outside of its kernel");
		bytes_free(&file);
		bytes_free(&payload);
		bytes_free(&inner);
	}
}

static void payload_that_is_no_kernel(void **state)
{
	struct bytes text = {(uint8_t *)(uintptr_t) "just a text, not a kernel at all", 32};
	struct bytes payload = pack_xz(&text), file = make_bzimage(&payload);

	(void)state;
	expect_refused(&file, BOOT_AUTO, true, "neither an ELF file");
	bytes_free(&file);
	bytes_free(&payload);
}

static void decompress_changes_nothing_for_elf(void **state)
{
	struct bytes file = make_plain();
	struct boot_image image;

	(void)state;
	assert_int_equal(
		boot_parse(&image, file.data, file.len, BOOT_AUTO, true, "kernel", NULL), 0);
	assert_null(image.unpacked);
	boot_image_fini(&image);
	bytes_free(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lz4_payload),
		cmocka_unit_test(xz_payload),
		cmocka_unit_test(lz4_payload_of_several_blocks),
		cmocka_unit_test(hostile_payloads),
		cmocka_unit_test(payload_outside_of_the_kernel),
		cmocka_unit_test(payload_that_is_no_kernel),
		cmocka_unit_test(decompress_changes_nothing_for_elf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
