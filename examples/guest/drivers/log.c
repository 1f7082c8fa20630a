/* SPDX-License-Identifier: Apache-2.0 */
/* Lines for whoever reads: on the serial line, or on the console with `console=hvc0`; and the ends of a guest. */
#include <stdio.h>
#include <string.h>

#include "devices.h"

enum { LINE = 512, STATUS_PANIC = 253 };

static enum { UNKNOWN, SERIAL, CONSOLE } where;

void rt_log_plainly(void)
{
	where = SERIAL;
}

void rt_console_write(const char *bytes, size_t len)
{
	const char *word;

	if (where == UNKNOWN) {
		where = SERIAL; /* also for what opening it says */
		word = rt_arg("console");
		if (word && !strcmp(word, "hvc0") && rt_hvc_open())
			where = CONSOLE;
	}
	if (where == SERIAL || !rt_hvc_write(bytes, len))
		rt_serial_write(bytes, len);
}

size_t rt_console_read(char *bytes, size_t len)
{
	return where == CONSOLE ? rt_hvc_read(bytes, len) : rt_serial_read(bytes, len);
}

void rt_log(const char *fmt, ...)
{
	char line[LINE];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof line - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if (n > LINE - 2)
		n = LINE - 2;
	line[n++] = '\n';
	rt_console_write(line, (size_t)n);
}

_Noreturn void rt_exit(int status)
{
	rt_off(status);
}

/* On the serial line: a device may be what has failed. */
_Noreturn void rt_panic(const char *fmt, ...)
{
	char line[LINE - 16];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	rt_log_plainly();
	rt_log("panic: %s", line);
	rt_off(STATUS_PANIC);
}
