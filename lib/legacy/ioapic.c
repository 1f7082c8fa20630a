/* SPDX-License-Identifier: Apache-2.0 */
/*
 * I/O APIC (Intel 82093AA data sheet), with the version number and EOI register of later ones
 * (0x20, 82801 data sheets): the LAPIC of a split irqchip offers directed EOI, which ends here by
 * that register. Guests accept both versions, as QEMU's boards show 0x20 and KVM's own IOAPIC 0x11.
 * Polarity is stored and otherwise ignored: an asserted line is an asserted line, as with KVM's.
 */
#include "chips.h"

#include "walk.h"

enum { REG_INDEX = 0x00, REG_DATA = 0x10, REG_EOI = 0x40 };
enum { ID = 0, VERSION = 1, ARBITRATION = 2, TABLE = 0x10, VERSION_VALUE = 0x20 };

enum { VECTOR = 0xff, DELIVERY = 0x700, LOGICAL = 0x800, DELIVERY_SHIFT = 8, LOWEST_VECTOR = 16 };
enum { FIXED = 0, LOWEST = 1, NMI = 4, INIT = 5 };
enum { REMOTE_IRR = 0x4000, LEVEL = 0x8000, MASKED = 0x10000 };
enum { MSI_LOGICAL = 0x4, MSI_ASSERT = 0x4000, MSI_LEVEL = 0x8000 };

#define LOW_WRITABLE  0x1afffull
#define HIGH_WRITABLE 0xff000000ull
#define STORED	      (HIGH_WRITABLE << 32 | LOW_WRITABLE | REMOTE_IRR)

static uint8_t delivery(uint64_t entry)
{
	return (uint8_t)((entry & DELIVERY) >> DELIVERY_SHIFT);
}

static uint64_t msi_addr(uint64_t entry)
{
	return X86_LAPIC_BASE | (entry >> 56) << 12 | (entry & LOGICAL ? MSI_LOGICAL : 0);
}

static uint32_t msi_data(uint64_t entry)
{
	uint32_t data = entry & (VECTOR | DELIVERY);

	return entry & LEVEL ? data | MSI_LEVEL | MSI_ASSERT : data;
}

/* ExtINT never comes this way (INTR reaches LINT0 only), and there is no SMM to enter. */
static bool deliverable(uint64_t entry)
{
	uint8_t mode = delivery(entry);

	if (mode == FIXED || mode == LOWEST)
		return (entry & VECTOR) >= LOWEST_VECTOR;
	return mode == NMI || mode == INIT;
}

/* NMI and INIT are edges whatever the trigger bit says, and get no EOI. */
static bool is_level(uint64_t entry)
{
	return entry & LEVEL && delivery(entry) <= LOWEST;
}

static void deliver(struct legacy_board *b, uint64_t *entry)
{
	uint64_t e = *entry;

	if (e & MASKED || !deliverable(e))
		return;
	if (!is_level(e))
		e &= ~(uint64_t)LEVEL;
	else
		*entry |= REMOTE_IRR;
	b->ops->msi(b->ctx, msi_addr(e), msi_data(e));
}

/* A level input asks as long as it is up and not acknowledged. */
static void service_level(struct legacy_board *b, uint32_t pin)
{
	uint64_t *entry = &b->ioapic.redirection[pin];

	if (is_level(*entry) && !(*entry & REMOTE_IRR) && b->ioapic.lines >> pin & 1)
		deliver(b, entry);
}

void ioapic_line(struct legacy_board *b, uint32_t pin, bool level)
{
	struct legacy_ioapic *io = &b->ioapic;
	bool rising = level && !(io->lines >> pin & 1);

	io->lines = level ? io->lines | 1u << pin : io->lines & ~(1u << pin);
	if (is_level(io->redirection[pin]))
		service_level(b, pin);
	else if (rising) /* an edge on a masked pin is lost: data sheet 3.2.4, bit 16 */
		deliver(b, &io->redirection[pin]);
}

static void end_of_interrupt(struct legacy_board *b, uint8_t vector)
{
	for (uint32_t pin = 0; pin < X86_IOAPIC_PINS; pin++) {
		uint64_t *entry = &b->ioapic.redirection[pin];

		if (!(*entry & REMOTE_IRR) || (*entry & VECTOR) != vector)
			continue;
		*entry &= ~(uint64_t)REMOTE_IRR;
		service_level(b, pin);
	}
}

void legacy_eoi(struct legacy_board *b, uint8_t vector)
{
	if (b->own_irqchip)
		end_of_interrupt(b, vector);
}

bool legacy_route(const struct legacy_board *b, uint32_t pin, uint64_t *addr, uint32_t *data,
	bool *level)
{
	uint64_t entry;

	if (!b->own_irqchip || pin >= X86_IOAPIC_PINS)
		return false;
	entry = b->ioapic.redirection[pin];
	if (delivery(entry) > LOWEST || !deliverable(entry) || (entry & MASKED && !is_level(entry)))
		return false;
	*addr = msi_addr(entry);
	*data = msi_data(entry);
	*level = is_level(entry);
	return true;
}

/* What an EOI's way back depends on; 0: nothing comes back. */
static uint64_t eoi_route(uint64_t entry)
{
	if (!is_level(entry) || !deliverable(entry))
		return 0;
	return msi_addr(entry) << 32 | msi_data(entry);
}

static void write_entry(struct legacy_board *b, uint32_t pin, uint64_t entry)
{
	uint64_t old = b->ioapic.redirection[pin];

	entry |= old & REMOTE_IRR;
	/* turning to edge forgets it: so drivers for version 0x11 end an interrupt */
	if (!is_level(entry))
		entry &= ~(uint64_t)REMOTE_IRR;
	b->ioapic.redirection[pin] = entry;
	if (eoi_route(old) != eoi_route(entry))
		b->ops->routes(b->ctx);
	service_level(b, pin);
}

static void write_register(struct legacy_board *b, uint32_t value)
{
	struct legacy_ioapic *io = &b->ioapic;
	uint32_t pin = (io->index - TABLE) / 2u;
	uint64_t old;

	if (io->index == ID)
		io->id = value >> 24 & 15;
	if (io->index < TABLE || pin >= X86_IOAPIC_PINS)
		return;
	old = io->redirection[pin];
	if (io->index & 1)
		write_entry(b, pin, (value & HIGH_WRITABLE) << 32 | (old & UINT32_MAX));
	else
		write_entry(b, pin, (old & ~(uint64_t)UINT32_MAX) | (value & LOW_WRITABLE));
}

static uint32_t read_register(const struct legacy_ioapic *io)
{
	uint32_t pin = (io->index - TABLE) / 2u;

	if (io->index == ID || io->index == ARBITRATION)
		return (uint32_t)io->id << 24;
	if (io->index == VERSION)
		return (X86_IOAPIC_PINS - 1) << 16 | VERSION_VALUE;
	if (io->index < TABLE || pin >= X86_IOAPIC_PINS)
		return 0;
	return (uint32_t)(io->redirection[pin] >> (io->index & 1 ? 32 : 0));
}

uint32_t ioapic_read(const struct legacy_board *b, uint32_t off)
{
	switch (off) {
	case REG_INDEX:
		return b->ioapic.index;
	case REG_DATA:
		return read_register(&b->ioapic);
	default:
		return 0;
	}
}

void ioapic_write(struct legacy_board *b, uint32_t off, uint32_t value)
{
	switch (off) {
	case REG_INDEX:
		b->ioapic.index = (uint8_t)value;
		break;
	case REG_DATA:
		write_register(b, value);
		break;
	case REG_EOI:
		end_of_interrupt(b, (uint8_t)value);
		break;
	default: /* reserved */
		break;
	}
}

void ioapic_reset(struct legacy_board *b)
{
	b->ioapic = (struct legacy_ioapic){ 0 };
	for (uint32_t pin = 0; pin < X86_IOAPIC_PINS; pin++)
		b->ioapic.redirection[pin] = MASKED;
}

void ioapic_walk(struct legacy_board *b, struct ukvmm_state *s)
{
	struct legacy_ioapic *io = &b->ioapic;

	walk_begin(s, "ioapic");
	for (uint32_t pin = 0; pin < X86_IOAPIC_PINS; pin++) {
		uint64_t *entry = &io->redirection[pin];

		walk_u64(s, entry, STORED);
		walk_require(s, !(*entry & ~STORED));
		walk_require(s, is_level(*entry) || !(*entry & REMOTE_IRR));
	}
	walk_u32(s, &io->lines, (1u << X86_IOAPIC_PINS) - 1);
	walk_u8(s, &io->id, 15);
	walk_u8(s, &io->index, UINT8_MAX);
	state_end(s);
}

void ioapic_resume(struct legacy_board *b)
{
	b->ops->routes(b->ctx);
	for (uint32_t pin = 0; pin < X86_IOAPIC_PINS; pin++)
		service_level(b, pin);
}
