/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RT_STDLIB_H
#define RT_STDLIB_H
#include <stddef.h>
#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1
#define RAND_MAX     0x7fffffff
typedef struct {
	int quot, rem;
} div_t;
typedef struct {
	long quot, rem;
} ldiv_t;
/* NULL when memory is short; writing over the end of a block ends the guest when it or a neighbour is freed */
void *malloc(size_t n) __attribute__((malloc, alloc_size(1)));
void *calloc(size_t n, size_t size) __attribute__((malloc, alloc_size(1, 2)));
void *realloc(void *p, size_t n) __attribute__((alloc_size(2)));
void *aligned_alloc(size_t align, size_t n) __attribute__((alloc_size(2)));
void free(void *p);
_Noreturn void abort(void);	     /* ends the guest with a panic */
_Noreturn void exit(int status); /* ends the guest with this status */
char *getenv(const char *name);	     /* a word NAME=VALUE of the command line, as fn_env */
int atoi(const char *s);
long atol(const char *s);
long long atoll(const char *s);
double atof(const char *s);
long strtol(const char *s, char **end, int base);
long long strtoll(const char *s, char **end, int base);
unsigned long strtoul(const char *s, char **end, int base);
unsigned long long strtoull(const char *s, char **end, int base);
float strtof(const char *s, char **end);
double strtod(const char *s, char **end);
int abs(int n);
long labs(long n);
long long llabs(long long n);
div_t div(int a, int b);
ldiv_t ldiv(long a, long b);
void qsort(void *base, size_t n, size_t size, int (*compare)(const void *, const void *));
void *bsearch(const void *key, const void *base, size_t n, size_t size, int (*compare)(const void *, const void *));
/* the same numbers in each guest that does not seed; fn_random gives random bytes */
int rand(void);
void srand(unsigned seed);
int rand_r(unsigned *state);
#endif
