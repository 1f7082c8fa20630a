/* SPDX-License-Identifier: Apache-2.0 */
/* One port, no multiport (virtio 1.2 section 5.3): queue 0 is what the host types, queue 1 what it reads. */
#include "io.h"

enum { LINE = 256, RX = 0, TX = 1 };

static struct virtio dev;
static uint8_t *typed;
static char line[LINE];
static uint32_t used;

void io_console_start(void)
{
	virtio_start(&dev, VIRTIO_CONSOLE, io_features(), 2, 64);
	typed = virtio_alloc(LINE);
}

static void say(const char *text, uint32_t len)
{
	const struct virtq_seg seg = {(void *)(uintptr_t)text, len, false};

	virtq_put(&dev.q[TX], 0, &seg, 1);
	virtq_wait(&dev.q[TX], &dev.q[TX]);
	check_eq("said", (uint64_t)virtq_get(&dev.q[TX], NULL), 0);
}

/* Bytes may come in any pieces. */
static void hear(void)
{
	const struct virtq_seg seg = {typed, LINE, true};
	uint32_t len;

	virtq_put(&dev.q[RX], 0, &seg, 1);
	virtq_wait(&dev.q[RX], &dev.q[RX]);
	virtq_get(&dev.q[RX], &len);
	if (!len || len > sizeof line - used)
		die("nothing was typed, or a line that is too long");
	memcpy(line + used, typed, len);
	used += len;
}

static uint32_t line_end(void)
{
	for (uint32_t i = 0; i < used; i++)
		if (line[i] == '\n')
			return i + 1;
	return 0;
}

static void echo(void)
{
	uint32_t len;

	while (!(len = line_end()))
		hear();
	say(line, len);
	used -= len;
	memcpy(line, line + len, used);
}

void io_console(void)
{
	uint64_t n = arg_number("n", 0);

	say("hello from a virtio console\n", 28);
	if (!arg_number("silent", 0))
		print("ready\n"); /* by the serial line */
	while (n--)
		echo();
}
