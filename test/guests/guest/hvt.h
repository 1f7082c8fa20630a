/* SPDX-License-Identifier: Apache-2.0 */
/* A Solo5 hvt guest's side of the interface (ABI 2), for the contract guests of this folder: what the tender hands
 * over, and its calls. */
#ifndef GUEST_HVT_H
#define GUEST_HVT_H

#include <stdint.h>

enum { WALLTIME = 1, PUTS, POLL, BLOCK_WRITE, BLOCK_READ, NET_WRITE, NET_READ, HALT };

struct boot_info {
	uint64_t mem_size, kernel_end, tsc_hz;
	const char *cmdline;
	const struct manifest *manifest;
	uint32_t host_features, guest_features;
	uint64_t net_ring;
};

struct entry {
	char name[68];
	uint32_t type;
	union {
		struct {
			uint64_t capacity;
			uint16_t block_size;
		} block;
		struct {
			uint8_t mac[6];
			uint16_t mtu;
		} net;
	} u;
	uint64_t tender;
	uint8_t attached, padding[7];
};
_Static_assert(sizeof(struct entry) == 104, "struct mft_entry");

struct manifest {
	uint32_t version, entries;
	struct entry e[];
};

struct poll {
	uint64_t timeout, ready;
	int32_t ret;
};

struct transfer { /* BLOCK_*; NET_* have no offset */
	uint64_t handle, offset;
	void *data;
	uint64_t len;
	int32_t ret;
};

struct frame {
	uint64_t handle;
	void *data;
	uint64_t len;
	int32_t ret;
};

static inline void call(uint16_t n, volatile void *arg)
{
	__asm__ volatile("outl %0, %1" : : "a"((uint32_t)(uintptr_t)arg), "d"((uint16_t)(0x500 + n)) : "memory");
}

static inline uint64_t length(const char *s)
{
	uint64_t n = 0;

	while (s[n])
		n++;
	return n;
}

static inline int same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static inline void say(const char *s)
{
	volatile struct {
		const char *text;
		uint64_t len;
	} a = {s, length(s)};

	call(PUTS, &a);
}

static inline uint64_t walltime(void)
{
	volatile uint64_t ns = 0;

	call(WALLTIME, &ns);
	return ns;
}

static inline _Noreturn void halt(int status)
{
	volatile struct {
		uint64_t cookie;
		int32_t status;
	} a = {0, status};

	for (;;)
		call(HALT, &a);
}

static inline _Noreturn void fail(const char *why)
{
	say("FAIL ");
	say(why);
	say("\n");
	halt(1);
}

static inline void check(int ok, const char *why)
{
	if (!ok)
		fail(why);
}

_Noreturn void guest_main(const struct boot_info *info);

#endif
