/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the io guest: see io.c. */
#ifndef IO_H
#define IO_H

#include "virtio.h"

/* What a run counted: printed as one line, "result ns=.. count=.. bytes=.. kicks=.. irqs=.." and, where single
 * times were taken, " p50=.. p95=.. p99=.." in nanoseconds. */
struct io_result {
	uint64_t start, ticks; /* TSC */
	uint64_t count, bytes;
	uint64_t kicks, irqs;
};

void io_begin(struct io_result *r);
void io_end(struct io_result *r);
void io_sample(uint64_t ticks); /* the first 65536 are kept */
void io_report(const struct io_result *r);

/* Features of every driver here: event_idx=0 and indirect=1 change them. */
uint64_t io_features(void);
uint64_t io_random(void);

/* Each has a part for ring 0 that makes the devices ready, and one for ring 3 that does the work. */
void io_queue_start(void);
void io_queue(void);
void io_ring0(void);
void io_rng(void);
void io_console_start(void);
void io_console(void);
void io_blk_start(void);
void io_blk_read(void);
void io_blk_write(void);
void io_net_start(void);
void io_net_tx(void);
void io_net_rx(void);
void io_net_echo(void);

#endif
