/* SPDX-License-Identifier: Apache-2.0 */
#include "histogram.h"

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

const uint64_t histogram_bound[BUCKETS] = { 10 * US, 20 * US, 50 * US, 100 * US, 200 * US, 500 * US, 1 * MS, 2 * MS, 5 * MS,
	10 * MS, 20 * MS, 50 * MS, 100 * MS, 200 * MS, 500 * MS, 1 * S, 2 * S, 5 * S, 10 * S, 20 * S, 50 * S, 100 * S };

void histogram_add(struct histogram *h, uint64_t ns)
{
	h->count++;
	h->sum_ns += ns;
	for (int i = 0; i < BUCKETS; i++) {
		if (ns > histogram_bound[i])
			continue;
		h->bucket[i]++;
		return;
	}
}
