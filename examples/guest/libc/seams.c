/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C library's functions that touch no operating system come from musl's static library. These names of it lead from
 * there to files, threads, locales and memory maps, none of which are here: they end in this file instead. A test sees to
 * it that no system call is left.
 */
#include <ukvmm_rt.h>

_Noreturn void __stack_chk_fail(void);
_Noreturn void __stack_chk_fail_local(void);
int *__errno_location(void);
int *___errno_location(void);
void __stdio_exit_needed(void);
int __lockfile(void *file);
void __unlockfile(void *file);
const char *__lctrans_cur(const char *text);
const char *__lctrans(const char *text, const void *locale);
int wctomb(char *to, int c);
size_t mbrtowc(int *to, const char *from, size_t n, void *state);
int mbsinit(const void *state);

extern const char __utc[];
const char __utc[] = "UTC";

int *___errno_location(void)
{
	return __errno_location();
}

void __stdio_exit_needed(void)
{
}

int __lockfile(void *file)
{
	(void)file;
	return 0;
}

void __unlockfile(void *file)
{
	(void)file;
}

const char *__lctrans_cur(const char *text)
{
	return text;
}

const char *__lctrans(const char *text, const void *locale)
{
	(void)locale;
	return text;
}

/* Its objects, as libfdt's, have canaries. */
void __stack_chk_fail(void)
{
	rt_panic("a stack frame was overwritten");
}

void __stack_chk_fail_local(void)
{
	__stack_chk_fail();
}

/* %lc, %ls: the formatting fails */
int wctomb(char *to, int c)
{
	(void)to;
	(void)c;
	return -1;
}

size_t mbrtowc(int *to, const char *from, size_t n, void *state)
{
	(void)to;
	(void)from;
	(void)n;
	(void)state;
	return (size_t)-1;
}

int mbsinit(const void *state)
{
	(void)state;
	return 1;
}
