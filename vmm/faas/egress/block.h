/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAAS_EGRESS_BLOCK_H
#define FAAS_EGRESS_BLOCK_H

#include <stdint.h>

/* "10.100.0.0/16": the first address (host byte order) and the prefix's length, 8 to 30. -EINVAL. */
int block_read(const char *text, uint32_t *base, uint32_t *bits);

#endif
