/* SPDX-License-Identifier: Apache-2.0 */
#include "ring3.h"

#include "trap.h"

enum { SELECTOR_TSS = 0x18, RING3_STACK = 65536 };

struct tss {
	uint32_t reserved0;
	uint64_t rsp0, rsp1, rsp2, reserved1, ist[7], reserved2;
	uint16_t reserved3, io_map;
	/* A zero bit allows a port, all-ones end the map. I/O privilege level 3 alone would do by
	 * the book, but kvm_pvm drops it on the way to ring 3. */
	uint8_t ports[8192], end;
} __attribute__((packed));

static struct tss tss;
static uint8_t ring0_stack[8192] __attribute__((aligned(16)));
static uint8_t ring3_stack[RING3_STACK] __attribute__((aligned(16)));
extern uint64_t gdt[];
extern const uint8_t ring3_halt_stub[];

void ring3_go(void (*fn)(void), void *stack);

void map_identity(uint64_t low, uint64_t flags)
{
	flags |= PTE_P | PTE_W;
	pml4[0] = (uint64_t)pdpt | flags;
	for (uint32_t i = 0; i < 4; i++)
		pdpt[i] = (uint64_t)(pd + 512 * i) | flags;
	for (uint64_t p = 0; p < 4ull << 30; p += 2u << 20) {
		if (p >= low && p < 3ull << 30)
			p = 3ull << 30;
		pd[p >> 21] = p | flags | PTE_PS;
	}
	write_cr3((uint64_t)pml4);
}

static void tss_load(void)
{
	uint64_t base = (uint64_t)&tss;

	tss.io_map = offsetof(struct tss, ports);
	tss.end = 0xff;
	tss.rsp0 = (uint64_t)(ring0_stack + sizeof ring0_stack);
	gdt[SELECTOR_TSS / 8] = (sizeof tss - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 |
				(base >> 24 & 0xff) << 56;
	gdt[SELECTOR_TSS / 8 + 1] = base >> 32;
	__asm__ volatile("ltr %0" : : "r"((uint16_t)SELECTOR_TSS));
}

void ring3_init(void)
{
	map_identity(16u << 20, PTE_U);
	tss_load();
	trap_set_raw(13, ring3_halt_stub);
	write_cr0((read_cr0() & ~0xcull) | 2); /* TS and EM off, MP on */
	write_cr4(read_cr4() | 3 << 9);	       /* OSFXSR, OSXMMEXCPT */
}

void ring3_enter(void (*fn)(void))
{
	ring3_go(fn, ring3_stack + sizeof ring3_stack - 8);
	__builtin_unreachable();
}
