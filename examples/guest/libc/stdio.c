/* SPDX-License-Identifier: Apache-2.0 */
/* What is printed goes out on the console. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ukvmm_rt.h>

int vprintf(const char *fmt, va_list args)
{
	char line[512], *text = line;
	va_list again;
	int n;

	va_copy(again, args);
	n = vsnprintf(line, sizeof line, fmt, args);
	if (n >= (int)sizeof line) {
		text = malloc((size_t)n + 1);
		if (text)
			vsnprintf(text, (size_t)n + 1, fmt, again);
	}
	va_end(again);
	if (n < 0 || !text)
		return -1;
	rt_console_write(text, (size_t)n);
	if (text != line)
		free(text);
	return n;
}

int printf(const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vprintf(fmt, args);
	va_end(args);
	return n;
}

int puts(const char *line)
{
	rt_console_write(line, strlen(line));
	rt_console_write("\n", 1);
	return 1;
}

int putchar(int c)
{
	const char byte = (char)c;

	rt_console_write(&byte, 1);
	return (unsigned char)c;
}
