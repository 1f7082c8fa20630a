/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The board: what old guests poke. 16550 serial, i8042 reset, CMOS RTC, exit ports and, with a split
 * irqchip, IOAPIC, two 8259s and an 8254, all idle until programmed. No lock: the caller serialises every
 * call on one board. No host resource: time, output and interrupts go through the ops.
 */
#ifndef LEGACY_H
#define LEGACY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "state.h"
#include "x86_map.h"

struct legacy_ops {
	/* A message-signalled interrupt (address, data as the LAPIC takes them): an IOAPIC pin fired. */
	void (*msi)(void *ctx, uint64_t addr, uint32_t data);
	/* The 8259's INTR line changed (ExtINT). With `asserted`, legacy_intack yields the vector. */
	void (*intr)(void *ctx, bool asserted);
	/* Redirection entries changed in a way that matters for EOI of level lines: re-read legacy_route. */
	void (*routes)(void *ctx);
	/* Full irqchip: an input line of KVM's chips. NULL when the board has its own. */
	void (*line)(void *ctx, uint32_t gsi, bool level);
	/* Serial output, never blocks. */
	void (*output)(void *ctx, const uint8_t *bytes, size_t len);
	/* Call legacy_timer at this time (now()'s clock); 0: not needed any more. */
	void (*arm)(void *ctx, uint64_t deadline);
	uint64_t (*now)(void *ctx);	  /* monotonic ns of the VM: stops while it is saved */
	int64_t (*realtime)(void *ctx);   /* seconds since 1970, UTC */
};

enum { LEGACY_SERIAL_INPUT = 4096, LEGACY_SERIAL_FIFO = 16 };

struct legacy_serial {
	uint8_t ier, lcr, mcr, msr, scr, fcr;
	uint8_t lsr; /* error bits only; the others follow from what is below */
	uint16_t divisor;
	bool thr_pending, irq_level; /* THRE interrupt latched; line state */
	uint8_t fifo[LEGACY_SERIAL_FIFO], fifo_head, fifo_len; /* the chip's receiver */
	uint8_t input[LEGACY_SERIAL_INPUT]; /* what waits on the wire */
	uint32_t in_head, in_len;
};

struct legacy_rtc {
	uint8_t index, ram[128];
	int64_t offset;	 /* seconds added to realtime(), as the guest set it */
	int64_t latched; /* the time shown until now() reaches latched_until */
	uint64_t latched_until;
};

struct legacy_i8042 {
	uint8_t command; /* waits for its data byte; 0: none */
	uint8_t output, status, config;
	bool irq_level;
};

struct legacy_pic {
	struct legacy_8259 {
		uint8_t irr, imr, isr, elcr, line; /* line: input levels */
		uint8_t vector_base, init_step, first; /* first: the input of highest priority */
		bool single, init4, auto_eoi, rotate_auto_eoi, special_mask, special_fully_nested;
		bool read_isr, poll;
	} chip[2]; /* master, slave on IRQ 2 */
	bool intr;
};

/* Ticks (of 1193182 a second) are counted from the moment a count was loaded. */
struct legacy_pit {
	struct legacy_8254_channel {
		uint64_t start;	   /* running: since this now() ... */
		uint64_t ran;	   /* ... after that many ns before it */
		int64_t origin;	   /* the tick at which a cycle of `count` began */
		int64_t switch_at; /* pending in modes 2 and 3: the tick at which `reload` takes over */
		uint32_t count;	   /* in force, 1..65536; 0: none since the control word */
		uint32_t reload;   /* last written, likewise */
		uint16_t latched;
		uint8_t mode, access, status, write_low;
		bool bcd, gate, running, pending; /* pending: reload is not in force yet */
		bool read_high, write_high;	  /* access 3: the next byte is the upper one */
		bool count_latched, status_latched;
	} channel[3];
	int64_t irq_tick; /* of channel 0: when its interrupt is due; 0: none */
	uint8_t port61;
};

struct legacy_ioapic {
	uint64_t redirection[X86_IOAPIC_PINS];
	uint32_t lines; /* input levels */
	uint8_t id, index;
};

struct legacy_board {
	const struct legacy_ops *ops;
	void *ctx;
	bool own_irqchip; /* IOAPIC, PIC and PIT here (split) */
	bool has_lines;	  /* false: no interrupts at all (irqchip none) */
	struct legacy_serial serial;
	struct legacy_rtc rtc;
	struct legacy_i8042 i8042;
	struct legacy_pic pic;
	struct legacy_pit pit;
	struct legacy_ioapic ioapic;
	uint8_t shutdown_matched; /* letters of "Shutdown" seen on port 0x8900 */
};

/* How a write to an exit port ended the guest. */
enum legacy_end_kind { LEGACY_NOT_ENDED, LEGACY_POWEROFF, LEGACY_RESET, LEGACY_PANIC };
struct legacy_end {
	enum legacy_end_kind kind;
	bool has_status;
	uint32_t status;
};

enum legacy_irqchip { LEGACY_IRQCHIP_OWN, LEGACY_IRQCHIP_LINES, LEGACY_IRQCHIP_NONE };

void legacy_init(struct legacy_board *b, enum legacy_irqchip irqchip, const struct legacy_ops *ops, void *ctx);
void legacy_reset(struct legacy_board *b);

/* One port access of 1, 2 or 4 bytes. True: claimed (a read has set *value, zero-extended). False: not
 * ours; the caller answers all-ones. *end is always set: LEGACY_NOT_ENDED but for a write that ends the
 * guest. A wide access to an 8-bit chip is one access per byte, as on the ISA bus. */
bool legacy_port(struct legacy_board *b, uint16_t port, uint32_t width, bool write, uint32_t *value,
	struct legacy_end *end);

/* Is gpa in the IOAPIC's page (own irqchip)? */
bool legacy_mmio_claims(const struct legacy_board *b, uint64_t gpa);
void legacy_mmio(struct legacy_board *b, uint64_t gpa, uint32_t width, bool write, uint64_t *value);

/* An input line (GSI 0-23) of a device. legacy_pulse: up and down, one edge. */
void legacy_line(struct legacy_board *b, uint32_t gsi, bool level);
void legacy_pulse(struct legacy_board *b, uint32_t gsi);

bool legacy_intr(const struct legacy_board *b);	   /* is INTR asserted? */
uint8_t legacy_intack(struct legacy_board *b);	   /* INTA: the vector (spurious 7 if none) */
void legacy_eoi(struct legacy_board *b, uint8_t vector); /* LAPIC broadcast EOI of a level vector */
void legacy_timer(struct legacy_board *b);	   /* the armed deadline has come */

/* Serial input; returns how many bytes fitted. */
size_t legacy_input(struct legacy_board *b, const uint8_t *bytes, size_t len);

/*
 * The MSI a redirection entry stands for. True: fixed or lowest priority, a legal vector, and unmasked or
 * level-triggered: a level entry counts while it is masked too, since the EOI of an interrupt that was
 * delivered before still has to come here.
 */
bool legacy_route(const struct legacy_board *b, uint32_t pin, uint64_t *addr, uint32_t *data, bool *level);

/* Saves or loads everything above (times as distances to now()); a load checks every value, then re-raises
 * lines and re-arms the timer. */
int legacy_walk(struct legacy_board *b, struct ukvmm_state *s);

#endif
