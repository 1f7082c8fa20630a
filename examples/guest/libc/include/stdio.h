/* SPDX-License-Identifier: Apache-2.0 */
/* Formatting only. %d %i %u %x %c %s %p %%, with -, 0, width, precision of %s, and the lengths h hh l ll z j t. */
#ifndef RT_STDIO_H
#define RT_STDIO_H
#include <stdarg.h>
#include <stddef.h>
int snprintf(char *to, size_t cap, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int vsnprintf(char *to, size_t cap, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));
#endif
