/* SPDX-License-Identifier: Apache-2.0 */
/* What lwIP calls of ours from within (LWIP_HOOK_FILENAME). */
#ifndef NET_HOOKS_H
#define NET_HOOKS_H

#include "isn.h"
#include "guard.h"

#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) \
	isn_of((local_ip)->addr, local_port, (remote_ip)->addr, remote_port)
#define LWIP_HOOK_IP4_INPUT(p, netif) guard_packet(p)

#endif
