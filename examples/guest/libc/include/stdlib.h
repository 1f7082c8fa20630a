/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RT_STDLIB_H
#define RT_STDLIB_H
#include <stddef.h>
void *malloc(size_t n);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t n);
void *aligned_alloc(size_t align, size_t n); /* align: a power of two; never given back */
void free(void *p);
int atoi(const char *s); /* no sign */
unsigned long strtoul(const char *s, char **end, int base);
#endif
