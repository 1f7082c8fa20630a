/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_AGAIN_H
#define CLI_AGAIN_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A run that was killed leaves a worker that is about to die, and holds its locks and sockets until then: who finds
 * something in use looks again for a while. *since is 0 at first. True, after some milliseconds: look again.
 */
bool again(uint64_t *since);

#endif
