/* SPDX-License-Identifier: Apache-2.0 */
/* IOAPICs, the local APIC's timer, and what stubs.S knows of interrupts. */
#include <libfdt.h>
#include <string.h>

#include "x86.h"

enum { IOAPIC = 0xfec00000, IOAPIC_STEP = 0x10000, IOAPICS = 2, PINS = 24, SELECT = 0, WINDOW = 0x10, REDIRECT = 0x10 };
enum { VECTOR = 0x40 };

extern uint32_t rt_ack[];
extern uint32_t rt_idle_door;
uint32_t rt_apic_version;

static uint32_t slots;

bool rt_interrupts(void)
{
	return rt_apic_version != UINT32_MAX;
}

/* Edge-triggered, to APIC 0. A second chip has the lines from 24 on, as QEMU's microvm. */
uint32_t rt_irq_ops(struct rt_op *op, uint32_t line, uint64_t ack)
{
	uint64_t chip = IOAPIC + (uint64_t)line / PINS * IOAPIC_STEP;
	uint32_t at = REDIRECT + 2 * (line % PINS);

	if (line >= IOAPICS * PINS || slots == RT_SLOTS || ack > UINT32_MAX)
		rt_panic("no handler for interrupt line %u", line);
	rt_ack[++slots] = (uint32_t)ack;
	op[0] = (struct rt_op){chip + SELECT, at + 1, RT_WRITE};
	op[1] = (struct rt_op){chip + WINDOW, 0, RT_WRITE};
	op[2] = (struct rt_op){chip + SELECT, at, RT_WRITE};
	op[3] = (struct rt_op){chip + WINDOW, VECTOR + slots, RT_WRITE};
	return RT_IRQ_OPS;
}

/* Two cells: the line, and how it triggers. */
uint32_t rt_irq_of_tree(const void *cells, int len)
{
	fdt32_t line;

	if (len < (int)sizeof line)
		return UINT32_MAX;
	memcpy(&line, cells, sizeof line);
	return fdt32_to_cpu(line);
}

/* KVM's local APIC counts nanoseconds, as QEMU's does. */
struct rt_op rt_timer_op(uint64_t ns)
{
	return (struct rt_op){APIC_TIMER, ns > UINT32_MAX ? UINT32_MAX : ns ? (uint32_t)ns : 1, RT_WRITE};
}

void rt_idle_door_at(uint64_t at)
{
	rt_idle_door = at <= UINT32_MAX ? (uint32_t)at : 0;
}

void rt_relax(void)
{
	__builtin_ia32_pause();
}
