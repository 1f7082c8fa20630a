/* SPDX-License-Identifier: Apache-2.0 */
/* Instances as microVMs, each in a worker process of its own with a tap of its own. */
#ifndef FAAS_VM_H
#define FAAS_VM_H

#include "instance.h"

extern const struct backend_ops vm_backend;

#endif
