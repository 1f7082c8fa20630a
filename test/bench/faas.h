/* SPDX-License-Identifier: Apache-2.0 */
/* What bench/faas consists of: a server of its own, and requests to it. Failures end the program (bench.h). */
#ifndef BENCH_FAAS_H
#define BENCH_FAAS_H

#include <stdint.h>
#include <sys/types.h>

#include "bench.h"

/*
 * faas_server.c: in a network namespace of its own, with its state in a folder that goes with it. network, pool_most: its
 * options; log: where its lines go, the caller's (-1: nowhere). Returns its process.
 */
pid_t faas_serve(const char *network, const char *pool_most, int log);
/* Ends it; its exit status, -1: it was killed. */
int faas_stop(void);
/* The server's front, and the name of its process. */
extern char faas_url[64];
/* Runs `ukvmm-faas WORDS...` against it; its output into `out`, which may be NULL. */
void faas_command(const char *const *words, char *out, unsigned long out_len);
/* Memory of the server's workers together, and how many there are: PSS in KiB, CPU time in ms. */
struct faas_workers {
	unsigned int n;
	double pss_kib, cpu_ms;
};
void faas_workers(struct faas_workers *w);
/* The number behind a word in a file of /proc/PID; 0: it is not there. */
double faas_number(pid_t pid, const char *file, const char *word);

/*
 * faas_look.c: the workers that have a guest with ram_kib of RAM in use; how many there are. worker_kib, guest_kib: PSS
 * without and of its RAM; cpu_us: CPU time of its threads.
 */
struct faas_worker {
	pid_t pid;
	double worker_kib, guest_kib, cpu_us;
};
unsigned int faas_look(unsigned long ram_kib, struct faas_worker *w, unsigned int most);
/* Waits until the server has made the workers that it wants, and ended those that it does not, for half a minute at most. */
void faas_settle(void);

/* faas_idle.c: instances that nobody asks anything. */
void faas_idle(struct bench *b);

/*
 * faas_ask.c: `runs` requests by `together` clients at once, each on a connection of its own that is kept if `keep`.
 * The time of each, in us, goes into s (may be NULL). Returns the wall time of all in ms; *failed counts answers other
 * than 200.
 */
double faas_ask(const char *url, unsigned int runs, unsigned int together, bool keep, struct bench_series *s,
	unsigned int *failed);

#endif
