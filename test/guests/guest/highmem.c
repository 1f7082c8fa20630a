/* SPDX-License-Identifier: Apache-2.0 */
/* Uses memory above 4 GiB: first and last page of every RAM entry there; mem=BYTES in all. */
#include "boot_layout.h"
#include "ring3.h"

enum { HIGH_GIB = 60 };

static uint64_t pd_high[HIGH_GIB][512] __attribute__((aligned(4096)));

static volatile uint64_t *map_high(uint64_t p)
{
	uint64_t gib = p >> 30;

	if (gib < 4 || gib >= 4 + HIGH_GIB)
		die("RAM where this guest has no tables");
	pdpt[gib] = (uint64_t)pd_high[gib - 4] | PTE_P | PTE_W;
	pd_high[gib - 4][p >> 21 & 511] = (p & ~0x1fffffull) | PTE_P | PTE_W | PTE_PS;
	return (volatile uint64_t *)p;
}

static void touch(uint64_t p)
{
	volatile uint64_t *q = map_high(p);

	check_eq("fresh memory is zero", *q, 0);
	*q = p ^ 0x1234;
}

void guest_main(void)
{
	struct ram ram[16];
	uint32_t n = boot_ram(ram, 16), high = 0;
	uint64_t total = 0x100000 - 0x9fc00;

	map_identity(16u << 20, 0);
	for (uint32_t i = 0; i < n; i++) {
		total += ram[i].len;
		if (ram[i].base < 1ull << 32 || ram[i].type != E820_RAM)
			continue;
		high++;
		check_eq("RAM goes on at 4 GiB", ram[i].base, 1ull << 32);
		touch(ram[i].base);
		touch(ram[i].base + ram[i].len - 4096);
		check_eq("first page holds", *map_high(ram[i].base), ram[i].base ^ 0x1234);
	}
	check_eq("entries above 4 GiB", high, 1);
	check_eq("RAM in all", total, arg_number("mem", 0));
}
