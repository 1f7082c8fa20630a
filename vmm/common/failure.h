/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMON_FAILURE_H
#define COMMON_FAILURE_H

#include <ukvmm/error.h>

/* Fills in err (may be NULL) as the library does, with the errno's own text, and returns rc. */
int failure(struct ukvmm_err *err, int rc, const char *call, const char *object);

#endif
