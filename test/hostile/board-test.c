/* SPDX-License-Identifier: Apache-2.0 */
/* The serial line, the ports, the interrupt chips and the doorbell, poked without mercy. */
#include "suite.h"

#include <string.h>

#include "x86_map.h"

enum { SERIAL = X86_PORT_SERIAL, RINGS = 64 << 10, INPUT_MAX = LEGACY_SERIAL_INPUT + LEGACY_SERIAL_FIFO };

static void out(struct hostile *h, uint32_t port, uint8_t value)
{
	hostile_port(h, port, 1, true, value);
	CHECK(!h->ended);
}

/* CVE-2020-27174: a guest that does not read makes its VMM hold no more than the buffer. 1 GiB is offered. */
static void input_to_a_guest_that_does_not_read_is_bounded(void **state)
{
	struct hostile *h = *state;
	static uint8_t chunk[65536];
	struct held before = held_now(h);
	uint64_t offered = 0, taken = 0;

	out(h, SERIAL + 2, 1); /* FIFOs on, which empties them */
	for (; offered < 1 << 30; offered += sizeof chunk) {
		int64_t n = ukvmm_vm_console_write(h->d.vm, 0, chunk, sizeof chunk);

		CHECK(n >= 0);
		taken += (uint64_t)n;
	}
	CHECK(taken > 0 && taken <= INPUT_MAX);
	assert_held(h, before, 1 << 20);
	/* a guest that reads gets all of it and no more */
	for (; hostile_port(h, SERIAL + 5, 1, false, 0) & 1; taken--)
		hostile_port(h, SERIAL, 1, false, 0);
	CHECK(!taken);
	assert_neighbours_work(h);
}

static void output_that_nobody_takes_is_bounded_and_counted(void **state)
{
	struct hostile *h = *state;
	struct held before = held_now(h);
	struct ukvmm_vm_stats stats = { .size = sizeof stats };
	static uint8_t buf[2 * RINGS];
	uint64_t lost, total = 1 << 20;

	for (uint64_t i = 0; i < total; i++)
		out(h, SERIAL, 'x');
	assert_held(h, before, 1 << 20);
	CHECK(ukvmm_vm_console_read(h->d.vm, 0, buf, sizeof buf, &lost) == RINGS);
	CHECK(lost == total - RINGS);
	CHECK(!ukvmm_vm_stats(h->d.vm, &stats) && stats.console_lost == lost);
	out(h, SERIAL, 'y'); /* and it goes on */
	CHECK(ukvmm_vm_console_read(h->d.vm, 0, buf, sizeof buf, &lost) == 1 && buf[0] == 'y' && !lost);
	assert_neighbours_work(h);
}

/* Every register of every chip, any width, any value that does not end the guest. */
static void every_port_takes_any_access(void **state)
{
	struct hostile *h = *state;
	const uint32_t widths[] = { 1, 2, 4 };
	struct held before = held_now(h);
	uint64_t seed = 7, ends = 0;

	for (uint32_t port = 0; port < 0x10000; port++)
		for (uint32_t w = 0; w < COUNT(widths); w++) {
			CHECK(hostile_port(h, port, widths[w], false, 0) <= (1ull << 8 * widths[w]) - 1);
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			hostile_port(h, port, widths[w], true, seed >> 32);
			ends += h->ended;
		}
	for (uint32_t i = 0; i < 200000; i++) {
		const uint32_t ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x40, 0x41, 0x42, 0x43, 0x61, 0x70, 0x71, 0x4d0,
			SERIAL, SERIAL + 1, SERIAL + 2, SERIAL + 3, SERIAL + 4 };

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		hostile_port(h, ports[(seed >> 33) % COUNT(ports)], 1, seed >> 40 & 1, seed >> 48);
		CHECK(!h->ended);
		if (i % 1000 == 0)
			drive_poll(&h->d);
	}
	CHECK(ends < 100); /* the exit ports are few */
	assert_held(h, before, 1 << 20);
	assert_neighbours_work(h);
	assert_recovers(h);
}

static void the_ioapic_takes_any_access(void **state)
{
	struct hostile *h = *state;
	uint64_t seed = 9;

	for (uint64_t off = 0; off < X86_IOAPIC_SIZE; off++)
		for (uint32_t width = 1; width <= 8; width++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			hostile_mmio(h, X86_IOAPIC_BASE + off, width, false, 0);
			hostile_mmio(h, X86_IOAPIC_BASE + off, width, true, seed);
		}
	/* every pin level-triggered and unmasked, every vector, and devices that interrupt */
	for (uint32_t entry = 0; entry < 0x100; entry++) {
		hostile_mmio(h, X86_IOAPIC_BASE, 4, true, entry);
		hostile_mmio(h, X86_IOAPIC_BASE + 0x10, 4, true, entry & 1 ? UINT32_MAX : 0x8000 | entry);
		assert_neighbours_work(h);
	}
	assert_recovers(h);
}

/* FIFO and divisor bits, loopback, and interrupts that are enabled and disabled: a storm of edges is the
 * guest's own exits. */
static void serial_interrupts_toggled_without_end(void **state)
{
	struct hostile *h = *state;
	struct held before = held_now(h);

	for (uint32_t i = 0; i < 100000; i++) {
		out(h, SERIAL + 4, (uint8_t)i);
		out(h, SERIAL + 1, (uint8_t)(i >> 2));
		out(h, SERIAL, (uint8_t)i);
		hostile_port(h, SERIAL + 2, 1, false, 0);
	}
	assert_held(h, before, 1 << 20);
	assert_neighbours_work(h);
	assert_recovers(h);
}

/* Notifications beyond 16 that nobody fetched are dropped; the last page of the map is as deaf as any. */
static void doorbell_without_end_is_bounded(void **state)
{
	struct hostile *h = *state;
	struct held before = held_now(h);
	struct ukvmm_event ev[64];
	uint32_t notifies = 0;
	int n;

	for (uint32_t i = 0; i < 100000; i++)
		hostile_mmio(h, X86_DOORBELL_BASE, 4, true, i);
	assert_held(h, before, 1 << 20);
	while ((n = ukvmm_poller_run(h->d.poller, ev, COUNT(ev), 0)) > 0)
		for (int i = 0; i < n; i++)
			notifies += ev[i].type == UKVMM_EV_NOTIFY;
	CHECK(notifies == 16);
	for (uint64_t off = 0; off < X86_DOORBELL_SIZE; off++)
		for (uint32_t width = 1; width <= 8; width++) {
			hostile_mmio(h, X86_DOORBELL_BASE + off, width, false, 0);
			hostile_mmio(h, X86_DOORBELL_BASE + off, width, true, UINT64_MAX);
		}
	assert_neighbours_work(h);
	assert_recovers(h);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ROW(input_to_a_guest_that_does_not_read_is_bounded),
		ROW(output_that_nobody_takes_is_bounded_and_counted),
		ROW(every_port_takes_any_access),
		ROW(the_ioapic_takes_any_access),
		ROW(serial_interrupts_toggled_without_end),
		ROW(doorbell_without_end_is_bounded),
	};

	return SUITE_RUN(tests, "echo");
}
