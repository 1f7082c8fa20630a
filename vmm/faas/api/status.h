/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAAS_STATUS_H
#define FAAS_STATUS_H

#include "api/job.h"

/* A function as OpenFaaS's list has it, with ours in "ukvmm". */
cJSON *status_of_function(const struct function_view *view);
/* Unix seconds as "2026-01-02T03:04:05Z". */
void status_time(uint64_t seconds, char text[32]);

/* functions.c: tries the job's spec; answers. */
void functions_try(struct job *job);

#endif
