/* SPDX-License-Identifier: Apache-2.0 */
/* The io guest's network card (io_net.c) for its loads (io_net_load.c). Ring 3. */
#ifndef IO_NET_H
#define IO_NET_H

#include "io_proto.h"

struct io_result;

extern uint32_t net_size; /* of the frames that a run is about, bytes */

/* Frames filled in, receive buffers offered, HELLO answered. */
void net_ready(void);
/* Puts a frame into the queue; waits for room there. Nobody is told before net_kick or net_wait. */
void net_send(enum io_op op, uint32_t seq, uint32_t count, uint32_t bytes);
void net_kick(void);
/* Tells the device, then waits for a frame. */
void net_wait(void);
/* The next frame, valid until the next call, or NULL. */
const struct io_frame *net_receive(uint32_t *bytes);

void net_begin(struct io_result *r);
void net_end(struct io_result *r, uint64_t n);

#endif
