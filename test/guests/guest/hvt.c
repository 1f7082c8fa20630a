/* SPDX-License-Identifier: Apache-2.0 */
/* A Solo5 hvt guest without devices: what it finds at its start, time, and what it must not do. The command line says
 * which; empty: hello. */
#include "hvt.h"

enum { LOW_END = 0x100000, MS = 1000000 };

static uint64_t data_page = 1;

static const char constant[] = "constant\n";
static const struct {
	const char *text;
	uint64_t len;
} constant_call = {constant, sizeof constant - 1};

static void look(const struct boot_info *info)
{
	const uint8_t *end = (const uint8_t *)(uintptr_t)info->mem_size;

	check((uintptr_t)info == 0x10000, "place of the boot information");
	check(info->mem_size && !(info->mem_size & 0x1fffff), "memory is not whole 2 MiB");
	check(info->kernel_end > (uintptr_t)&data_page && info->kernel_end < info->mem_size, "kernel_end");
	check(info->tsc_hz > MS, "rate of the TSC");
	check(!info->host_features && !info->net_ring, "features nobody offers");
	check(info->manifest->version == 1 && info->manifest->entries == 1, "manifest");
	check(info->manifest->e[0].type == 1u << 30 && !info->manifest->e[0].attached, "first entry");
	check(!((const uint8_t *)(uintptr_t)info->kernel_end)[0] && !end[-4096], "memory is not zero");
	check(data_page == 1, "data");
}

static void sleep_test(void)
{
	uint64_t start = walltime();
	volatile struct poll p = {20 * MS, 7, 7};

	call(POLL, &p);
	check(!p.ret && !p.ready, "poll without devices");
	check(walltime() - start >= 20 * MS, "poll came back early");
	p = (struct poll){0, 7, 7};
	call(POLL, &p);
	check(!p.ret, "poll without a timeout");
}

/* Long enough for some pauses; none may shorten it. */
static void sleep_often(void)
{
	for (int i = 0; i < 40; i++) {
		say("tick\n");
		sleep_test();
	}
	say("OK\n");
}

/* A poll that no time ends: the embedder does. */
static void sleep_for_ever(void)
{
	volatile struct poll p = {~0ull, 0, 0};

	say("idle\n");
	call(POLL, &p);
	say("woken\n");
}

static void write_to(uintptr_t at)
{
	say("falling\n");
	*(volatile uint8_t *)at = 0xc3;
	say("FAIL it was written\n");
}

static void run(const uint8_t *code)
{
	say("falling\n");
	((void (*)(void))(uintptr_t)code)();
	say("it was executed\n");
}

/* Far behind the image, where the page tables have pages of 2 MiB. */
static void run_heap(const struct boot_info *info)
{
	uint8_t *heap = (uint8_t *)(uintptr_t)(info->mem_size / 2);

	*heap = 0xc3;
	run(heap);
}

/* A `ret` wherever code should not be. */
static void run_what(const struct boot_info *info, const char *what)
{
	static const uint8_t constants[] = {0xc3};
	static uint8_t data[] = {0xc3};
	volatile uint8_t stack[] = {0xc3};

	if (same(what, "run-data"))
		run(data);
	else if (same(what, "run-constant"))
		run(constants);
	else if (same(what, "run-heap"))
		run_heap(info);
	else if (same(what, "run-stack"))
		run((const uint8_t *)stack);
	else if (same(what, "run-low"))
		run((const uint8_t *)info);
}

void guest_main(const struct boot_info *info)
{
	const char *what = info->cmdline;

	look(info);
	run_what(info, what);
	if (same(what, "sleep"))
		sleep_test();
	else if (same(what, "ticks"))
		sleep_often();
	else if (same(what, "idle"))
		sleep_for_ever();
	else if (same(what, "write-null"))
		write_to(8);
	else if (same(what, "write-low"))
		write_to(LOW_END - 8);
	else if (same(what, "write-info"))
		write_to((uintptr_t)info);
	else if (same(what, "write-text"))
		write_to((uintptr_t)guest_main);
	else if (same(what, "write-constant"))
		write_to((uintptr_t)constant);
	else if (same(what, "answer-in-text"))
		call(WALLTIME, (void *)((uintptr_t)guest_main & ~7ull));
	else if (same(what, "say-constant"))
		call(PUTS, (void *)&constant_call);
	else if (same(what, "no-call"))
		call(9, &data_page);
	else if (same(what, "outside"))
		call(WALLTIME, (void *)0xfffffff8);
	else if (same(what, "low-answer"))
		call(WALLTIME, (void *)0x20000);
	else if (same(what, "halt 41"))
		halt(41);
	say("hello from hvt [");
	say(what);
	say("]\n");
	halt(0);
}
