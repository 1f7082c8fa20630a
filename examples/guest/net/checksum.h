/* SPDX-License-Identifier: Apache-2.0 */
/* The sum of the Internet checksum (RFC 1071), for hosts that do not take it over. */
#ifndef NET_CHECKSUM_H
#define NET_CHECKSUM_H

#include <stdint.h>

/* Of 16-bit words as they lie in memory, an odd byte at the end followed by zero; not inverted. lwIP's LWIP_CHKSUM. */
uint16_t checksum_sum(const void *bytes, int len);

#endif
