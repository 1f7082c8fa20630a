/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_FORWARD_H
#define CLI_FORWARD_H

/*
 * A port of the host that leads to one of the guest: "[ADDR:]PORT[:GUEST]" (ADDR as 127.0.0.1 or
 * [::1]; none: every address), into what passt(1) takes: "ADDR/PORT:GUEST", malloc'ed. NULL, or
 * what is wrong with it.
 */
const char *forward_spec(const char *text, const char **spec);

#endif
