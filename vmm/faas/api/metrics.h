/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters for Prometheus: those of OpenFaaS's gateway and provider by their names, ours as ukvmm_*. Loop's thread.
 */
#ifndef FAAS_METRICS_H
#define FAAS_METRICS_H

#include "api/app.h"

struct meters *meters_new(void);
void meters_free(struct meters *m);
/* A request to a function: it began, it is over (relay.h). */
void meters_begun(void *app, const char *function);
void meters_over(void *app, const char *function, unsigned int status, uint64_t ns);
/* Any request to the server that is over. */
void meters_request(struct meters *m, const struct http_record *record);
void metrics_answer(struct app *app, struct call *call);

#endif
