/* SPDX-License-Identifier: Apache-2.0 */
/* Lines and words of bytes that come from outside. */
#ifndef HTTP_TEXT_H
#define HTTP_TEXT_H

#include "ukvmm_fn.h"

/* ASCII only. */
unsigned char text_lower(unsigned char c);
/* The first line in bytes[0, len) without its end; *next is what follows. A bare LF ends a line too (RFC 9112 §2.2);
 * a CR anywhere else does not. False: none has ended. */
bool text_line(const char *bytes, size_t len, struct fn_str *line, size_t *next);
/* Takes what comes before `c`, and c, off s. False: it is not there. */
bool text_until(struct fn_str *s, char c, struct fn_str *out);
/* Without spaces and tabs around it. */
struct fn_str text_trim(struct fn_str s);

#endif
