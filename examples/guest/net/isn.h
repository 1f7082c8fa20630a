/* SPDX-License-Identifier: Apache-2.0 */
/* Initial sequence numbers that nobody can guess (RFC 6528). */
#ifndef NET_ISN_H
#define NET_ISN_H

#include <stdint.h>

/* Of a connection between these: a clock of 4 us plus a keyed hash of the four. */
uint32_t isn_of(uint32_t local_ip, uint16_t local_port, uint32_t remote_ip, uint16_t remote_port);
/* SipHash-2-4 of 16 bytes, given as two little-endian words. */
uint64_t isn_hash(const uint64_t key[2], uint64_t low, uint64_t high);

#endif
