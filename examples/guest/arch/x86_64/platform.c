/* SPDX-License-Identifier: Apache-2.0 */
/* Start in ring 3, serial line, end, faults. */
#include "x86.h"
#include "../../drivers/devices.h"

enum { COM1 = 0x3f8, LINE_STATUS = 5, DATA_READY = 1, EXIT_PORT = 0x501, I8042 = 0x64, I8042_RESET = 0xfe };

struct regs {
	uint64_t again, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t vector, error, rip, cs, rflags, rsp, ss, cr2;
};
extern struct regs rt_fault_regs;

/* Objects with a stack protector (libfdt) read the canary at FS:40. */
uint64_t rt_canary_block[8] __attribute__((aligned(16)));

_Noreturn void rt_start(bool pvh, const uint8_t *info, uint32_t apic_version);
_Noreturn void rt_fault(void);

static void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

_Noreturn void rt_start(bool pvh, const uint8_t *info, uint32_t apic_version)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	rt_canary_block[5] = ((uint64_t)hi << 32 | lo) * 0x9e3779b97f4a7c15u << 8;
	rt_apic_version = apic_version;
	rt_boot_read(pvh, info);
	rt_heap_init();
	rt_devices_find();
	rt_clock_init();
	rt_exit(rt_main());
}

/* One exit for all of it: a virtual 16550 loses nothing. */
void rt_serial_write(const char *bytes, size_t len)
{
	__asm__ volatile("rep outsb" : "+S"(bytes), "+c"(len) : "d"((uint16_t)COM1) : "memory");
}

size_t rt_serial_read(char *bytes, size_t len)
{
	size_t n = 0;

	while (n < len && inb(COM1 + LINE_STATUS) & DATA_READY)
		bytes[n++] = (char)inb(COM1);
	return n;
}

/* The port is ours and hvt's; the keyboard controller Firecracker's; what is left ends by a triple fault. */
_Noreturn void rt_off(int status)
{
	outb(EXIT_PORT, (uint8_t)status);
	outb(I8042, I8042_RESET);
	rt_triple_fault();
}

static const char *cause(const struct regs *r)
{
	switch (r->vector) {
	case 0:
		return "division by zero";
	case 6:
		return "invalid instruction";
	case 12:
	case 13:
		return "an address or instruction that is not allowed here";
	case 14:
		break;
	case 19:
		return "invalid SIMD operation";
	default:
		return "exception";
	}
	if (r->cr2 < 4096)
		return "NULL pointer";
	if (r->cr2 >= 6u << 20 && r->cr2 < 8u << 20)
		return "stack overflow";
	if (r->error & 16)
		return "execution of data";
	return r->error & 2 ? "write to memory that is not there or read-only" : "read of memory that is not there";
}

_Noreturn void rt_fault(void)
{
	const struct regs *r = &rt_fault_regs;

	rt_log_plainly();
	rt_log("fault: %s: vector %lu error 0x%lx address 0x%lx", cause(r), r->vector, r->error, r->cr2);
	rt_log("  rip %016lx cs %02lx rflags %lx rsp %016lx ss %02lx", r->rip, r->cs, r->rflags, r->rsp, r->ss);
	rt_log("  rax %016lx rbx %016lx rcx %016lx rdx %016lx", r->rax, r->rbx, r->rcx, r->rdx);
	rt_log("  rsi %016lx rdi %016lx rbp %016lx r8  %016lx", r->rsi, r->rdi, r->rbp, r->r8);
	rt_log("  r9  %016lx r10 %016lx r11 %016lx r12 %016lx", r->r9, r->r10, r->r11, r->r12);
	rt_log("  r13 %016lx r14 %016lx r15 %016lx", r->r13, r->r14, r->r15);
	rt_off(STATUS_FAULT);
}
