/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CMDLINE_H
#define CLI_CMDLINE_H

/*
 * The ARGs as they are put behind a kernel's command line, after " -- " where its protocol has that (what Linux,
 * Unikraft and Hermit take for the program's own arguments). One with blanks, or an empty one, is put in double quotes;
 * as these parsers know no escape, an ARG with blanks and a double quote is refused. *out is malloc'ed. 0, -EINVAL after
 * a report, -ENOMEM.
 */
int cmdline_join(char *const *args, int args_len, char **out);

#endif
