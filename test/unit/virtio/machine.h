/* SPDX-License-Identifier: Apache-2.0 */
/* A device on another thread than its driver. Iterations are counted, not timed. */
#ifndef TEST_MACHINE_H
#define TEST_MACHINE_H

#include <pthread.h>

#include "guest.h"

#ifdef __SANITIZE_THREAD__
enum { SCALE = 1 };
#else
enum { SCALE = 4 };
#endif

enum { SIZE = 16 };

struct machine {
	struct guest g;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool kicked, interrupted; /* guarded by lock */
	_Atomic bool over, resetting;
	_Atomic uint32_t chains, breaks;
	uint64_t features;
	uint32_t notifications;
};

/* Sets a flag of the machine; waits for it and clears it. */
void say(struct machine *m, bool *what);
void hear(struct machine *m, bool *what);

/* One queue of SIZE, live. Kicks and resets set `kicked`. */
void machine_init(struct machine *m, uint64_t features);
void machine_fini(struct machine *m);
/* Ends the loop of the device's thread and joins it. */
void machine_over(struct machine *m, pthread_t device);

#endif
