/* SPDX-License-Identifier: Apache-2.0 */
/* 50 MiB, one byte written in each page of 4 KiB, and read again. */
#include <stdlib.h>

#include "ukvmm_fn.h"

enum { SIZE = 50 << 20, PAGE = 4096, PAGES = SIZE / PAGE, SUM = PAGES / 256 * (255 * 256 / 2) };
_Static_assert(PAGES % 256 == 0, "whole turns of a byte");

void handle(const struct fn_request *request, struct fn_response *response)
{
	volatile uint8_t *bytes = malloc(SIZE);
	uint32_t sum = 0;

	(void)request;
	if (!bytes) {
		response->status = 500;
		return;
	}
	for (uint32_t at = 0; at < SIZE; at += PAGE)
		bytes[at] = (uint8_t)(at / PAGE);
	for (uint32_t at = 0; at < SIZE; at += PAGE)
		sum += bytes[at];
	free((void *)bytes);
	if (sum == SUM)
		fn_text(response, "%u\n", sum);
	else
		response->status = 500;
}
