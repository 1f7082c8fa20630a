/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one form of every complaint: "PROGRAM: CALL(OBJECT): TEXT" on stderr, in one write. Any
 * thread.
 */
#ifndef COMMON_REPORT_H
#define COMMON_REPORT_H

#include <ukvmm/error.h>

/* Each program defines its name. */
extern const char report_program[];

void report(const char *call, const char *object, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* With the text of an errno value (either sign). */
void report_errno(const char *call, const char *object, int error);

/* What a library call left; object NULL: the one in err. */
void report_err(const struct ukvmm_err *err, const char *object);

#endif
