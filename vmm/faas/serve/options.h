/* SPDX-License-Identifier: Apache-2.0 */
/* What `ukvmm-faas serve` is told: by options, or by a file of lines "OPTION = VALUE", which options override. */
#ifndef FAAS_OPTIONS_H
#define FAAS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "network.h"

struct serve_options {
	char *listen, *metrics, *callback, *state, *user, *password_file, *addresses, *config, *uplink, *resolver;
	uint64_t memory, drain_ns, header_ns, idle_ns;
	uint32_t starting, pool, pool_most, connections;
	enum network network;
	bool json, no_sandbox, unsafe;
};

/* 0, 1 or 2 as a program's exit status; said why. help: printed, nothing to do. */
int options_read(struct serve_options *o, int argc, char **argv, bool *help);
void options_free(struct serve_options *o);

#endif
