/* SPDX-License-Identifier: Apache-2.0 */
/* TCP/IP on the platform's network card. */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stdint.h>

/* Opens the card. Words of the command line: ip=A.B.C.D/BITS[,GATEWAY] or ip=A.B.C.D netmask=M gateway=G, and
 * gateway-mac=; without ip=, DHCP. False: no card, or words that are none. */
bool net_open(void);
/* Has it an address? */
bool net_up(void);
/* net_turn calls `after` at that time (of rt_now) too, frames or not. */
void net_wake(uint64_t at);
/* Frames and timers until nothing is left to do, then waits for more. `after` is called after some. */
void net_turn(void (*after)(void));

#endif
