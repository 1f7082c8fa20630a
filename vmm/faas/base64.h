/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAAS_BASE64_H
#define FAAS_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* RFC 4648 section 4, with its padding and nothing else. */

/* `to` has room for strlen(text) / 4 * 3 bytes. 0, and how many it is, or -EINVAL. */
int base64_decode(const char *text, uint8_t *to, size_t *len);
/* `to` has room for (len + 2) / 3 * 4 + 1 bytes, the last one for a NUL. */
void base64_encode(const uint8_t *bytes, size_t len, char *to);

#endif
