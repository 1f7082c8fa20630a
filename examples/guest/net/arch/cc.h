/* SPDX-License-Identifier: Apache-2.0 */
/* What lwIP asks of a compiler and of a platform. */
#ifndef NET_ARCH_CC_H
#define NET_ARCH_CC_H

#include "guard.h"
#include "ukvmm_rt.h"

#define LWIP_NO_STDINT_H 0
#define LWIP_NO_CTYPE_H 1
#define LWIP_PLATFORM_DIAG(x) ((void)0)
#define LWIP_PLATFORM_ASSERT(x) rt_panic("lwip: %s", x)

static inline uint32_t net_rand(void)
{
	uint32_t v;

	rt_random(&v, sizeof v);
	return v;
}
#define LWIP_RAND() net_rand()

#endif
