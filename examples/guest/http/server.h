/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 on lwIP's raw API: keep-alive, pipelining, bodies by length or in chunks; bounded in connections, memory and
 * time. Words of the command line, for tests and unusual clients:
 *	http.connections=N	at most so many at once; else one for each 8 KiB of memory, at most 16384
 *	http.handles=N		so many handle()s may wait for others at once; else by memory, 4 to 256 (out/task.c)
 *	http.head=MS		how long a client may take for a request's head (10 s)
 *	http.idle=MS		how long a connection may wait for another request (60 s)
 *	http.stall=MS		how long a body, in either direction, may stop, or be late at a KiB a second (10 s)
 *	http.yield=MS		how long one has waited for a request before it gives way to a new one (1 s) */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

/* Listens; requests are answered by handle() of ukvmm_fn.h. False: no memory. */
bool http_listen(uint16_t port);
/* After frames were handled. */
void http_turn(void);

#endif
