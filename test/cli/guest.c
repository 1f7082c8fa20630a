/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest that the CLI's tests run: does what the first word of its command line says. Started
 * by the 64-bit Linux protocol; all of it in ring 0, so words are few: some hosts emulate them.
 *
 *   exit N        ends with status N
 *   poweroff, reset, panic, triple, halt   end that way
 *   say TEXT      prints TEXT, powers off; so does cmdline TEXT
 *   fail N TEXT   prints TEXT, ends with status N
 *   spin          prints "ready", runs for ever
 *   sleep         prints "ready", halts with interrupts on
 *   flood N       prints N lines of 64 bytes
 *   take N        prints "ready", reads N bytes, prints their count and a sum
 *   echo          prints "ready", then what it reads in hexadecimal until a 'q'
 *   refused       an instruction that kvm_pvm's emulator does not know, then powers off
 *   memory        prints how many MiB of RAM the e820 map has
 *   touch N       prints "ready", writes to N MiB of memory from 2 MiB on, prints "touched N"
 *   initrd        prints the initrd, a text
 *   devices       prints the type of each virtio device (virtio 1.2 section 5), in order
 *   break N       breaks the protocol of the first device, N times with a reset before, then sleeps
 *   size          prints the size of the console, the only device, and the next one it is told
 *
 * A leading "--" is passed over, so that orders may also come as `ukvmm run IMAGE -- ORDER`.
 */
#include <stdint.h>

enum { COM1 = 0x3f8, LSR = COM1 + 5, LSR_READY = 1 };

static const uint8_t *zero_page;

static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline void outw(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static void print(const char *s)
{
	for (; *s; s++)
		outb(COM1, (uint8_t)*s);
}

static void print_number(uint64_t n)
{
	char text[24];
	int at = sizeof text - 1;

	text[at] = '\0';
	do
		text[--at] = (char)('0' + n % 10);
	while (n /= 10);
	print(text + at);
}

static void print_hex(uint8_t byte)
{
	static const char digit[] = "0123456789abcdef";

	outb(COM1, (uint8_t)digit[byte >> 4]);
	outb(COM1, (uint8_t)digit[byte & 15]);
}

static uint8_t receive(void)
{
	while (!(inb(LSR) & LSR_READY))
		;
	return inb(COM1);
}

/* True if the text starts with this word; *text is then behind it and one blank. */
static int word(const char **text, const char *is)
{
	const char *t = *text;

	for (; *is; is++, t++)
		if (*t != *is)
			return 0;
	if (*t && *t != ' ')
		return 0;
	*text = *t ? t + 1 : t;
	return 1;
}

static uint64_t number(const char **text)
{
	uint64_t n = 0;

	for (; **text >= '0' && **text <= '9'; (*text)++)
		n = n * 10 + (uint64_t)(**text - '0');
	if (**text == ' ')
		(*text)++;
	return n;
}

static void poweroff(void)
{
	outw(0x604, 0x2000);
}

/* Each is given the words after its own. What returns is powered off. */

static void do_exit(const char *text)
{
	outb(0x501, (uint8_t)number(&text));
}

static void do_say(const char *text)
{
	print(text);
}

static void do_fail(const char *text)
{
	uint8_t status = (uint8_t)number(&text);

	print(text);
	outb(0x501, status);
}

static void do_reset(const char *text)
{
	(void)text;
	outb(0x64, 0xfe);
}

static void do_panic(const char *text)
{
	(void)text;
	outb(0x505, 1);
}

static void do_triple(const char *text)
{
	static const uint8_t no_table[10] __attribute__((aligned(16)));

	(void)text;
	__asm__ volatile("lidt %0; ud2" : : "m"(no_table));
}

static void do_halt(const char *text)
{
	(void)text;
	__asm__ volatile("cli; hlt");
}

static void do_spin(const char *text)
{
	(void)text;
	print("ready\n");
	for (;;)
		__asm__ volatile("pause");
}

static void do_sleep(const char *text)
{
	(void)text;
	print("ready\n");
	for (;;)
		__asm__ volatile("sti; hlt");
}

static void do_flood(const char *text)
{
	for (uint64_t lines = number(&text); lines; lines--)
		print("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+\n");
}

static void do_take(const char *text)
{
	uint64_t len = number(&text), sum = 0;

	print("ready\n");
	for (uint64_t i = 0; i < len; i++)
		sum = (sum * 31 + receive()) % 1000000007;
	print_number(len);
	print(" ");
	print_number(sum);
	print("\n");
}

static void do_echo(const char *text)
{
	uint8_t byte;

	(void)text;
	print("ready\n");
	do {
		byte = receive();
		print_hex(byte);
		print("\n");
	} while (byte != 'q');
}

static void do_refused(const char *text)
{
	uint64_t bits = 0;

	(void)text;
	__asm__ volatile("popcnt %0, %0" : "+r"(bits) : : "cc");
}

/* Adds up type 1 entries of the zero page's map (boot.rst: count at 0x1e8, entries of 20 bytes
 * at 0x2d0). */
static void do_memory(const char *text)
{
	uint64_t bytes = 0;

	(void)text;
	for (uint32_t i = 0; i < zero_page[0x1e8]; i++) {
		const uint8_t *entry = zero_page + 0x2d0 + i * 20;

		if (entry[16] == 1)
			bytes += *(const uint64_t *)(const void *)(entry + 8);
	}
	print_number((bytes + 0xfffff) >> 20);
	print("\n");
}

static void do_touch(const char *text)
{
	uint64_t mib = number(&text);

	print("ready\n");
	for (uint64_t at = 2 << 20; at < (mib + 2) << 20; at += 4096)
		*(volatile uint8_t *)(uintptr_t)at = 1;
	print("touched ");
	print_number(mib);
	print("\n");
}

/* boot.rst: ramdisk_image at 0x218, ramdisk_size at 0x21c. */
static void do_initrd(const char *text)
{
	uint32_t at = *(const uint32_t *)(const void *)(zero_page + 0x218);
	uint32_t len = *(const uint32_t *)(const void *)(zero_page + 0x21c);

	(void)text;
	for (uint32_t i = 0; i < len; i++)
		outb(COM1, ((const uint8_t *)(uintptr_t)at)[i]);
}

/* The loader maps the first GiB only; what is behind 3 GiB goes into a page directory of our own. */
static void map_devices(void)
{
	static uint64_t directory[512] __attribute__((aligned(4096)));
	uint64_t *pml4, *pdpt;

	__asm__ volatile("movq %%cr3, %0" : "=r"(pml4));
	pdpt = (uint64_t *)(pml4[0] & ~0xfffull);
	for (uint64_t i = 0; i < 512; i++)
		directory[i] = 3ull << 30 | i << 21 | 0x83;
	pdpt[3] = (uint64_t)directory | 3;
	__asm__ volatile("" : : : "memory");
}

/* The devices' places, from words of the command line: virtio_mmio.device=4K@0xd0000000:5 */
static const char *next_device(const char *text, volatile uint32_t **regs)
{
	uint64_t at = 0;

	for (; *text; text++)
		if (text[0] == '@' && text[1] == '0' && text[2] == 'x')
			break;
	if (!*text)
		return 0;
	for (text += 3; *text && *text != ':'; text++)
		at = at * 16 + (uint64_t)(*text <= '9' ? *text - '0' : (*text | 32) - 'a' + 10);
	*regs = (volatile uint32_t *)(uintptr_t)at;
	return text;
}

static void do_devices(const char *text)
{
	volatile uint32_t *regs;

	map_devices();
	while ((text = next_device(text, &regs))) {
		print_number(regs[2]); /* DeviceID */
		print(" ");
	}
	print("\n");
}

/* Registers of virtio 1.2 section 4.2.2, by words. A descriptor table at address 1 cannot be. */
static void break_once(volatile uint32_t *regs)
{
	regs[0x070 / 4] = 0;
	regs[0x070 / 4] = 1 | 2; /* ACKNOWLEDGE, DRIVER */
	regs[0x024 / 4] = 1;
	regs[0x020 / 4] = 1; /* VERSION_1, bit 32 */
	regs[0x070 / 4] = 1 | 2 | 8; /* FEATURES_OK */
	regs[0x030 / 4] = 0;
	regs[0x038 / 4] = 8; /* QueueNum */
	regs[0x080 / 4] = 1;
	regs[0x044 / 4] = 1; /* QueueReady */
}

static void do_break(const char *text)
{
	volatile uint32_t *regs;
	uint64_t n = number(&text);

	map_devices();
	if (!next_device(text, &regs))
		return;
	while (n--)
		break_once(regs);
	print_number(regs[0x070 / 4] >> 6 & 1); /* DEVICE_NEEDS_RESET */
	print("\n");
	do_sleep(text);
}

/* virtio 1.2 section 5.3.4: cols and rows, 16 bits each, begin the configuration at 0x100. */
static void do_size(const char *text)
{
	volatile uint32_t *regs;
	uint32_t size, is;

	map_devices();
	if (!next_device(text, &regs))
		return;
	size = regs[0x40];
	for (int i = 0; i < 2; i++) {
		print_number(size & 0xffff);
		print("x");
		print_number(size >> 16);
		print(" ready\n");
		for (is = size; i == 0 && is == size;)
			is = regs[0x40];
		size = is;
	}
}

static const struct order {
	const char *word;
	void (*obey)(const char *text);
} orders[] = {
	{ "exit", do_exit },	 { "say", do_say },	  { "fail", do_fail },
	{ "reset", do_reset },	 { "panic", do_panic },	  { "halt", do_halt },
	{ "triple", do_triple }, { "spin", do_spin },	  { "sleep", do_sleep },
	{ "flood", do_flood },	 { "take", do_take },	  { "echo", do_echo },
	{ "memory", do_memory }, { "initrd", do_initrd }, { "refused", do_refused },
	{ "cmdline", do_say },	 { "devices", do_devices }, { "size", do_size },
	{ "break", do_break },	 { "touch", do_touch },
};

/* RSI is the zero page; the command line's address is at 0x228 of it. */
__attribute__((used)) static void start(const uint8_t *rsi)
{
	const char *text;

	zero_page = rsi;
	text = (const char *)(uintptr_t)*(const uint32_t *)(const void *)(zero_page + 0x228);
	word(&text, "--");
	for (uint32_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
		if (word(&text, orders[i].word)) {
			orders[i].obey(text);
			break;
		}
	poweroff();
	for (;;)
		__asm__ volatile("cli; hlt");
}

static uint8_t stack[16384] __attribute__((aligned(16), used));

__asm__(".globl _start\n"
	"_start:\n"
	"	lea stack+16384(%rip), %rsp\n"
	"	mov %rsi, %rdi\n"
	"	call start\n");
