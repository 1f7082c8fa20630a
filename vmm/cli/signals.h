/* SPDX-License-Identifier: Apache-2.0 */
/* The signals of `ukvmm run`: blocked in every thread, read from one descriptor. */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

struct run;

/* Blocks them in this thread and those it starts. Signals that are ignored now (nohup, the
 * background jobs of scripts) stay ignored. */
void signals_block(void);

/* A new non-blocking signalfd that reads them, or -1. */
int signals_open(void);

/* Reads what has come: stops and continues with the guest, the terminal in order; ends the guest for the rest. */
void signals_serve(struct run *run);

/* The next one that ends us; 0: none has come. For who only waits. */
int signals_take(int fd);

#endif
