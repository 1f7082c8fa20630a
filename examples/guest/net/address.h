/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's address from its command line. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <stdbool.h>

#include "lwip/ip4_addr.h"
#include "lwip/prot/ethernet.h"

/* The words of net.h. *ip is zero where there is none: DHCP is to be asked. False: a word that is no address. */
bool address_of_words(ip4_addr_t *ip, ip4_addr_t *mask, ip4_addr_t *gateway);
/* Of gateway-mac=. False: there is none, or it is none. */
bool address_mac(struct eth_addr *mac);

#endif
