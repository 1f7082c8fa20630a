/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two cascaded 8259As (Intel 8259A data sheet) with the edge/level control registers of a PIIX. As
 * on that chip ICW1's LTIM bit has no effect, and requests on edge inputs stay latched when the
 * line falls.
 */
#include "chips.h"

#include "walk.h"

enum { MASTER, SLAVE, CASCADE = 2, SPURIOUS = 7, NO_REQUEST = 8 };
enum { SLAVE_PORTS = 0xa0, DATA_PORT = 1, ELCR_SLAVE = 0x4d1 };

enum { ICW1 = 0x10, ICW1_NEED_ICW4 = 0x01, ICW1_SINGLE = 0x02 };
enum { ICW4_AUTO_EOI = 0x02, ICW4_FULLY_NESTED = 0x10 };
enum {
	OCW3 = 0x08,
	OCW3_READ = 0x02,
	OCW3_READ_ISR = 0x01,
	OCW3_POLL = 0x04,
	OCW3_SET_SMM = 0x40,
	OCW3_SMM = 0x20
};
enum { OCW2_ROTATE = 0x80, OCW2_SPECIFIC = 0x40, OCW2_EOI = 0x20 };
enum { POLL_PENDING = 0x80 };

/* Timer, keyboard and cascade, RTC and FPU are always edges. */
static const uint8_t elcr_mask[2] = { 0xf8, 0xde };

static struct legacy_8259 *chip_of(struct legacy_board *b, uint16_t port)
{
	return &b->pic.chip[port >= SLAVE_PORTS ? SLAVE : MASTER];
}

/* The input of highest priority among `inputs`, as its distance from the highest of all. */
static uint8_t rank_of(const struct legacy_8259 *c, uint8_t inputs)
{
	uint8_t rank = 0;

	while (rank < NO_REQUEST && !(inputs >> ((c->first + rank) & 7) & 1))
		rank++;
	return rank;
}

/* What is in service and holds back requests. */
static uint8_t blocking(const struct legacy_board *b, const struct legacy_8259 *c)
{
	uint8_t isr = c->isr;

	if (c->special_mask)
		isr &= (uint8_t)~c->imr;
	if (c->special_fully_nested && c == &b->pic.chip[MASTER])
		isr &= (uint8_t)~(1 << CASCADE); /* the slave sorts its own */
	return isr;
}

/* The input to acknowledge next, or NO_REQUEST. */
static uint8_t request(const struct legacy_board *b, const struct legacy_8259 *c)
{
	uint8_t rank = rank_of(c, c->irr & (uint8_t)~c->imr);

	if (c->init_step || rank == NO_REQUEST || rank >= rank_of(c, blocking(b, c)))
		return NO_REQUEST;
	return (c->first + rank) & 7;
}

/* Where both INT outputs stand; the slave's is the master's input 2. */
static bool settle(struct legacy_board *b)
{
	struct legacy_8259 *chip = b->pic.chip;

	if (request(b, &chip[SLAVE]) != NO_REQUEST)
		chip[MASTER].irr |= 1 << CASCADE;
	else
		chip[MASTER].irr &= (uint8_t)~(1 << CASCADE);
	return request(b, &chip[MASTER]) != NO_REQUEST;
}

static void update(struct legacy_board *b)
{
	bool intr = settle(b);

	if (b->pic.intr == intr)
		return;
	b->pic.intr = intr;
	b->ops->intr(b->ctx, intr);
}

static void acknowledge(struct legacy_8259 *c, uint8_t irq)
{
	uint8_t bit = (uint8_t)(1 << irq);

	if (!(c->elcr & bit))
		c->irr &= (uint8_t)~bit;
	if (!c->auto_eoi)
		c->isr |= bit;
	else if (c->rotate_auto_eoi)
		c->first = (irq + 1) & 7;
}

void pic_line(struct legacy_board *b, uint32_t irq, bool level)
{
	struct legacy_8259 *c = &b->pic.chip[irq >> 3];
	uint8_t bit = (uint8_t)(1u << (irq & 7));

	if (irq == CASCADE)
		return;
	if (level && (c->elcr & bit || !(c->line & bit)))
		c->irr |= bit;
	if (!level && c->elcr & bit)
		c->irr &= (uint8_t)~bit;
	c->line = (uint8_t)(level ? c->line | bit : c->line & ~bit);
	update(b);
}

bool legacy_intr(const struct legacy_board *b)
{
	return b->pic.intr;
}

static uint8_t spurious_or_acknowledge(struct legacy_board *b, struct legacy_8259 *c)
{
	uint8_t irq = request(b, c);

	if (irq == NO_REQUEST)
		return SPURIOUS;
	acknowledge(c, irq);
	return irq;
}

/* INTA pulls INTR down; what else is pending raises it again, which the op is told in any case. */
uint8_t legacy_intack(struct legacy_board *b)
{
	struct legacy_8259 *chip = b->pic.chip;
	uint8_t irq = spurious_or_acknowledge(b, &chip[MASTER]);
	uint8_t vector = chip[MASTER].vector_base + irq;

	if (irq == CASCADE)
		vector = chip[SLAVE].vector_base + spurious_or_acknowledge(b, &chip[SLAVE]);
	b->pic.intr = settle(b);
	b->ops->intr(b->ctx, b->pic.intr);
	return vector;
}

/* Starts initialisation: edge latches, mask, priorities and modes go; level requests stay. */
static void icw1(struct legacy_8259 *c, uint8_t value)
{
	c->irr = c->line & c->elcr;
	c->imr = c->isr = c->first = 0;
	c->special_mask = c->read_isr = c->poll = false;
	c->auto_eoi = c->rotate_auto_eoi = c->special_fully_nested = false;
	c->single = value & ICW1_SINGLE;
	c->init4 = value & ICW1_NEED_ICW4;
	c->init_step = 2;
}

/* ICW2 to ICW4: init_step is the number of the one that is awaited. */
static void icw(struct legacy_8259 *c, uint8_t value)
{
	switch (c->init_step) {
	case 2:
		c->vector_base = value & 0xf8;
		c->init_step = c->single ? 4 : 3;
		break;
	case 3: /* the wiring is fixed */
		c->init_step = 4;
		break;
	default:
		c->auto_eoi = value & ICW4_AUTO_EOI;
		c->special_fully_nested = value & ICW4_FULLY_NESTED;
		c->init_step = 0;
		break;
	}
	if (c->init_step == 4 && !c->init4)
		c->init_step = 0;
}

/* The one that ends: named, or the highest in service that special mask mode does not hide. */
static uint8_t ending(const struct legacy_8259 *c, uint8_t value)
{
	uint8_t isr = c->special_mask ? c->isr & (uint8_t)~c->imr : c->isr;
	uint8_t rank;

	if (value & OCW2_SPECIFIC)
		return value & 7;
	rank = rank_of(c, isr);
	return rank == NO_REQUEST ? NO_REQUEST : (c->first + rank) & 7;
}

static void ocw2(struct legacy_8259 *c, uint8_t value)
{
	uint8_t irq;

	switch (value & (OCW2_ROTATE | OCW2_SPECIFIC | OCW2_EOI)) {
	case 0:
		c->rotate_auto_eoi = false;
		return;
	case OCW2_ROTATE:
		c->rotate_auto_eoi = true;
		return;
	case OCW2_SPECIFIC: /* no operation */
		return;
	default:
		break;
	}
	irq = ending(c, value);
	if (irq == NO_REQUEST)
		return;
	if (value & OCW2_EOI)
		c->isr &= (uint8_t)~(1 << irq);
	if (value & OCW2_ROTATE)
		c->first = (irq + 1) & 7;
}

static void ocw3(struct legacy_8259 *c, uint8_t value)
{
	if (value & OCW3_READ)
		c->read_isr = value & OCW3_READ_ISR;
	if (value & OCW3_SET_SMM)
		c->special_mask = value & OCW3_SMM;
	c->poll = value & OCW3_POLL;
}

void pic_write(struct legacy_board *b, uint16_t port, uint8_t value, struct legacy_end *end)
{
	struct legacy_8259 *c = chip_of(b, port);

	(void)end;
	if (port & DATA_PORT && c->init_step)
		icw(c, value);
	else if (port & DATA_PORT)
		c->imr = value;
	else if (value & ICW1)
		icw1(c, value);
	else if (value & OCW3)
		ocw3(c, value);
	else
		ocw2(c, value);
	update(b);
}

/* A poll is an acknowledge by the processor's own hand, whichever port it reads. */
static uint8_t poll(struct legacy_board *b, struct legacy_8259 *c)
{
	uint8_t irq = request(b, c);

	c->poll = false;
	if (irq == NO_REQUEST)
		return SPURIOUS;
	acknowledge(c, irq);
	update(b);
	return POLL_PENDING | irq;
}

uint8_t pic_read(struct legacy_board *b, uint16_t port)
{
	struct legacy_8259 *c = chip_of(b, port);

	if (c->poll)
		return poll(b, c);
	if (port & DATA_PORT)
		return c->imr;
	return c->read_isr ? c->isr : c->irr;
}

uint8_t pic_elcr_read(struct legacy_board *b, uint16_t port)
{
	return b->pic.chip[port == ELCR_SLAVE].elcr;
}

/* An input that turns to level asks while its line is up, and only then. */
void pic_elcr_write(struct legacy_board *b, uint16_t port, uint8_t value, struct legacy_end *end)
{
	struct legacy_8259 *c = &b->pic.chip[port == ELCR_SLAVE];

	(void)end;
	c->elcr = value & elcr_mask[port == ELCR_SLAVE];
	c->irr = (uint8_t)((c->irr & ~c->elcr) | (c->line & c->elcr));
	update(b);
}

/* Deaf until initialised, since most guests here never touch it: every input masked. */
void pic_reset(struct legacy_board *b)
{
	b->pic = (struct legacy_pic){ 0 };
	b->pic.chip[MASTER] = (struct legacy_8259){ .imr = 0xff, .vector_base = 0x08 };
	b->pic.chip[SLAVE] = (struct legacy_8259){ .imr = 0xff, .vector_base = 0x70 };
}

static void chip_walk(struct legacy_8259 *c, uint8_t elcr_bits, struct ukvmm_state *s)
{
	walk_u8(s, &c->irr, UINT8_MAX);
	walk_u8(s, &c->imr, UINT8_MAX);
	walk_u8(s, &c->isr, UINT8_MAX);
	walk_u8(s, &c->elcr, UINT8_MAX);
	walk_u8(s, &c->line, UINT8_MAX);
	walk_u8(s, &c->vector_base, UINT8_MAX);
	walk_u8(s, &c->init_step, 4);
	walk_u8(s, &c->first, 7);
	walk_flag(s, &c->single);
	walk_flag(s, &c->init4);
	walk_flag(s, &c->auto_eoi);
	walk_flag(s, &c->rotate_auto_eoi);
	walk_flag(s, &c->special_mask);
	walk_flag(s, &c->special_fully_nested);
	walk_flag(s, &c->read_isr);
	walk_flag(s, &c->poll);
	walk_require(s, !(c->elcr & ~elcr_bits) && !(c->vector_base & 7) && c->init_step != 1);
}

void pic_walk(struct legacy_board *b, struct ukvmm_state *s)
{
	walk_begin(s, "pic");
	chip_walk(&b->pic.chip[MASTER], elcr_mask[MASTER], s);
	chip_walk(&b->pic.chip[SLAVE], elcr_mask[SLAVE], s);
	state_end(s);
}
