/* SPDX-License-Identifier: Apache-2.0 */
/* Bubble sort of 20,000 descending integers. */
#include "ukvmm_fn.h"

enum { N = 20000 };

static int value[N];

static void sort(void)
{
	for (int end = N - 1; end > 0; end--) {
		for (int i = 0; i < end; i++) {
			int a = value[i], b = value[i + 1];

			value[i] = a < b ? a : b;
			value[i + 1] = a < b ? b : a;
		}
	}
}

void handle(const struct fn_request *request, struct fn_response *response)
{
	(void)request;
	for (int i = 0; i < N; i++)
		value[i] = N - i;
	sort();
	for (int i = 0; i < N; i++) {
		if (value[i] != i + 1) {
			response->status = 500;
			return;
		}
	}
	fn_text(response, "%d\n", N);
}
