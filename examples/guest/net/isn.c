/* SPDX-License-Identifier: Apache-2.0 */
/* The hash is SipHash (Aumasson, Bernstein: SipHash, a fast short-input PRF, 2012): made for short keyed inputs. */
#include "isn.h"

#include <stdbool.h>

#include "ukvmm_rt.h"

static uint64_t turned(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static void rounds(uint64_t v[4], unsigned n)
{
	while (n--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = turned(v[1], 13) ^ v[0];
		v[3] = turned(v[3], 16) ^ v[2];
		v[0] = turned(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = turned(v[1], 17) ^ v[2];
		v[3] = turned(v[3], 21) ^ v[0];
		v[2] = turned(v[2], 32);
	}
}

static void take(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	rounds(v, 2);
	v[0] ^= word;
}

uint64_t isn_hash(const uint64_t key[2], uint64_t low, uint64_t high)
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
		key[1] ^ 0x7465646279746573 };

	take(v, low);
	take(v, high);
	take(v, 16ull << 56); /* the length */
	v[2] ^= 0xff;
	rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint32_t isn_of(uint32_t local_ip, uint16_t local_port, uint32_t remote_ip, uint16_t remote_port)
{
	static uint64_t key[2];
	static bool have_key;

	if (!have_key)
		rt_random(key, sizeof key);
	have_key = true;
	return (uint32_t)(rt_now() / 4096 +
		isn_hash(key, (uint64_t)local_ip << 32 | remote_ip, (uint64_t)local_port << 16 | remote_port));
}
