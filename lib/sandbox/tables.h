/* SPDX-License-Identifier: Apache-2.0 */
/* Every room's calls, and which sets of grants are a filter of their own. For the generator and the tests. */
#ifndef SANDBOX_TABLES_H
#define SANDBOX_TABLES_H

#include <stdbool.h>

#include "calls.h"

/* Ends with NULL. */
extern const struct call_table *const call_tables[];

/* Every set that a struct ukvmm_sandbox_config can ask for, in the order of the filters; 0 is the end. */
extern const uint16_t call_sets[];

#endif
