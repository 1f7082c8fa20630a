/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI and MP tables as a guest finds them in memory: checksums, pointers, and what iasl reads in
 * them. */
#include "images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tables.h"
#include "x86_map.h"

static void load(struct guest *g, uint32_t vcpus)
{
	static struct boot_device device[X86_DEVICES];
	static const uint32_t gsi[] = X86_DEVICE_GSIS;
	static uint8_t kept[4096];
	struct bytes file = make_plain();

	for (uint32_t i = 0; i < X86_DEVICES; i++)
		device[i] =
			(struct boot_device){X86_VIRTIO_BASE + i * X86_VIRTIO_STRIDE, 4096, gsi[i]};
	memcpy(kept, file.data, file.len);
	guest_init(g, &(struct bytes){kept, file.len}, BOOT_AUTO, 16);
	bytes_free(&file);
	g->config.vcpus = vcpus;
	g->config.device = device;
	g->config.devices = X86_DEVICES;
	guest_load(g);
}

/* A table of the XSDT by signature; its checksum must be right. */
static uint64_t table(const struct guest *g, const char *signature)
{
	uint64_t xsdt = peek64(g, 0xe0000 + 24), fadt = 0, at = 0;

	assert_memory_equal(mem_ptr(&g->mem, xsdt, 4), "XSDT", 4);
	assert_int_equal(byte_sum(g, xsdt, peek32(g, xsdt + 4)), 0);
	if (!strcmp(signature, "XSDT"))
		return xsdt;
	for (uint64_t e = xsdt + 36; e < xsdt + peek32(g, xsdt + 4); e += 8) {
		uint64_t t = peek64(g, e);

		if (!memcmp(mem_ptr(&g->mem, t, 4), "FACP", 4))
			fadt = t;
		if (!memcmp(mem_ptr(&g->mem, t, 4), signature, 4))
			at = t;
	}
	if (!strcmp(signature, "DSDT"))
		at = peek64(g, fadt + 140);
	assert_true(at);
	assert_memory_equal(mem_ptr(&g->mem, at, 4), signature, 4);
	assert_int_equal(byte_sum(g, at, peek32(g, at + 4)), 0);
	return at;
}

static void root_pointer(void **state)
{
	struct guest g;

	(void)state;
	load(&g, 1);
	assert_memory_equal(mem_ptr(&g.mem, 0xe0000, 8), "RSD PTR ", 8);
	assert_int_equal(byte_sum(&g, 0xe0000, 20), 0);
	assert_int_equal(byte_sum(&g, 0xe0000, 36), 0);
	assert_int_equal(peek32(&g, 0xe0000 + 20), 36);
	table(&g, "XSDT");
	guest_fini(&g);
}

static void fixed_description(void **state)
{
	struct guest g;
	uint64_t fadt;

	(void)state;
	load(&g, 1);
	fadt = table(&g, "FACP");
	assert_int_equal(peek32(&g, fadt + 4), 276);
	assert_int_equal(
		peek32(&g, fadt + 40), table(&g, "DSDT"));     /* IncludeOS reads the 32-bit one */
	assert_int_equal(peek32(&g, fadt + 64), 0x604);	       /* Solo5, IncludeOS */
	assert_int_equal(peek32(&g, fadt + 112) >> 20 & 1, 1); /* hardware-reduced */
	assert_int_equal(peek32(&g, fadt + 112) >> 10 & 1, 1); /* reset register */
	assert_int_equal(peek64(&g, fadt + 120), 0x64);
	assert_int_equal(peek16(&g, fadt + 128) & 0xff, 0xfe);
	assert_int_equal(peek64(&g, fadt + 248), X86_PORT_SLEEP_CONTROL);
	assert_int_equal(peek64(&g, fadt + 260), X86_PORT_SLEEP_STATUS);
	guest_fini(&g);
}

/* Found as Solo5 and IncludeOS do, without an interpreter. */
static void s5_as_plain_bytes(void **state)
{
	struct guest g;
	uint64_t dsdt;
	const uint8_t *s5;

	(void)state;
	load(&g, 1);
	dsdt = table(&g, "DSDT");
	s5 = memmem(mem_ptr(&g.mem, dsdt, peek32(&g, dsdt + 4)), peek32(&g, dsdt + 4), "_S5_", 4);
	assert_non_null(s5);
	assert_int_equal(s5[-1], 0x08);	 /* Name */
	assert_int_equal(s5[4], 0x12);	 /* Package */
	assert_int_equal(s5[5] >> 6, 0); /* of a one-byte length */
	assert_int_equal(s5[6], 4);
	assert_int_equal(s5[7], 0x0a); /* byte prefix */
	assert_int_equal(s5[8], X86_ACPI_S5_TYPE);
	guest_fini(&g);
}

static void interrupt_controllers(void **state)
{
	struct guest g;
	uint64_t madt, e;

	(void)state;
	load(&g, 3);
	madt = table(&g, "APIC");
	assert_int_equal(peek32(&g, madt + 36), 0xfee00000);
	assert_int_equal(peek32(&g, madt + 4), 44 + 3 * 8 + 12);
	for (uint32_t i = 0; i < 3; i++) {
		e = madt + 44 + i * 8;
		assert_int_equal(peek16(&g, e), 0x0800);
		assert_int_equal(peek16(&g, e + 2) >> 8, i);
		assert_int_equal(peek32(&g, e + 4), 1);
	}
	e = madt + 44 + 3 * 8;
	assert_int_equal(peek16(&g, e), 0x0c01);
	assert_int_equal(peek32(&g, e + 4), 0xfec00000);
	assert_int_equal(peek32(&g, e + 8), 0);
	guest_fini(&g);
}

static void mp_table(void **state)
{
	struct guest g;
	uint64_t table_at, e;
	uint32_t seen[5] = {0};

	(void)state;
	load(&g, 3);
	assert_memory_equal(mem_ptr(&g.mem, 0x9fc00, 4), "_MP_", 4);
	assert_int_equal(byte_sum(&g, 0x9fc00, 16), 0);
	table_at = peek32(&g, 0x9fc04);
	assert_memory_equal(mem_ptr(&g.mem, table_at, 4), "PCMP", 4);
	assert_int_equal(byte_sum(&g, table_at, peek16(&g, table_at + 4)), 0);
	assert_int_equal(peek32(&g, table_at + 36), 0xfee00000);
	e = table_at + 44;
	for (uint32_t i = 0; i < peek16(&g, table_at + 34); i++) {
		uint8_t type = (uint8_t)peek16(&g, e);

		assert_true(type < 5);
		if (type == 0)
			assert_int_equal(peek16(&g, e) >> 8, seen[0]); /* APIC id */
		if (type == 2)
			assert_int_equal(peek32(&g, e + 4), 0xfec00000);
		if (type == 3)
			assert_int_equal(peek16(&g, e + 6),
				3 | seen[3] << 8); /* IOAPIC 3, the pin of the IRQ */
		seen[type]++;
		e += type ? 8 : 20;
	}
	assert_int_equal(e, table_at + peek16(&g, table_at + 4));
	assert_int_equal(seen[0], 3);
	assert_int_equal(seen[1], 1);
	assert_int_equal(seen[2], 1);
	assert_int_equal(seen[3], 24);
	assert_int_equal(seen[4], 2);
	guest_fini(&g);
}

static void largest_tables_fit(void **state)
{
	struct guest g;

	(void)state;
	load(&g, 254);
	assert_true(table(&g, "XSDT") + peek32(&g, table(&g, "XSDT") + 4) <= 0xf0000);
	table(&g, "APIC");
	table(&g, "DSDT");
	guest_fini(&g);
}

static void builders_are_bad_when_short_of_room(void **state)
{
	struct boot_config config = {.vcpus = 2, .device = test_devices, .devices = 2};
	uint8_t buf[4096];
	struct writer w;
	size_t acpi, mp;

	(void)state;
	writer_init(&w, buf, boot_acpi_bytes(&config));
	boot_acpi_build(&w, 0xe0000, &config);
	assert_false(w.bad);
	acpi = w.len;
	writer_init(&w, buf, boot_mp_bytes(&config));
	boot_mp_build(&w, 0x9fc00, &config);
	assert_false(w.bad);
	mp = w.len;
	assert_int_equal(mp, boot_mp_bytes(&config));
	for (size_t cap = 0; cap < acpi; cap++) {
		writer_init(&w, buf, cap);
		boot_acpi_build(&w, 0xe0000, &config);
		assert_true(w.bad);
	}
	for (size_t cap = 0; cap < mp; cap++) {
		writer_init(&w, buf, cap);
		boot_mp_build(&w, 0x9fc00, &config);
		assert_true(w.bad);
	}
}

/* Writes a table to a file, has iasl disassemble it, and reads the result. */
static char *disassemble(const struct guest *g, const char *signature)
{
	uint64_t at = table(g, signature);
	char path[512], command[2048], *text = calloc(1, 1 << 20);
	FILE *f;

	mkdir(TEST_DIR, 0777);
	snprintf(path, sizeof path, TEST_DIR "/%s.aml", signature);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(
		fwrite(mem_ptr(&g->mem, at, peek32(g, at + 4)), peek32(g, at + 4), 1, f), 1);
	fclose(f);
	snprintf(command, sizeof command,
		"cd '" TEST_DIR "' && rm -f %s.dsl && '" IASL "' -d %s.aml > %s.log 2>&1",
		signature, signature, signature);
	assert_int_equal(system(command), 0);
	snprintf(path, sizeof path, TEST_DIR "/%s.dsl", signature);
	f = fopen(path, "rb");
	assert_non_null(f);
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	return text;
}

static void expect_text(const char *text, const char *wanted)
{
	if (!strstr(text, wanted))
		fail_msg("no \"%s\" in:\n%s", wanted, text);
}

static void iasl_reads_the_dsdt(void **state)
{
	struct guest g;
	char *text;

	(void)state;
	load(&g, 2);
	text = disassemble(&g, "DSDT");
	expect_text(text, "Name (_S5, Package (0x04)");
	expect_text(text, "Name (_HID, EisaId (\"PNP0501\")");
	expect_text(text, "Device (V000)");
	expect_text(text, "Device (V00F)");
	expect_text(text, "Name (_HID, \"LNRO0005\")");
	expect_text(text, "Name (_CCA, ");
	expect_text(text, "Memory32Fixed (ReadWrite,\n                    0xD000F000,");
	expect_text(text, "Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, )");
	expect_text(text, "0x00000017,");
	assert_null(strstr(text, "Error"));
	free(text);
	guest_fini(&g);
}

/* What iasl disassembles must compile again to the same devices: -d alone tolerates much. */
static void iasl_compiles_what_it_read(void **state)
{
	struct guest g;
	char *text;

	(void)state;
	load(&g, 2);
	text = disassemble(&g, "DSDT");
	assert_int_equal(
		system("cd '" TEST_DIR "' && '" IASL "' -p again DSDT.dsl > again.log 2>&1"), 0);
	free(text);
	guest_fini(&g);
}

static void iasl_reads_the_data_tables(void **state)
{
	static const char *const wanted[][2] = {
		{"FACP", "Hardware Reduced (V5) : 1"},
		{"FACP", "Reset Register Supported (V2) : 1"},
		{"FACP", "Hypervisor ID : 0000004D4D564B55"},
		{"APIC", "Subtable Type : 01 [I/O APIC]"},
		{"XSDT", "ACPI Table Address   1"},
	};
	struct guest g;

	(void)state;
	load(&g, 2);
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
		char *text = disassemble(&g, wanted[i][0]);

		expect_text(text, wanted[i][1]);
		assert_null(strstr(text, "nvalid"));
		assert_null(strstr(text, "Incorrect"));
		free(text);
	}
	guest_fini(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_pointer),
		cmocka_unit_test(fixed_description),
		cmocka_unit_test(s5_as_plain_bytes),
		cmocka_unit_test(interrupt_controllers),
		cmocka_unit_test(mp_table),
		cmocka_unit_test(largest_tables_fit),
		cmocka_unit_test(builders_are_bad_when_short_of_room),
	};
	const struct CMUnitTest iasl[] = {
		cmocka_unit_test(iasl_reads_the_dsdt),
		cmocka_unit_test(iasl_compiles_what_it_read),
		cmocka_unit_test(iasl_reads_the_data_tables),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	if (access(IASL, X_OK)) {
		fprintf(stderr, "skipped: no iasl (package acpica-tools)\n");
		return failed ? failed : 77;
	}
	return failed + cmocka_run_group_tests(iasl, NULL, NULL);
}
