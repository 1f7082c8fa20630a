/* SPDX-License-Identifier: Apache-2.0 */
/* A pairing heap of timers, by their point in time. Needs no memory of its own. */
#ifndef FAAS_HEAP_H
#define FAAS_HEAP_H

#include "loop.h"

void heap_insert(struct loop_timer **root, struct loop_timer *timer);
void heap_remove(struct loop_timer **root, struct loop_timer *timer);

#endif
