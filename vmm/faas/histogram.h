/* SPDX-License-Identifier: Apache-2.0 */
/* Durations, counted in buckets of 1, 2 and 5 times a power of ten from 10 us to 100 s. */
#ifndef FAAS_HISTOGRAM_H
#define FAAS_HISTOGRAM_H

#include <stdint.h>

enum { BUCKETS = 22 };
/* Upper bounds in nanoseconds. */
extern const uint64_t histogram_bound[BUCKETS];

struct histogram {
	uint64_t count, sum_ns;
	uint64_t bucket[BUCKETS]; /* each alone; what is above the last bound is in `count` only */
};

void histogram_add(struct histogram *h, uint64_t ns);

#endif
