/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TAP_H
#define CLI_TAP_H

/* Opens a tap of the host for a worker, which cannot. An fd, or -1 after a report. */
int tap_open(const char *name);

#endif
