/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-console (virtio 1.2 §5.3), its first port. Writing waits until the host has the bytes: it is for logs, and
 * what was logged must be out when the guest ends. */
#include "virtio.h"

#include <string.h>

enum { QUEUE = 16, IN = 256, OUT_AT_ONCE = 64 << 10 };

static struct virtio dev;
static struct virtq rx, tx;
VIRTQ_MEMORY(rx_memory, QUEUE);
VIRTQ_MEMORY(tx_memory, QUEUE);
static enum { UNKNOWN, THERE, MISSING } state;
static char in[IN];
static uint32_t in_len, in_at;

static void ask(void)
{
	rx.desc[0] = (struct virtq_desc){(uintptr_t)in, sizeof in, DESC_WRITE, 0};
	virtq_show(&rx, 0);
}

bool rt_hvc_open(void)
{
	if (state == UNKNOWN) {
		dev = (struct virtio){.name = "console", .n_queues = 2, .queue = {&rx, &tx}};
		rx = (struct virtq){.dev = &dev, .mem = rx_memory, .most = QUEUE};
		tx = (struct virtq){.dev = &dev, .mem = tx_memory, .most = QUEUE};
		state = virtio_find(&dev, VIRTIO_CONSOLE) ? THERE : MISSING;
		if (state == THERE) {
			virtio_agree(&dev);
			ask();
			virtio_ready(&dev);
		}
	}
	return state == THERE;
}

bool rt_hvc_write(const char *bytes, size_t len)
{
	uint32_t n, ignored;

	if (state != THERE)
		return false;
	for (; len; bytes += n, len -= n) {
		n = len < OUT_AT_ONCE ? (uint32_t)len : OUT_AT_ONCE;
		tx.desc[0] = (struct virtq_desc){(uintptr_t)bytes, n, 0, 0};
		virtq_show(&tx, 0);
		while (virtq_take(&tx, &ignored) < 0)
			rt_wait(0);
	}
	return true;
}

size_t rt_hvc_read(char *bytes, size_t len)
{
	uint32_t used;

	if (state != THERE)
		return 0;
	if (in_at == in_len && virtq_take(&rx, &used) >= 0) {
		if (used > sizeof in)
			rt_panic("console: the device gave %u bytes", used);
		in_at = 0;
		in_len = used;
		if (!used)
			ask();
	}
	if (len > in_len - in_at)
		len = in_len - in_at;
	memcpy(bytes, in + in_at, len);
	in_at += (uint32_t)len;
	if (len && in_at == in_len) {
		in_at = in_len = 0;
		ask();
	}
	return len;
}
