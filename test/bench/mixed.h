/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What bench/faas-mixed consists of: clients of all kinds at a server whose instances are killed, whose functions come,
 * change and go meanwhile, and the proof of what each request came to. Everything runs in one loop on one thread; what
 * makes the program itself fail ends it (bench.h), what the server does wrong is a complaint.
 */
#ifndef BENCH_MIXED_H
#define BENCH_MIXED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { MIXED_CLIENTS = 24, MIXED_POOL = 16, MIXED_KEPT = 256, MIXED_SECONDS = 24 * 3600 };

/* What a client saw. */
enum fate {
	FATE_NONE,
	FATE_WHOLE,   /* 200, and all of it right */
	FATE_GONE,    /* 404 of a function that comes and goes */
	FATE_DEAD,    /* 502 of the platform */
	FATE_CUT,     /* the connection ended behind the answer's head */
	FATE_LEFT,    /* the client went away */
	FATE_REFUSED, /* another status */
	FATE_WRONG,   /* not the answer to this request, or none at all */
	FATES,
};
extern const char *const fate_name[FATES];

/* Anything that should not have happened: printed, the first ones of each run, and counted. */
void mixed_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
extern unsigned int mixed_complaints;
uint32_t mixed_random(uint32_t below);

/* ---- mixed_calls.c: each request by its number, as the client and as the server's log have it ---- */

void calls_reset(void);
uint32_t calls_begin(void);
void calls_seen(uint32_t id, enum fate fate);
void calls_logged(uint32_t id, unsigned int status, bool cut, const char *instance);
void calls_died(const char *instance, const char *function, const char *text);
/* Is there a line for each request that has ended, and for the end of each instance that one was lost with? */
bool calls_told(void);
/* Compares both sides; kills: how many there were. counts[FATES]: how many ended how. */
void calls_judge(unsigned int kills, unsigned int *counts, unsigned int *died);

/* ---- mixed_log.c: the server's lines ---- */

int log_open(void); /* what the server writes to */
int log_fd(void);
void log_read(void); /* what is there */
/* Waits until calls_told (60 s at most), and then takes what else there is. */
void log_settle(void);

/* ---- mixed_load.c: clients ---- */

void load_begin(void);
/* One turn: begins, leaves, goes on; more: new requests may begin. Returns how many are under way. */
unsigned int load_turn(double now, bool more);
void load_end(void);

/* ---- mixed_trouble.c: kills, deploys ---- */

void trouble_begin(pid_t server);
/* True: a change is under way. */
bool trouble_turn(double now, bool more);
void trouble_end(void);
extern unsigned int trouble_kills, trouble_deploys;

/* ---- mixed_watch.c: what the server has ---- */

struct holding {
	double server_kib, broker_kib; /* PSS: with a share of libraries, that grows where others end who have them, too */
	double server_anon, broker_anon; /* KiB of no file, which is nobody else's doing */
	double own_kib;		       /* of the server: what it alone has written */
	unsigned int fds, upstream;    /* of the server: all but those to instances; those */
	unsigned int broker_fds, workers, taps; /* but those of cgroups and namespaces that it keeps */
	unsigned int cgroups;		       /* of workers, and kept: at most MIXED_KEPT */
};
pid_t watch_broker(pid_t server);
/* The broker's children; returns how many, at most n. */
unsigned int watch_workers(pid_t server, pid_t *pids, unsigned int n);
void watch_look(pid_t server, struct holding *h);
/* What its descriptors are, but those of taps and to instances: for whoever looks for one that is too many. */
void watch_tell(pid_t pid);

/* ---- mixed_memory.c: that over time ---- */

struct bench;
void memory_begin(void); /* of a round */
void memory_sample(pid_t server, double now);
/* Nothing may have grown: in the last round, and between two moments without functions. */
void memory_judge(const struct holding *before, const struct holding *after);
void memory_report(struct bench *b, const unsigned int *counts, unsigned int died, const struct holding *before,
	const struct holding *after);

#endif
