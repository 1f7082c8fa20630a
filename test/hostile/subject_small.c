/* SPDX-License-Identifier: Apache-2.0 */
/* rng and console. */
#include "subjects.h"

#include "hostile.h"

#include <string.h>

enum { CONSOLE_RX, CONSOLE_TX, PORT = 1, RANDOM = 64, AT = 0x2000 };

static void rng_add(struct hostile *h)
{
	struct ukvmm_rng_config config = { .size = sizeof config };

	CHECK(!ukvmm_vm_add_rng(h->d.vm, "rng", &config, NULL));
}

static void rng_works(struct hostile *h)
{
	uint8_t *bytes = drive_at(&h->d, h->buf + AT, 2 * RANDOM);
	uint32_t len;

	memset(bytes, 0, 2 * RANDOM);
	for (uint32_t i = 0; i < 2; i++) {
		drive_put(&h->dev, 0, &(struct drive_seg){ h->buf + AT + i * RANDOM, RANDOM, true }, 1);
		drive_kick(&h->dev, 0);
		drive_wait_used(&h->dev, 0, &len);
		CHECK(len == RANDOM);
	}
	CHECK(memcmp(bytes, bytes + RANDOM, RANDOM)); /* equal once in 2^512 */
}

static uint32_t rng_request(struct hostile *h, struct drive_seg *seg)
{
	seg[0] = (struct drive_seg){ h->buf + 0x10000, 100, true };
	seg[1] = (struct drive_seg){ h->buf + 0x11000, 5000, true };
	return 2;
}

static void console_add(struct hostile *h)
{
	struct ukvmm_console_config config = { .size = sizeof config, .cols = 80, .rows = 25 };

	CHECK(!ukvmm_vm_add_console(h->d.vm, "console", &config, NULL));
}

static void drain(struct hostile *h)
{
	uint8_t buf[4096];

	while (ukvmm_vm_console_read(h->d.vm, PORT, buf, sizeof buf, NULL) > 0)
		;
}

static void console_works(struct hostile *h)
{
	uint8_t *bytes = drive_at(&h->d, h->buf + AT, PAGE);
	uint32_t len, got = 0;
	bool asked = false;
	char buf[16];

	drain(h);
	memcpy(bytes, "to the host", 11);
	drive_put(&h->dev, CONSOLE_TX, &(struct drive_seg){ h->buf + AT, 11, false }, 1);
	drive_kick(&h->dev, CONSOLE_TX);
	drive_wait_used(&h->dev, CONSOLE_TX, NULL);
	CHECK(ukvmm_vm_console_read(h->d.vm, PORT, buf, sizeof buf, NULL) == 11 && !memcmp(buf, "to the host", 11));
	/* behind what waited there before, which may be all that fits */
	do {
		asked = asked || ukvmm_vm_console_write(h->d.vm, PORT, "?", 1) == 1;
		drive_put(&h->dev, CONSOLE_RX, &(struct drive_seg){ h->buf + AT, PAGE, true }, 1);
		drive_kick(&h->dev, CONSOLE_RX);
		drive_wait_used(&h->dev, CONSOLE_RX, &len);
		CHECK(len > 0 && len <= PAGE && ++got < 100);
	} while (!asked || bytes[len - 1] != '?');
}

static uint32_t console_request(struct hostile *h, struct drive_seg *seg)
{
	hostile_store(h, h->buf + 0x10000, "some output", 11);
	seg[0] = (struct drive_seg){ h->buf + 0x10000, 1000, false };
	seg[1] = (struct drive_seg){ h->buf + 0x11000, 2000, false };
	return 2;
}

static void console_inject(struct hostile *h, const void *bytes, size_t len)
{
	CHECK(ukvmm_vm_console_write(h->d.vm, PORT, bytes, len) >= 0);
}

static void console_poke(struct hostile *h)
{
	char bytes[300];

	memset(bytes, 'p', sizeof bytes);
	CHECK(ukvmm_vm_console_write(h->d.vm, PORT, bytes, sizeof bytes) >= 0);
	CHECK(!ukvmm_vm_console_resize(h->d.vm, 81, 26));
	drain(h);
}

const struct subject subject_rng = { .name = "rng", .queues = 1, .add = rng_add, .works = rng_works,
	.request = rng_request };
const struct subject subject_console = { .name = "console", .queues = 2, .pull = CONSOLE_TX, .add = console_add,
	.works = console_works, .request = console_request, .poke = console_poke, .inject = console_inject,
	.drain = drain };
