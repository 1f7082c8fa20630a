/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAAS_CMDLINE_H
#define FAAS_CMDLINE_H

#include "spec.h"
#include "taps.h"

/*
 * A function's command line with %ip, %netmask, %gateway, %gateway-mac, %ready, %functions (where its peers are) and
 * %dns (whom to ask, or "none") filled in, then its environment as words. Where the function has none,
 * "ip=%ip/30,%gateway gateway-mac=%gateway-mac", which is what our guest runtime reads, and "dns=%dns" if it may ask
 * anybody. The caller's to free; NULL: no memory.
 */
char *cmdline_make(const struct spec *spec, const struct tap *tap, uint16_t ready_port, const char *token);

#endif
