/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A long deterministic computation in ring 3 that keeps every general, SSE and x87 register busy,
 * under a periodic timer; each round waits for an interrupt and prints a line. The output depends
 * on nothing but rounds=N and work=N, so that a VM saved and loaded at any point must print the
 * same.
 */
#include "apic.h"
#include "counter.h"
#include "ring3.h"
#include "trap.h"

enum { VECTOR = 0x40 };

static volatile uint32_t ticks;
static struct counter_state state;
static uint64_t rounds, work;

__attribute__((interrupt)) static void on_timer(struct frame *f)
{
	(void)f;
	ticks++;
	lapic_eoi();
}

static uint64_t fold(void)
{
	const uint8_t *b = (const uint8_t *)&state;
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < sizeof state; i++)
		h = (h ^ b[i]) * 0x100000001b3;
	return h;
}

static void wait_for_tick(void)
{
	uint32_t before = ticks;

	while (ticks == before)
		ring3_wait();
}

static void check_clock(void)
{
	uint8_t seconds;

	outb(0x70, 0);
	seconds = inb(0x71);
	check("RTC seconds in BCD", seconds < 0x60 && (seconds & 0xf) < 10);
}

static void main3(void)
{
	print("counting\n");
	for (uint64_t r = 1; r <= rounds; r++) {
		counter_round(&state, work);
		wait_for_tick();
		check_clock();
		print("round %u %x\n", r, fold());
	}
	finish();
}

static void seed(void)
{
	uint64_t v = 0x9e3779b97f4a7c15;

	for (size_t i = 0; i < sizeof state.r / sizeof *state.r;
		i++, v = v * 6364136223846793005u + 1)
		state.r[i] = v;
	for (size_t i = 0; i < sizeof state.x / sizeof **state.x / 2;
		i++, v = v * 6364136223846793005u + 1)
		state.x[i][0] = v, state.x[i][1] = ~v;
	state.f[0] = 0x3fe0000000000000; /* 0.5 */
	state.f[1] = 0x3ff921fb54442d18; /* pi / 2 */
}

void guest_main(void)
{
	rounds = arg_number("rounds", 10);
	work = arg_number("work", 1000000);
	seed();
	trap_init();
	ring3_init();
	trap_set(VECTOR, on_timer);
	lapic_enable();
	lapic_write(LAPIC_TIMER_DIVIDE, 0xb);
	lapic_write(LAPIC_LVT_TIMER, VECTOR | LVT_PERIODIC);
	lapic_write(LAPIC_TIMER_INITIAL, 2000000);
	ring3_enter(main3);
}
