/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 on lwIP's raw API: keep-alive, pipelining, bodies by length or in chunks. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

/* Listens; requests are answered by handle() of ukvmm_fn.h. False: no memory. */
bool http_listen(uint16_t port);

#endif
