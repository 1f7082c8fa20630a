/* SPDX-License-Identifier: Apache-2.0 */
/* Formatting, and output to the console. There are no files: see fn_open of ukvmm_fn.h. */
#ifndef RT_STDIO_H
#define RT_STDIO_H
#include <stdarg.h>
#include <stddef.h>
#define EOF (-1)
int snprintf(char *to, size_t cap, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int vsnprintf(char *to, size_t cap, const char *fmt, va_list args) __attribute__((format(printf, 3, 0)));
int sscanf(const char *from, const char *fmt, ...) __attribute__((format(scanf, 2, 3)));
int vsscanf(const char *from, const char *fmt, va_list args) __attribute__((format(scanf, 2, 0)));
int printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int vprintf(const char *fmt, va_list args) __attribute__((format(printf, 1, 0)));
int puts(const char *line);
int putchar(int c);
#endif
