/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_FAAS_PROCESS_H
#define TEST_FAAS_PROCESS_H

#include "instance.h"

extern const struct backend_ops process_backend;

#endif
