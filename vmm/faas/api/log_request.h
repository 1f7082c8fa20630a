/* SPDX-License-Identifier: Apache-2.0 */
/* What a request to /system/logs asks for. */
#ifndef FAAS_LOG_REQUEST_H
#define FAAS_LOG_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "spec.h"

struct call;

/* Texts are "" where there was none. since: Unix nanoseconds, 0: all there is; tail: lines at most, UINT32_MAX: all. */
struct log_request {
	char function[SPEC_NAME + 1], instance[SPEC_NAME + 32];
	uint64_t since;
	uint32_t tail;
	bool follow;
};

/* 0, or -EINVAL: since or tail is none, or something cannot be read. */
int log_request_read(const struct call *call, struct log_request *out);
/* A time of RFC 3339, or a duration before now ("10m"). 0 or -EINVAL. */
int log_since(const char *text, uint64_t *ns);

#endif
