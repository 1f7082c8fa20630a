/* SPDX-License-Identifier: Apache-2.0 */
/* The MP table (MultiProcessor Specification 1.4) where OSv and Hermit look for it: cpus=N. */
#include "guest.h"

enum { MP_FLOAT = 0x5f504d5f /* "_MP_" */, MP_CONFIG = 0x504d4350 /* "PCMP" */ };
enum { ENTRY_CPU, ENTRY_BUS, ENTRY_IOAPIC, ENTRY_INTERRUPT, ENTRY_LOCAL, ENTRY_KINDS };
enum { INT_NMI = 1, INT_EXTINT = 3 };

static const uint8_t *scan(uint64_t p, uint64_t end)
{
	for (; p < end; p += 16)
		if (le32((const void *)p) == MP_FLOAT)
			return (const uint8_t *)p;
	return NULL;
}

static void check_entries(const uint8_t *c, uint32_t seen[ENTRY_KINDS])
{
	const uint8_t *e = c + 44, *end = c + le16(c + 4);
	uint32_t count = 0, lint = 0;

	for (; e < end && *e < ENTRY_KINDS; count++, e += *e == ENTRY_CPU ? 20 : 8) {
		if (*e == ENTRY_CPU) {
			check_eq("CPU APIC id", e[1], seen[ENTRY_CPU]);
			check_eq("CPU flags (enabled, boot CPU first)", e[3] & 3u,
				seen[ENTRY_CPU] ? 1 : 3);
		}
		if (*e == ENTRY_IOAPIC) {
			check_eq("IOAPIC usable", e[3] & 1, 1);
			check_eq("IOAPIC address", le32(e + 4), 0xfec00000);
		}
		if (*e == ENTRY_BUS && !seen[ENTRY_BUS])
			check("first bus is ISA", !memcmp(e + 2, "ISA", 3));
		if (*e == ENTRY_INTERRUPT)
			check_eq("interrupt: bus line and pin agree", e[5], e[7]);
		if (*e == ENTRY_LOCAL) {
			check_eq("LINT0 ExtINT, LINT1 NMI", e[1], e[7] == 0 ? INT_EXTINT : INT_NMI);
			lint |= 1u << e[7];
		}
		seen[*e]++;
	}
	check("entries end where the table does", e == end);
	check_eq("entry count", le16(c + 34), count);
	check_eq("both local interrupts", lint, 3);
}

void guest_main(void)
{
	const uint8_t *f = scan(0x9fc00, 0xa0000), *c;
	uint32_t seen[ENTRY_KINDS] = {0};

	if (!f)
		f = scan(0xf0000, 0x100000);
	if (!f)
		die("no MP floating pointer");
	check_eq("floating pointer checksum", sum8(f, f[8] * 16u), 0);
	c = (const uint8_t *)(uint64_t)le32(f + 4);
	if (!c || le32(c) != MP_CONFIG)
		die("no MP configuration table");
	check_eq("MP table checksum", sum8(c, le16(c + 4)), 0);
	check_eq("LAPIC address", le32(c + 36), 0xfee00000);
	check_entries(c, seen);
	check_eq("CPUs", seen[ENTRY_CPU], arg_number("cpus", 1));
	check_eq("IOAPICs", seen[ENTRY_IOAPIC], 1);
	check("interrupt entries for ISA lines", seen[ENTRY_INTERRUPT] >= 15);
}
