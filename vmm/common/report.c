/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A file's name, or what a guest or a worker said, must not be more than a line, nor move the cursor. */
static void make_printable(char *line)
{
	for (; *line; line++)
		if ((unsigned char)*line < 0x20 || *line == 0x7f)
			*line = '?';
}

void report(const char *call, const char *object, const char *fmt, ...)
{
	char text[1024], line[1536];
	va_list args;
	int len;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	len = snprintf(line, sizeof line, "%s: %s(%.384s): %s", report_program, call, object, text);
	if (len >= (int)sizeof line)
		len = (int)sizeof line - 1;
	make_printable(line);
	line[len++] = '\n';
	/* a closed stderr leaves nobody to tell */
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		return;
}

void report_errno(const char *call, const char *object, int error)
{
	report(call, object, "%s", strerror(error < 0 ? -error : error));
}

void report_err(const struct ukvmm_err *err, const char *object)
{
	const char *text = err->text[0] ? err->text : strerror(-err->code);

	report(err->call[0] ? err->call : "ukvmm", object ? object : err->object, "%s", text);
}
