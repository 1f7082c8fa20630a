/* SPDX-License-Identifier: Apache-2.0 */
/* Filling in a caller's struct ukvmm_err. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <ukvmm/error.h>

#define ERR_PRINTF(a, b) __attribute__((format(printf, a, b)))

/* Stores code, call, object and the formatted line, truncated to fit; err may be NULL. Returns code. */
int err_set(struct ukvmm_err *err, int code, const char *call, const char *object, const char *fmt, ...)
	ERR_PRINTF(5, 6);

#endif
