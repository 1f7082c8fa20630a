/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMON_TAP_H
#define COMMON_TAP_H

/* Opens a tap of the host for a worker, which cannot: an fd for UKVMM_NET_TAP, or negative errno and the call that
 * failed. */
int tap_open(const char *name, const char **call);

#endif
