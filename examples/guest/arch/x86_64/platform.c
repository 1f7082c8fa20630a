/* SPDX-License-Identifier: Apache-2.0 */
/* Start in ring 3, serial line, end, faults, interrupts. */
#include <stdio.h>
#include <stdlib.h>

#include "arch.h"
#include "../../drivers/virtio.h"

enum { COM1 = 0x3f8, EXIT_PORT = 0x501, STATUS_PANIC = 253, STATUS_FAULT = 254 };
enum { IOAPIC = 0xfec00000, PINS = 24, VECTOR = 0x40 };

struct regs {
	uint64_t again, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t vector, error, rip, cs, rflags, rsp, ss, cr2;
};
extern struct regs rt_fault_regs;
extern uint32_t rt_ack[];

/* Objects with a stack protector (libfdt) read the canary at FS:40. */
uint64_t rt_canary_block[8] __attribute__((aligned(16)));

_Noreturn void rt_start(bool pvh, const uint8_t *info, bool kvm);
_Noreturn void rt_fault(void);

static void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

_Noreturn void rt_start(bool pvh, const uint8_t *info, bool kvm)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	rt_canary_block[5] = ((uint64_t)hi << 32 | lo) * 0x9e3779b97f4a7c15u << 8;
	rt_boot_read(pvh, info);
	rt_heap_init();
	rt_devices_find();
	rt_clock_init(kvm);
	rt_exit(rt_main());
}

/* One exit for all of it: a virtual 16550 loses nothing. */
void rt_console_write(const char *bytes, size_t len)
{
	__asm__ volatile("rep outsb" : "+S"(bytes), "+c"(len) : "d"((uint16_t)COM1) : "memory");
}

void rt_log(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof line - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof line - 2)
		n = sizeof line - 2;
	line[n++] = '\n';
	rt_console_write(line, (size_t)n);
}

_Noreturn void rt_exit(int status)
{
	outb(EXIT_PORT, (uint8_t)status);
	outb(0x64, 0xfe); /* machines without that port: the keyboard controller's reset */
	for (;;)
		rt_ring0(NULL, 0, true);
}

_Noreturn void rt_panic(const char *fmt, ...)
{
	char line[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	rt_log("panic: %s", line);
	rt_exit(STATUS_PANIC);
}

static const char *cause(const struct regs *r)
{
	if (r->vector == 6)
		return "invalid instruction";
	if (r->vector == 0)
		return "division by zero";
	if (r->vector != 14)
		return "exception";
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

	rt_log("fault: %s: vector %lu error 0x%lx address 0x%lx", cause(r), r->vector, r->error, r->cr2);
	rt_log("  rip %016lx cs %02lx rflags %lx rsp %016lx ss %02lx", r->rip, r->cs, r->rflags, r->rsp, r->ss);
	rt_log("  rax %016lx rbx %016lx rcx %016lx rdx %016lx", r->rax, r->rbx, r->rcx, r->rdx);
	rt_log("  rsi %016lx rdi %016lx rbp %016lx r8  %016lx", r->rsi, r->rdi, r->rbp, r->r8);
	rt_log("  r9  %016lx r10 %016lx r11 %016lx r12 %016lx", r->r9, r->r10, r->r11, r->r12);
	rt_log("  r13 %016lx r14 %016lx r15 %016lx", r->r13, r->r14, r->r15);
	rt_exit(STATUS_FAULT);
}

void rt_irq_route(uint32_t gsi, uint32_t slot, uint64_t ack)
{
	struct rt_op op[] = {
		{IOAPIC, 0x11 + 2 * gsi, RT_WRITE},
		{IOAPIC + 0x10, 0, RT_WRITE}, /* to APIC 0 */
		{IOAPIC, 0x10 + 2 * gsi, RT_WRITE},
		{IOAPIC + 0x10, VECTOR + slot, RT_WRITE},
	};

	if (gsi >= PINS || !slot || slot > RT_SLOTS)
		rt_panic("no handler for interrupt line %u", gsi);
	rt_ack[slot] = (uint32_t)ack;
	rt_ring0(op, sizeof op / sizeof *op, false);
}
