/* SPDX-License-Identifier: Apache-2.0 */
#include "images.h"

#include <errno.h>
#include <string.h>

#include "x86_map.h"

void guest_init(struct guest *g, const struct bytes *file, enum boot_protocol wanted, uint64_t mib)
{
	*g = (struct guest){.err = {.size = sizeof g->err}};
	assert_int_equal(mem_reserve(&g->mem, mib << 20, X86_RAM_GAP_START, X86_RAM_GAP_END), 0);
	assert_int_equal(mem_back(&g->mem, MEM_HUGE_OFF), 0);
	if (boot_parse(&g->image, file->data, file->len, wanted, false, "image", &g->err))
		fail_msg("%s", g->err.text);
	g->config = (struct boot_config){
		.name = "vm0", .image = &g->image, .vcpus = 1, .irqchip = true};
	memset(g->config.seed, 0x5e, sizeof g->config.seed);
}

void guest_load(struct guest *g)
{
	g->err.code = 0;
	if (boot_load(&g->config, &g->mem, &g->entry, &g->err))
		fail_msg("%s", g->err.text);
	assert_int_equal(g->err.code, 0);
}

void guest_fini(struct guest *g)
{
	boot_image_fini(&g->image);
	mem_fini(&g->mem);
}

uint16_t peek16(const struct guest *g, uint64_t gpa)
{
	uint16_t v;

	assert_int_equal(mem_read(&g->mem, gpa, &v, sizeof v), 0);
	return v;
}

uint32_t peek32(const struct guest *g, uint64_t gpa)
{
	uint32_t v;

	assert_int_equal(mem_read(&g->mem, gpa, &v, sizeof v), 0);
	return v;
}

uint64_t peek64(const struct guest *g, uint64_t gpa)
{
	uint64_t v;

	assert_int_equal(mem_read(&g->mem, gpa, &v, sizeof v), 0);
	return v;
}

const char *peek_text(const struct guest *g, uint64_t gpa)
{
	const char *s = mem_ptr(&g->mem, gpa, 1);

	assert_non_null(s);
	assert_non_null(memchr(s, 0, 65536));
	return s;
}

bool is_zero(const struct guest *g, uint64_t gpa, uint64_t len)
{
	const uint8_t *p = mem_ptr(&g->mem, gpa, len);

	assert_non_null(p);
	return !p[0] && !memcmp(p, p + 1, len - 1);
}

uint8_t byte_sum(const struct guest *g, uint64_t gpa, uint64_t len)
{
	const uint8_t *p = mem_ptr(&g->mem, gpa, len);
	uint8_t sum = 0;

	assert_non_null(p);
	while (len--)
		sum = (uint8_t)(sum + *p++);
	return sum;
}

static void expect_error(const struct ukvmm_err *err, int rc, int code, const char *text)
{
	if (rc != code || !strstr(err->text, text))
		fail_msg("wanted %d \"%s\", got %d \"%s\"", code, text, rc, rc ? err->text : "");
	assert_int_equal(err->code, code);
}

void expect_refused(
	const struct bytes *file, enum boot_protocol wanted, bool decompress, const char *text)
{
	struct ukvmm_err err = {.size = sizeof err};
	struct boot_image image;
	int rc = boot_parse(&image, file->data, file->len, wanted, decompress, "kernel.bin", &err);

	expect_error(&err, rc, -ENOEXEC, text);
	assert_string_equal(err.object, "kernel.bin");
	assert_null(image.unpacked);
	/* err is optional */
	assert_int_equal(
		boot_parse(&image, file->data, file->len, wanted, decompress, "kernel.bin", NULL),
		-ENOEXEC);
}

void expect_not_loaded(struct guest *g, int code, const char *text)
{
	int rc = boot_load(&g->config, &g->mem, &g->entry, &g->err);

	expect_error(&g->err, rc, code, text);
	assert_string_equal(g->err.object, "vm0");
	assert_int_equal(mem_resident(&g->mem), 0); /* not a page was touched */
}
