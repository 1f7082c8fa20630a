/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Console port 1: the host's side of the virtio console. Output goes to a ring as the serial line's does; input waits
 * in a buffer of its own until the guest has room. Any thread.
 */
#ifndef VM_CONSOLE_PORT_H
#define VM_CONSOLE_PORT_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "console.h"
#include "devices.h"

enum { CONSOLE_PORT_INPUT = 4096 };

struct console_port {
	struct ukvmm_vm *vm;
	struct ukvmm_device *dev;
	struct virtio_console *front;
	struct console out;
	pthread_mutex_t lock; /* of the next three */
	uint8_t in[CONSOLE_PORT_INPUT];
	uint32_t in_head, in_len;
};

/* How much of it fitted. */
size_t console_port_write(struct console_port *p, const uint8_t *bytes, size_t len);
void console_port_free(struct console_port *p); /* after its device; NULL is nothing */

#endif
