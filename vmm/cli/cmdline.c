/* SPDX-License-Identifier: Apache-2.0 */
#include "cmdline.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

static bool has_blank(const char *arg)
{
	return arg[strcspn(arg, " \t\n\v\f\r")] != '\0';
}

static char *put_arg(char *to, const char *arg)
{
	bool quote = arg[0] == '\0' || has_blank(arg);

	if (quote)
		*to++ = '"';
	to = stpcpy(to, arg);
	if (quote)
		*to++ = '"';
	return to;
}

int cmdline_join(char *const *args, int args_len, char **out)
{
	size_t room = 1;
	char *to;

	for (int i = 0; i < args_len; i++) {
		if (has_blank(args[i]) && strchr(args[i], '"')) {
			report("run", args[i], "blanks and a double quote in one argument cannot "
					       "be passed on a kernel command line");
			return -EINVAL;
		}
		room += strlen(args[i]) + sizeof " \"\"";
	}
	to = *out = malloc(room);
	if (!to)
		return -ENOMEM;
	for (int i = 0; i < args_len; i++) {
		if (i > 0)
			*to++ = ' ';
		to = put_arg(to, args[i]);
	}
	*to = '\0';
	return 0;
}
