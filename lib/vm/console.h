/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's output: a bounded ring. What does not fit is dropped and counted, the guest never waits. */
#ifndef VM_CONSOLE_H
#define VM_CONSOLE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct console {
	pthread_mutex_t lock;
	uint8_t *ring;
	uint32_t size; /* a power of two */
	uint64_t head, tail; /* bytes ever taken, ever stored */
	uint64_t lost, lost_total;
};

int console_init(struct console *c, uint32_t bytes); /* 0: 64 KiB; -EINVAL over 64 MiB */
void console_fini(struct console *c);
void console_put(struct console *c, const uint8_t *bytes, size_t len);
size_t console_take(struct console *c, void *buf, size_t len, uint64_t *lost);
uint64_t console_waiting(struct console *c);
void console_totals(struct console *c, uint64_t *bytes, uint64_t *lost);

#endif
