/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CMDLINE_H
#define CLI_CMDLINE_H

#include <stdbool.h>

/*
 * The guest's command line: TEXT, then " -- " (if `separate`) and the ARGs where there are any (what Linux,
 * Unikraft and Hermit take for the program's own arguments). An ARG with blanks, or an empty one,
 * is put in double quotes; as these parsers know no escape, an ARG with blanks and a double quote
 * is refused. text may be NULL. *out is malloc'ed. 0, -EINVAL after a report, -ENOMEM.
 */
int cmdline_join(const char *text, char *const *args, int args_len, bool separate, char **out);

#endif
