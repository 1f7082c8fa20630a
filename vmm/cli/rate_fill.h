/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_RATE_FILL_H
#define CLI_RATE_FILL_H

#include "message.h"

static inline struct message_rate rate_fill(const struct ukvmm_rate *r)
{
	return (struct message_rate){ r->bytes_per_s, r->bytes_burst, r->ops_per_s, r->ops_burst };
}

#endif
