/* SPDX-License-Identifier: Apache-2.0 */
/* IOAPICs, the local APIC's timer, idling, and the ways into ring 0 that save exits. */
#include <libfdt.h>
#include <string.h>

#include "x86.h"

enum { IOAPIC = 0xfec00000, IOAPIC_STEP = 0x10000, IOAPICS = 2, PINS = 24, WINDOW = 0x10, REDIRECT = 0x10 };
enum { VECTOR = 0x40, INTERRUPT_ACK = 0x64, QUEUES_MAX = 4 };

extern uint32_t rt_ack[];	  /* stubs.S: where the handler of a slot acknowledges */
extern volatile uint64_t rt_irqs; /* how many interrupts there were */
uint32_t rt_apic_version;

static uint32_t slots;
static uint64_t door;

struct route {
	uint64_t chip;
	uint32_t select, value;
};

bool rt_interrupts(void)
{
	return rt_apic_version != UINT32_MAX;
}

/* Edge-triggered, to APIC 0, which is where a line goes after a reset. A second chip has the lines from 24 on, as
 * QEMU's microvm. */
static struct route route(uint32_t line, uint64_t ack)
{
	if (line >= IOAPICS * PINS || slots == RT_SLOTS || ack > UINT32_MAX)
		rt_panic("no handler for interrupt line %u", line);
	rt_ack[++slots] = (uint32_t)ack;
	return (struct route){IOAPIC + (uint64_t)line / PINS * IOAPIC_STEP, REDIRECT + 2 * (line % PINS), VECTOR + slots};
}

void rt_irq_route(uint32_t line, uint64_t ack)
{
	struct route r = route(line, ack);

	rt_write32(r.chip, r.select);
	rt_write32(r.chip + WINDOW, r.value);
}

void rt_virtio_offer(uint64_t base, uint32_t *version, uint32_t *features)
{
	uint32_t out[2];

	rt_ring0_offer(base, out);
	*version = out[0];
	*features = out[1];
}

void rt_virtio_agree(uint64_t base, uint32_t features, uint32_t queues, uint32_t config_words, uint32_t *out)
{
	rt_ring0_agree(out, features, base, queues, config_words);
}

void rt_virtio_start(uint64_t base, const struct rt_virtio_queue *queue, uint32_t n, uint32_t line, bool kick)
{
	struct route r = route(line, base + INTERRUPT_ACK);
	struct rt_ring0_queue low[QUEUES_MAX];

	if (n > QUEUES_MAX)
		rt_panic("a device with %u queues", n);
	for (uint32_t i = 0; i < n; i++)
		low[i] = (struct rt_ring0_queue){queue[i].size, (uint32_t)queue[i].desc, (uint32_t)queue[i].driver,
			(uint32_t)queue[i].device};
	rt_ring0_start(base, low, kick, n, r.chip, r.select, r.value);
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

void rt_idle_door_at(uint64_t at)
{
	door = at;
}

uint64_t rt_interrupts_seen(void)
{
	return rt_irqs;
}

/* KVM's local APIC counts nanoseconds, as QEMU's does. */
void rt_idle(uint64_t seen, uint64_t kick_at, uint32_t kick_value, uint64_t ns)
{
	uint32_t timer = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;

	if (kick_at && timer)
		rt_ring0_kick_timer_idle(kick_at, kick_value, 0, timer, seen, door);
	else if (kick_at)
		rt_ring0_kick_idle(kick_at, kick_value, 0, 0, seen, door);
	else if (timer)
		rt_ring0_timer_idle(seen, door, 0, timer);
	else
		rt_ring0_idle(seen, door);
}

void rt_relax(void)
{
	__builtin_ia32_pause();
}
