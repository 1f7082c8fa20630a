/* SPDX-License-Identifier: Apache-2.0 */
#include "err.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

int err_set(struct ukvmm_err *err, int code, const char *call, const char *object, const char *fmt, ...)
{
	struct ukvmm_err e = { 0 };
	va_list ap;

	if (!err || err->size < offsetof(struct ukvmm_err, call))
		return code;
	e.size = err->size;
	e.code = code;
	snprintf(e.call, sizeof e.call, "%s", call);
	snprintf(e.object, sizeof e.object, "%s", object);
	va_start(ap, fmt);
	vsnprintf(e.text, sizeof e.text, fmt, ap);
	va_end(ap);
	memcpy(err, &e, err->size < sizeof e ? err->size : sizeof e);
	return code;
}
