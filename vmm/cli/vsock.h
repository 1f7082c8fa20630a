/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_VSOCK_H
#define CLI_VSOCK_H

#include "device_options.h"

/* Adds the device. A socket at its path that nobody listens on any more, left by a run that was
 * killed, is taken away first. 0, or -1 after a report. */
int vsock_add(const struct vsock_options *o, const char *name, struct ukvmm_vm *vm);

#endif
