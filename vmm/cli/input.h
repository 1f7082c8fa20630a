/* SPDX-License-Identifier: Apache-2.0 */
/* stdin to the guest's console. A pipe or file waits while the console is full; what is typed on a terminal meanwhile
 * is dropped, so that Ctrl-a x is always seen. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "io.h"

/* Looks at what stdin is and, if it can be waited for, adds it to io->epoll with `tag`. */
void input_init(struct io *io, uint64_t tag);

/* Serves stdin: it is readable, or the console takes more, or retry_at has come, or it is a file. Sets *quit on
 * Ctrl-a x. */
void input_step(struct io *io, int console, uint64_t tag, bool *quit);

/* Whether it waits for the console to take more. */
bool input_waits(const struct input *in);

/* When input_step wants to be called without being readable: 0 never, 1 at once, else a time. */
uint64_t input_due(const struct input *in);

#endif
