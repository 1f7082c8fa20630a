/* SPDX-License-Identifier: Apache-2.0 */
/* Where a URL leads. */
#ifndef OUT_URL_H
#define OUT_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "ukvmm_fn.h"

struct url {
	char host[256];	       /* a name or A.B.C.D, with its zero */
	uint16_t port;
	struct fn_str authority; /* HOST[:PORT], as it stands there */
	struct fn_str target;  /* path and query; may begin with '?', or be empty */
};

/* Of http://HOST[:PORT][/PATH][?QUERY]. False: it is none, or has what a request must not have. */
bool url_read(const char *text, struct url *url);

#endif
