/* SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"

#include <linux/seccomp.h>

static const struct call_rule rules[] = {
	CALL("seccomp", CALL_CREATE, "a narrower filter later", CALL_EQ32(0, SECCOMP_SET_MODE_FILTER),
		CALL_EQ32(1, 0)),
};

CALL_TABLE(sandbox);
