/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 16550A UART (National PC16550D data sheet). Transmission takes no time, so THRE and TEMT always
 * read 1. The sender on the other side never overruns the chip: what does not fit the FIFO waits on
 * the wire.
 */
#include "chips.h"

#include "walk.h"

enum { RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

enum { IER_RX = 1, IER_THRE = 2, IER_LINE = 4, IER_MODEM = 8, IER_MASK = 0x0f };
enum {
	IIR_MODEM = 0,
	IIR_NONE = 1,
	IIR_THRE = 2,
	IIR_RX = 4,
	IIR_LINE = 6,
	IIR_TIMEOUT = 0x0c,
	IIR_FIFOS = 0xc0
};
enum { FCR_ENABLE = 1, FCR_CLEAR_RX = 2, FCR_KEPT = 0xc9 };
enum { LCR_8N1 = 0x03, LCR_DLAB = 0x80 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 0x10, MCR_MASK = 0x1f };
enum { LSR_DR = 1, LSR_OVERRUN = 2, LSR_ERRORS = 0x1e, LSR_THRE = 0x20, LSR_TEMT = 0x40 };
enum {
	MSR_DELTAS = 0x0f,
	MSR_TERI = 4,
	MSR_CTS = 0x10,
	MSR_DSR = 0x20,
	MSR_RI = 0x40,
	MSR_DCD = 0x80
};
enum { BAUD_9600 = 12 };

static uint8_t trigger_level(const struct legacy_serial *s)
{
	static const uint8_t levels[4] = { 1, 4, 8, 14 };

	return s->fcr & FCR_ENABLE ? levels[s->fcr >> 6] : 1;
}

/* The pending source of highest priority (data sheet, table III). Below the trigger level bytes
 * count as having waited long enough for the character timeout: there is no line speed to measure
 * it by. */
static uint8_t source(const struct legacy_serial *s)
{
	if (s->ier & IER_LINE && s->lsr & LSR_ERRORS)
		return IIR_LINE;
	if (s->ier & IER_RX && s->fifo_len)
		return s->fifo_len >= trigger_level(s) ? IIR_RX : IIR_TIMEOUT;
	if (s->ier & IER_THRE && s->thr_pending)
		return IIR_THRE;
	if (s->ier & IER_MODEM && s->msr & MSR_DELTAS)
		return IIR_MODEM;
	return IIR_NONE;
}

/* On a PC the OUT2 pin gates the interrupt, and loopback holds that pin inactive. */
bool serial_line_level(const struct legacy_board *b)
{
	const struct legacy_serial *s = &b->serial;

	return (s->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2 && source(s) != IIR_NONE;
}

static void drive(struct legacy_board *b, bool level)
{
	if (b->serial.irq_level == level)
		return;
	b->serial.irq_level = level;
	legacy_line(b, X86_GSI_SERIAL, level);
}

static void update(struct legacy_board *b)
{
	drive(b, serial_line_level(b));
}

static void fifo_push(struct legacy_serial *s, uint8_t byte)
{
	s->fifo[(s->fifo_head + s->fifo_len) % LEGACY_SERIAL_FIFO] = byte;
	s->fifo_len++;
}

static uint8_t fifo_pop(struct legacy_serial *s)
{
	uint8_t byte;

	if (!s->fifo_len)
		return 0;
	byte = s->fifo[s->fifo_head];
	s->fifo_head = (uint8_t)((s->fifo_head + 1) % LEGACY_SERIAL_FIFO);
	s->fifo_len--;
	return byte;
}

static uint8_t depth(const struct legacy_serial *s)
{
	return s->fcr & FCR_ENABLE ? LEGACY_SERIAL_FIFO : 1;
}

static void receive(struct legacy_serial *s)
{
	while (s->in_len && s->fifo_len < depth(s) && !(s->mcr & MCR_LOOP)) {
		fifo_push(s, s->input[s->in_head]);
		s->in_head = (s->in_head + 1) % LEGACY_SERIAL_INPUT;
		s->in_len--;
	}
}

/* A full FIFO keeps its bytes, a full holding register is overwritten. */
static void loop_back(struct legacy_serial *s, uint8_t byte)
{
	if (s->fifo_len >= depth(s)) {
		s->lsr |= LSR_OVERRUN;
		if (s->fcr & FCR_ENABLE)
			return;
		fifo_pop(s);
	}
	fifo_push(s, byte);
}

/* Every read takes the request away before the next byte raises it again: an edge for each, also
 * for a handler that reads one byte per interrupt. */
static uint8_t read_data(struct legacy_board *b)
{
	struct legacy_serial *s = &b->serial;
	uint8_t byte = fifo_pop(s);

	if (s->irq_level && s->fifo_len < trigger_level(s))
		drive(b, false);
	receive(s);
	update(b);
	return byte;
}

/* Likewise: the holding register is full for an instant. */
static void write_data(struct legacy_board *b, uint8_t byte)
{
	struct legacy_serial *s = &b->serial;

	s->thr_pending = false;
	if (s->irq_level)
		update(b);
	if (s->mcr & MCR_LOOP)
		loop_back(s, byte);
	else
		b->ops->output(b->ctx, &byte, 1);
	s->thr_pending = true;
	if (s->ier)
		update(b);
}

static uint8_t read_iir(struct legacy_board *b)
{
	struct legacy_serial *s = &b->serial;
	uint8_t iir = source(s);

	if (iir == IIR_THRE) {
		s->thr_pending = false;
		update(b);
	}
	return s->fcr & FCR_ENABLE ? iir | IIR_FIFOS : iir;
}

static uint8_t read_lsr(struct legacy_board *b)
{
	struct legacy_serial *s = &b->serial;
	uint8_t lsr = s->lsr | LSR_THRE | LSR_TEMT | (s->fifo_len ? LSR_DR : 0);

	if (s->lsr) {
		s->lsr = 0;
		update(b);
	}
	return lsr;
}

static uint8_t read_msr(struct legacy_board *b)
{
	uint8_t msr = b->serial.msr;

	b->serial.msr = (uint8_t)(msr & ~MSR_DELTAS);
	update(b);
	return msr;
}

uint8_t serial_read(struct legacy_board *b, uint16_t port)
{
	struct legacy_serial *s = &b->serial;
	bool dlab = s->lcr & LCR_DLAB;

	switch (port & 7) {
	case RBR_THR:
		return dlab ? (uint8_t)s->divisor : read_data(b);
	case IER:
		return dlab ? (uint8_t)(s->divisor >> 8) : s->ier;
	case IIR_FCR:
		return read_iir(b);
	case LCR:
		return s->lcr;
	case MCR:
		return s->mcr;
	case LSR:
		return read_lsr(b);
	case MSR:
		return read_msr(b);
	default:
		return s->scr;
	}
}

/* Enabling the THRE interrupt with an empty holding register raises it at once. */
static void write_ier(struct legacy_board *b, uint8_t value)
{
	struct legacy_serial *s = &b->serial;

	if (value & ~s->ier & IER_THRE)
		s->thr_pending = true;
	s->ier = value & IER_MASK;
	update(b);
}

/* The other bits are only written with bit 0 set; a change of bit 0 clears the FIFO. */
static void write_fcr(struct legacy_board *b, uint8_t value)
{
	struct legacy_serial *s = &b->serial;
	uint8_t kept = value & FCR_ENABLE ? value & FCR_KEPT : 0;

	if ((kept ^ s->fcr) & FCR_ENABLE || (kept && value & FCR_CLEAR_RX))
		s->fifo_len = 0;
	s->fcr = kept;
	if (s->irq_level && !s->fifo_len)
		drive(b, false);
	receive(s);
	update(b);
}

/* The modem lines: all on, or in loopback what the chip itself drives. */
static uint8_t modem_lines(uint8_t mcr)
{
	if (!(mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (uint8_t)((mcr & MCR_RTS ? MSR_CTS : 0) | (mcr & MCR_DTR ? MSR_DSR : 0) |
		(mcr & MCR_OUT1 ? MSR_RI : 0) | (mcr & MCR_OUT2 ? MSR_DCD : 0));
}

static void write_mcr(struct legacy_board *b, uint8_t value)
{
	struct legacy_serial *s = &b->serial;
	uint8_t lines, changed;

	s->mcr = value & MCR_MASK;
	lines = modem_lines(s->mcr);
	changed = (uint8_t)((s->msr ^ lines) & ~MSR_DELTAS);
	if (lines & MSR_RI)
		changed &= (uint8_t)~MSR_RI; /* only its trailing edge is reported: bit 2, TERI */
	s->msr = (uint8_t)(lines | (s->msr & MSR_DELTAS) | changed >> 4);
	receive(s);
	update(b);
}

void serial_write(struct legacy_board *b, uint16_t port, uint8_t value, struct legacy_end *end)
{
	struct legacy_serial *s = &b->serial;
	bool dlab = s->lcr & LCR_DLAB;

	(void)end;
	switch (port & 7) {
	case RBR_THR:
		if (!dlab)
			write_data(b, value);
		else
			s->divisor = (uint16_t)((s->divisor & 0xff00) | value);
		break;
	case IER:
		if (!dlab)
			write_ier(b, value);
		else
			s->divisor = (uint16_t)(value << 8 | (s->divisor & 0xff));
		break;
	case IIR_FCR:
		write_fcr(b, value);
		break;
	case LCR:
		s->lcr = value;
		break;
	case MCR:
		write_mcr(b, value);
		break;
	case SCR:
		s->scr = value;
		break;
	default: /* LSR and MSR: writes are for factory tests */
		break;
	}
}

size_t legacy_input(struct legacy_board *b, const uint8_t *bytes, size_t len)
{
	struct legacy_serial *s = &b->serial;
	size_t n = 0;

	for (; n < len && s->in_len < LEGACY_SERIAL_INPUT; n++) {
		s->input[(s->in_head + s->in_len) % LEGACY_SERIAL_INPUT] = bytes[n];
		s->in_len++;
	}
	receive(s);
	update(b);
	return n;
}

/* Guests that never initialise the chip find 9600 8N1 and a line that may interrupt. */
void serial_reset(struct legacy_board *b)
{
	b->serial = (struct legacy_serial){
		.lcr = LCR_8N1, .mcr = MCR_OUT2, .msr = modem_lines(MCR_OUT2), .divisor = BAUD_9600
	};
}

void serial_walk(struct legacy_board *b, struct ukvmm_state *state)
{
	struct legacy_serial *s = &b->serial;

	walk_begin(state, "serial");
	walk_u8(state, &s->ier, IER_MASK);
	walk_u8(state, &s->lcr, UINT8_MAX);
	walk_u8(state, &s->mcr, MCR_MASK);
	walk_u8(state, &s->msr, UINT8_MAX);
	walk_u8(state, &s->scr, UINT8_MAX);
	walk_u8(state, &s->fcr, FCR_KEPT);
	walk_u8(state, &s->lsr, LSR_ERRORS);
	walk_u16(state, &s->divisor);
	walk_flag(state, &s->thr_pending);
	walk_bytes(state, s->fifo, sizeof s->fifo);
	walk_u8(state, &s->fifo_head, LEGACY_SERIAL_FIFO - 1);
	walk_u8(state, &s->fifo_len, depth(s));
	walk_bytes(state, s->input, sizeof s->input);
	walk_u32(state, &s->in_head, LEGACY_SERIAL_INPUT - 1);
	walk_u32(state, &s->in_len, LEGACY_SERIAL_INPUT);
	walk_require(state, !(s->fcr & ~FCR_KEPT) && (s->fcr & FCR_ENABLE || !s->fcr));
	walk_require(state, !(s->lsr & ~LSR_ERRORS));
	state_end(state);
}
